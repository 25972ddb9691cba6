package trust

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) { imports.Check(t, "clients/trust", "server", "schema", "syncengine") }

const pin = "00443214c74254b635cf84653a56d7c675be77df0000000000000000000000ff"

func TestCodes(t *testing.T) {
	require.Equal(t, "0123456789ABCDEFGHJK", fingerprint(pin)) // server/transport has the same line
	code, print := SplitCode("abcde-fghjk-ol234-56789-ABCDE FGHJK")
	require.Equal(t, "ABCDEFGHJK", code)
	require.Equal(t, "0123456789ABCDEFGHJK", print)
	code, print = SplitCode("ABCDE-FGHJK")
	require.Equal(t, "ABCDEFGHJK", code)
	require.Empty(t, print)
	for typed, want := range map[string]bool{pin: true, "01234-56789-ABCDE-FGHJK": true, "01234": false, "": false, pin[1:]: false, "U1234-56789-ABCDE-FGHJK": false} {
		_, ok := ParseFingerprint(typed)
		require.Equal(t, want, ok, typed)
	}
	require.True(t, Trust{Pins: []string{"0123456789ABCDEFGHJK"}}.matches(pin))
	require.False(t, Trust{Pins: []string{"0123456789ABCDEFGHJM"}}.matches(pin))
	require.False(t, Trust{Pins: []string{"0"}}.matches(pin))
}

func TestCheckURL(t *testing.T) {
	for _, c := range []struct {
		url   string
		trust Trust
		ok    bool
	}{
		{"https://centre.example", Trust{}, true},
		{"http://127.0.0.1:1", Trust{}, true},
		{"http://[::1]:1", Trust{}, true},
		{"http://localhost", Trust{}, true},
		{"http://localhost.example", Trust{}, false},
		{"http://127.0.0.1.example", Trust{}, false},
		{"http://10.0.0.1", Trust{}, false},
		{"http://10.0.0.1", Trust{Plain: true}, true},
		{"http://127.0.0.1", Trust{Pins: []string{pin}}, false},
		{"http://10.0.0.1", Trust{Pins: []string{pin}, Plain: true}, false},
		{"wss://centre.example", Trust{Pins: []string{pin}}, true},
	} {
		err := c.trust.CheckURL(c.url)
		require.Equal(t, c.ok, err == nil, "%s %+v", c.url, c.trust)
		if !c.ok {
			require.ErrorIs(t, err, ErrPlainText)
		}
	}
}

// What a centre announces is kept only if it would not lock the device out.
func TestAnnounced(t *testing.T) {
	other := "11443214c74254b635cf84653a56d7c675be77df0000000000000000000000ff"
	c := NewCentre(Trust{Pins: []string{"0123456789ABCDEFGHJK"}})
	_, anew := c.Announced([]string{pin, other})
	require.False(t, anew, "nothing was proved yet")
	c.met = pin
	_, anew = c.Announced([]string{other})
	require.False(t, anew)
	_, anew = c.Announced([]string{"nonsense", pin, other})
	require.True(t, anew)
	require.Equal(t, []string{pin, other}, c.Trust().Pins)
	_, anew = c.Announced([]string{pin, other})
	require.False(t, anew)
}
