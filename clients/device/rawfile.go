package device

import (
	"os"
	"sync"
)

// rawFile is a replica's file as bytes, beside SQLite. POSIX takes all locks on a file from a process that closes any
// descriptor of it: so there is one for all, and it is closed when nobody in this process uses it any more.
type rawFile struct {
	*os.File
	info  os.FileInfo
	users int
}

var raws struct {
	sync.Mutex
	open []*rawFile
}

// openRaw gives it. The caller releases it, after SQLite has closed the file.
func openRaw(path string) (*rawFile, error) {
	raws.Lock()
	defer raws.Unlock()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	for _, f := range raws.open {
		if os.SameFile(f.info, info) {
			f.users++
			return f, nil
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &rawFile{File: file, info: info, users: 1}
	raws.open = append(raws.open, f)
	return f, nil
}

func (f *rawFile) release() {
	if f == nil {
		return
	}
	raws.Lock()
	defer raws.Unlock()
	if f.users--; f.users > 0 {
		return
	}
	for i, x := range raws.open {
		if x == f {
			raws.open = append(raws.open[:i], raws.open[i+1:]...)
			break
		}
	}
	_ = f.Close()
}
