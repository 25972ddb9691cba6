package seals

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSeals reads any bytes as the file with the keys of sealed columns. It is taken whole or not at all: each entry is a
// key of the ring, and the file is written and read again as the same.
func FuzzSeals(f *testing.F) {
	const secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	one := `{"table":"person","column":"phone","id":7,"secret":"` + secret + `","created":"2026-03-02T08:00:00Z"}`
	for _, s := range []string{"", "{}", `{"keys":null}`, `{"keys":[` + one + `]}`, `{"keys":[` + one + `,` + one + `]}`, `{"keys":[{"id":0,"secret":"` + secret + `"}]}`,
		`{"keys":[{"id":-1}]}`, `{"keys":[{"id":1,"match":true,"secret":"` + secret + `"}]}`, `{"KEYS":[` + one + `]}`, `{"keys":[` + one + `]} x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, ok := parse(text)
		if !ok {
			return
		}
		for _, k := range d.ring().Keys() {
			if k.ID == 0 || !k.Match && !d.ring().Knows(k.Table, k.Column, k.ID) {
				t.Fatalf("%v is in the file, and not to be used", k)
			}
		}
		written, err := json.Marshal(d)
		require.NoError(t, err)
		again, ok := parse(written)
		require.True(t, ok)
		require.Equal(t, d.ring().Keys(), again.ring().Keys())
	})
}
