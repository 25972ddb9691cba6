package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// What waits on one connection is committed in portions, so that other devices wait for no more than one; a message is
// never torn.
func TestPortion(t *testing.T) {
	submits := func(sizes ...int) (out []*session.Submit) {
		for _, n := range sizes {
			out = append(out, &session.Submit{Changesets: make([]*se.Changeset, n)})
		}
		return out
	}
	require.Equal(t, 3, portion(submits(1, 1, 1)))
	require.Equal(t, 2, portion(submits(most-1, 1, 1)))
	require.Equal(t, 1, portion(submits(most+1, 1)))
	require.Equal(t, 1, portion(submits(1, most)))
}
