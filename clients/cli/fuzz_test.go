package cli

import (
	"testing"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// FuzzBase reads any text as a cursor that a person gives back (epoch:seq). What is taken is shown and read as the same.
func FuzzBase(f *testing.F) {
	for _, s := range []string{"", "1:0", "1:9223372036854775807", "2:5", "0:1", "1:-1", "+1:02", "1:2:3", ":", "1", " 1:2", "１:２"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseBase(text)
		if err != nil {
			return
		}
		if b == (se.Base{}) {
			if text != "" {
				t.Fatalf("%q is read as no cursor", text)
			}
			return
		}
		if again, err := parseBase(base(b)); err != nil || again != b || b.Epoch < 1 || b.Seq < 0 {
			t.Fatalf("%q is read as %v, which is %v, %v", text, b, again, err)
		}
	})
}
