package crowd

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// TestGlance: what a glance finds is what the codec reads, and what is said back is what the codec would write.
func TestGlance(t *testing.T) {
	frame := &session.Delta{Delta: se.Delta{View: "v1", From: se.Base{Epoch: 2, Seq: 7}, Scope: Grid(0), Start: se.Position{Seq: 7}, After: se.Position{Seq: 300}, Done: true,
		To: se.Base{Epoch: 2, Seq: 300}, Scopes: []se.StagedScope{{Scope: Grid(0), After: se.Position{Seq: 300}}}, LastN: 5, HLC: 9, History: se.Hash{1}, MAC: se.Hash{2}}}
	for rows := range 3 {
		b, err := wire.Marshal(frame, wire.Binary)
		require.NoError(t, err)
		g, ok := glance(b)
		require.True(t, ok)
		require.Equal(t, glanced{rows, frame.To, "v1"}, g)
		for cut := range len(b) {
			if got, ok := glance(b[:cut]); ok {
				require.NotEqual(t, g, got, cut)
			}
		}
		want, err := wire.Marshal(&session.Seen{Frames: 17, Epoch: 2, Cursor: 300, View: "v1"}, wire.Binary)
		require.NoError(t, err)
		require.Equal(t, want, seenBytes(17, g))
		frame.Items = append(frame.Items, se.DeltaItem{Seq: 300, Kind: se.DeltaRow, Table: "hazard", Row: "01941f29-7c00-7000-8000-000000000001", Whole: true,
			Cells: []se.CellValue{{Cell: "description", Values: []schema.Value{schema.Text("井盖松动")}}}})
	}
	frame.Items, frame.Packed, frame.Snapshot, frame.Chunk, frame.Reset = nil, []byte{1}, "s", 1, true
	for _, m := range []session.Message{frame, &session.Notice{Code: session.NoticeBusy, Text: "x"}} {
		b, err := wire.Marshal(m, wire.Binary)
		require.NoError(t, err)
		_, ok := glance(b)
		require.False(t, ok)
	}
}
