package load

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
)

// FuzzLoad feeds one file of any content, under each of the names that are read: the answer is a schema whose SQL can
// be written, or faults that name the file, never a panic.
func FuzzLoad(f *testing.F) {
	for _, c := range faults {
		f.Add(byte(3), []byte(c.text))
	}
	f.Add(byte(3), []byte(steps("", "")))
	_ = fs.WalkDir(schema.Files, ".", func(path string, e fs.DirEntry, _ error) error {
		if text, err := schema.Files.ReadFile(path); err == nil {
			kind := map[byte]byte{'v': 0, 'c': 2, 'r': 3}[path[0]]
			if path == "roles.yaml" {
				kind = 1
			}
			f.Add(kind, text)
		}
		return nil
	})
	names := []string{"version.yaml", "roles.yaml", "codes/x.yaml", "records/x.yaml"}
	f.Fuzz(func(t *testing.T, kind byte, text []byte) {
		name := names[int(kind)%len(names)]
		s, err := Load(county(map[string]string{name: string(text)}))
		if err == nil {
			_, _ = ddl.Replica(s), ddl.Centre(s)
			return
		}
		var faults schema.Faults
		if !errors.As(err, &faults) {
			require.Greater(t, len(text), maxFile, "%v", err)
			return
		}
		for _, x := range faults {
			require.NotEmpty(t, x.Source.File, x.Error())
			require.NotEmpty(t, x.Do, x.Error())
			require.Less(t, len(x.Error()), 1000, "a hostile text floods the message")
		}
	})
}
