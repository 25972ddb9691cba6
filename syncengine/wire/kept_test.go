package wire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// A frame whose items are encoded once for many says what it says alone, to each of them, in either format.
func TestKeptItems(t *testing.T) {
	items := []se.DeltaItem{
		{Seq: 3, Kind: se.DeltaEvict, Table: "home", Row: "01890000-0000-7000-8000-000000000001"},
		{Seq: 4, Kind: se.DeltaRow, Table: "home", Row: "01890000-0000-7000-8000-000000000002", Whole: true,
			Cells: []se.CellValue{{Cell: "phone", Values: []schema.Value{schema.Text("138"), schema.Null(), schema.Int(-1)}}}},
	}
	kept := &se.Kept{}
	for _, f := range []Format{Binary, JSON} {
		for _, view := range []string{"one", "another"} {
			d := se.Delta{View: view, From: se.Base{Epoch: 1, Seq: 2}, Scope: "g", Items: items, Start: se.Position{Seq: 2}, After: se.Position{Seq: 4, Key: "k"},
				Done: true, To: se.Base{Epoch: 1, Seq: 4}, LastN: 7, Scopes: []se.StagedScope{{Scope: "g", After: se.Position{Seq: 4, Key: "k"}}}}
			alone, err := Marshal(&session.Delta{Delta: d}, f)
			require.NoError(t, err)
			d.Kept = kept
			together, err := Marshal(&session.Delta{Delta: d}, f)
			require.NoError(t, err)
			want, err := Unmarshal(alone, f, se.DefaultLimits)
			require.NoError(t, err)
			got, err := Unmarshal(together, f, se.DefaultLimits)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, len(alone), len(together))
		}
	}
	_, err := kept.Do(func() ([]byte, error) { t.Fatal("the items are encoded once"); return nil, nil })
	require.NoError(t, err)
	_, err = Marshal(&session.Delta{Delta: se.Delta{Items: []se.DeltaItem{{}}, Kept: &se.Kept{}}}, Binary)
	require.Error(t, err)
}
