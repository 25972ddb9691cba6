package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// full is a replica whose outbox never ends.
type full struct{ shelf }

func (f *full) Outbox(after int64, limit int) (out []*se.Changeset, err error) {
	for n := after + 1; n <= after+int64(limit); n++ {
		out = append(out, &se.Changeset{N: n})
	}
	return out, nil
}

// Retire names no limits: a device that is drained keeps to the window of the oldest centre.
func TestRetiredKeepsToTheSmallestWindow(t *testing.T) {
	d := NewDevice(&full{})
	_, err := d.Start("", "")
	require.NoError(t, err)
	out, err := d.Receive(&Retire{})
	require.NoError(t, err)
	require.Len(t, out, 64)
}
