package record

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSizes: the record is that of the measured anchors, or ratios to them say nothing.
func TestSizes(t *testing.T) {
	list := Generate(1, 500)
	require.Equal(t, list, Generate(1, 500))
	var batch []byte
	text := 0
	for i := range list {
		r := &list[i]
		batch = Append(batch, r)
		b, err := json.Marshal(map[string]any{
			"id": r.ID, "home": r.Home, "worker": r.Worker, "kind": r.Kind, "state": r.State, "door": r.Door,
			"visited_at": r.Visited, "updated_at": r.Updated, "minutes": r.Minutes, "people": r.People, "risk": r.Risk, "note": r.Note,
		})
		require.NoError(t, err)
		text += len(b)
	}
	require.InDelta(t, 462, text/len(list), 10)
	require.InDelta(t, 283, len(batch)/len(list), 10)
	var back []Record
	require.NoError(t, Each(batch, func(r *Record) error { back = append(back, *r); return nil }))
	require.Equal(t, list, back)
	for cut := 1; cut < 300; cut++ {
		err := Each(batch[:cut], func(*Record) error { return nil })
		require.True(t, err != nil || cut == len(Append(nil, &list[0])), cut)
	}
}
