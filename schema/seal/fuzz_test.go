package seal

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOpen opens any bytes. What opens is, byte for byte, what sealing that text for that place makes: nothing else was
// ever sealed here.
func FuzzOpen(f *testing.F) {
	key := Key{Table: "person", Column: "phone", ID: 7}
	copy(key.Secret[:], "0123456789abcdef0123456789abcdef")
	ring := NewRing([]Key{key})
	for _, text := range []string{"", "13800138000", "370102199003078515", "\x80\x00", "a text that is longer than one block of it"} {
		sealed, err := ring.Seal("person", "phone", "r1", text)
		require.NoError(f, err)
		f.Add(sealed, "r1", text)
		f.Add(sealed[:len(sealed)-1], "r1", text)
		f.Add(sealed, "r2", text)
	}
	f.Fuzz(func(t *testing.T, sealed []byte, row, text string) {
		if out, err := ring.Open("person", "phone", row, sealed); err == nil {
			again, err := ring.Seal("person", "phone", row, out)
			if err != nil || string(again) != string(sealed) {
				t.Fatalf("%x opens as %q, which seals as %x", sealed, out, again)
			}
		} else if !errors.Is(err, ErrForged) && !errors.Is(err, ErrNoKey) {
			t.Fatal(err)
		}
		own, err := ring.Seal("person", "phone", row, text)
		require.NoError(t, err)
		if out, err := ring.Open("person", "phone", row, own); err != nil || out != text {
			t.Fatalf("%q opens as %q, %v", text, out, err)
		}
		if _, err := ring.Open("person", "phone", row+"x", own); !errors.Is(err, ErrForged) {
			t.Fatalf("opened in another row: %v", err)
		}
	})
}
