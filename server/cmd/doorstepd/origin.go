package main

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/doorstep-sync/doorstep/server/store"
)

// ownCentre refuses a backup of another centre: its people, devices and records would stand in for those of this one, and
// no phone would know the centre any more. What the folder's database began with tells, else that of the newest database
// that was set aside; a folder that holds none takes any.
func ownCentre(db, fresh, backup string, county int64) error {
	was, err := formerOrigin(db, county)
	if err != nil {
		return err
	}
	is, err := store.ReadOrigin(fresh, county)
	if err != nil || !was.Foreign(is) { // what cannot be read is said by whoever opens it
		return nil
	}
	return usage("%s is the backup of another centre: that one began %s, the one in %s began %s (county %d both). Nothing was changed; give this centre's backup, another --data, or --other-centre if that centre is to take this one's place",
		backup, called(is), filepath.Dir(db), called(was), county)
}

// formerOrigin gives what the centre in the folder began with, the zero value if there was none.
func formerOrigin(db string, county int64) (store.Origin, error) {
	aside, err := filepath.Glob(db + ".before-*")
	if err != nil {
		return store.Origin{}, err
	}
	slices.Sort(aside)
	slices.Reverse(aside) // their names are their times
	for _, path := range append([]string{db}, aside...) {
		if strings.HasSuffix(path, "-wal") || strings.HasSuffix(path, "-shm") {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if o, err := store.ReadOrigin(path, county); err == nil && o.At != 0 {
			return o, nil // one that is damaged is why there is a restore: then the one before has to do
		}
	}
	return store.Origin{}, nil
}

// called names a centre by when it began and the start of its first entry's hash.
func called(o store.Origin) string {
	hash := o.Audit
	if hash == nil {
		hash = o.History
	}
	return time.UnixMilli(o.At).Format("2006-01-02 15:04") + " (" + hex.EncodeToString(hash[:min(4, len(hash))]) + ")"
}
