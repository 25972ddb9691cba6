package load

import (
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
	if err != nil {
		return nil, fmt.Errorf("open declarations: %w; give a folder that exists, or none", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open declarations: %s is not a folder; give the folder that holds records/ and codes/", dir)
	}
	return Load(folder{os.DirFS(dir), dir + "/"})
}

type folder struct {
	fs.FS
	prefix string
}

func (f folder) Prefix() string { return f.prefix }
