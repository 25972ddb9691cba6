// Package durable writes small files so that neither a crash nor a power cut leaves half of one. It knows nothing of
// what is in them.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile replaces what is in a file, for this user alone (mode 0600), whatever its mode was. On return the text is
// durable under the name. Whatever happens meanwhile, the name leads to the old text or the new one, never to a part;
// of several writers at once the last one stands.
func WriteFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes durable which names a folder holds.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
