package device_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// A device that was killed, or lost its power, while it made its key must be able to enrol: what it left behind holds
// no key that any centre could know.
func TestEnrolAfterAKeyThatWasNotFinished(t *testing.T) {
	centre := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"device":"` + deviceA + `","account":"` + account + `"}`))
	}))
	defer centre.Close()
	r, err := device.Create(filepath.Join(t.TempDir(), "a.db"), device.Options{})
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, os.WriteFile(device.KeyPath(r.Path()), nil, 0o600))
	_, err = r.Enrol(bg, device.Enrolment{Centre: centre.URL, Code: "AAAAA-AAAAA", Label: "phone"})
	require.NoError(t, err)
	_, err = r.KeyTokens(bg, nil)
	require.NoError(t, err)
}
