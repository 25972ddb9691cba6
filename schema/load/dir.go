package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/doorstep-sync/doorstep/schema"
)

// LoadDir is Load with one folder of the disk on top of the built-in declarations; "" means none. This file is the
// only one here that knows the disk.
func LoadDir(dir string) (*schema.Schema, error) { //nolint:revive // load.Dir would read as a folder, not as a deed
	if dir == "" {
		return Default()
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, schema.NewFault(schema.Source{}, "give one that exists, or none for the built-in ones", "there is no folder of declarations %s", dir)
	case err != nil:
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("the folder of declarations %s cannot be opened (%w); give this user the right to read it", dir, err)
	case !info.IsDir():
		return nil, schema.NewFault(schema.Source{}, "give the folder that holds records/ and codes/", "%s is not a folder", dir)
	}
	return Load(folder{os.DirFS(dir), dir + "/"})
}

type folder struct {
	fs.FS
	prefix string
}

func (f folder) Prefix() string { return f.prefix }
