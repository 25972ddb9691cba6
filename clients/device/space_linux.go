package device

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes gives what is free on the disk of a file; 0 if that cannot be told.
func freeBytes(path string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(path), &st) != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}
