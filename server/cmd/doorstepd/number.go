package main

import (
	"slices"

	"github.com/doorstep-sync/doorstep/server/store"
)

// ownCounty refuses a county's number that is not that of the folder's database: the centre would begin another county in
// it, with an administrator of its own, and take the epoch of this one for lost commits.
func ownCounty(path string, county int64) error {
	list, err := store.Counties(path)
	if err != nil || len(list) == 0 || slices.Contains(list, county) {
		return nil //nolint:nilerror // what cannot be read is said by whoever opens it
	}
	return usage("%s is the database of county %d, not of %d; start with --county %d, or give another --data", path, list[0], county, list[0])
}
