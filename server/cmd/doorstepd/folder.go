package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folder is the data folder, held by this process alone.
type folder struct {
	path string
	lock *os.File
}

// openFolder makes the data folder with mode 0700 and locks it, so that two centres never share a database.
func openFolder(path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, usage("the data folder %q cannot be found: %v", path, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, usage("the data folder %s cannot be made: %v; choose another with --data", path, cause(err))
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, failed("open data folder: %w", err)
	}
	if !info.IsDir() {
		return nil, usage("the data folder %s is a file; choose another with --data", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, usage("the data folder %s may be entered by others (mode %04o), and it holds keys and people's data; run: chmod 700 %s", path, info.Mode().Perm(), path)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, usage("the data folder %s cannot be written; give this user the right, or choose another with --data", path)
		}
		return nil, failed("lock data folder: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, failed("another doorstepd works in %s; stop it first, or choose another folder with --data", path)
	}
	return &folder{path, lock}, nil
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// Close gives the folder up.
func (f *folder) Close() error { return f.lock.Close() }
