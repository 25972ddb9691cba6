package record

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJSON: what other programs read has every column, with the value that is in the record, and is as long as the anchors say.
func TestJSON(t *testing.T) {
	list, bytes := Generate(2, 500), 0
	for i := range list {
		r := &list[i]
		b, err := json.Marshal(r)
		require.NoError(t, err)
		require.NotContains(t, string(b), "\n")
		bytes += len(b)
		var back map[string]any
		require.NoError(t, json.Unmarshal(b, &back))
		require.Len(t, back, len(Columns))
		for k, want := range []any{
			r.ID.String(), r.Home.String(), r.Worker.String(), r.Kind, r.State, r.Door, float64(r.Visited), float64(r.Updated),
			float64(r.Minutes), float64(r.People), float64(r.Risk), r.Note,
		} {
			require.Equal(t, want, back[Columns[k]], Columns[k])
		}
	}
	require.InDelta(t, 462, bytes/len(list), 10)
}
