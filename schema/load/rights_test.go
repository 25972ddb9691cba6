package load

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A deletion counts as having seen all of the row (ARCHITECTURE.md §4): in the built-in declarations only those may delete
// who see all of it.
func TestWhoDeletesSeesAll(t *testing.T) {
	s, err := Default()
	require.NoError(t, err)
	n := 0
	for _, tb := range s.Tables {
		for role, r := range tb.Rights {
			if !r.Delete {
				continue
			}
			n++
			for _, def := range tb.Cells {
				require.True(t, tb.Access(role).Reads(def), "%s deletes %s and does not see %s", role, tb.Name, def.Name)
			}
		}
	}
	require.Positive(t, n)
}
