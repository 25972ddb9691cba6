package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func folding() *fold {
	t := &schema.Table{Name: "home", Columns: append(schema.BuiltIn(),
		&schema.Column{Name: "phone", Type: schema.TypeText, Policy: schema.PolicyLWW}, &schema.Column{Name: "head", Type: schema.TypeText, Policy: schema.PolicyReview})}
	s := &schema.Schema{Tables: []*schema.Table{t}}
	s.Index()
	return &fold{table: t, old: map[string]schema.Value{}, colBase: map[string]se.Base{}, base: se.Base{Epoch: 1, Seq: 9}}
}

func at(seq int64) se.Base { return se.Base{Epoch: 1, Seq: seq} }

// What a cell was before is its first old value, and what its author had seen is the least that he had seen when he wrote it.
func TestFoldTakesTheFirstValueAndTheLowestBase(t *testing.T) {
	for _, bases := range [][2]int64{{5, 3}, {3, 5}} {
		f := folding()
		f.add(&Capture{Op: CaptureUpdate, Col: "phone", Old: schema.Text("first"), Base: at(bases[0])})
		f.add(&Capture{Op: CaptureUpdate, Col: "phone", Old: schema.Text("second"), Base: at(bases[1])})
		f.add(&Capture{Op: CaptureUpdate, Col: "head", Old: schema.Text("w"), Base: at(7)})
		require.Equal(t, schema.Text("first"), f.old["phone"])
		require.Equal(t, map[string]se.Base{"phone": at(3), "head": at(7)}, f.colBase)
		require.Equal(t, at(3), f.base)
		require.True(t, f.existed)
	}
}

// A row that is replaced was there before, with the values that were kept for its new one. What was kept for an insert that
// was ignored belongs to none that follows.
func TestFoldOfAReplacedRow(t *testing.T) {
	now := func(f *fold) Image {
		row := make(Image, len(f.table.Cells))
		for i, cell := range f.table.Cells {
			row[i] = make([]schema.Value, len(cell.Columns))
		}
		row[f.table.CellIndex("phone")][0] = schema.Text("now")
		return row
	}
	f := folding()
	f.add(&Capture{Op: CaptureKept, Col: "phone", Old: schema.Text("was"), Base: at(5)})
	f.add(&Capture{Op: CaptureInsert, Base: at(5)})
	require.True(t, f.existed)
	require.Equal(t, "was", f.before(now(f))[f.table.CellIndex("phone")][0].Str())

	f = folding()
	f.add(&Capture{Op: CaptureKept, Col: "phone", Old: schema.Text("ignored"), Base: at(5)})
	require.False(t, f.started, "nothing happened yet")
	f.add(&Capture{Op: CaptureUpdate, Col: "head", Old: schema.Text("w"), Base: at(5)})
	f.add(&Capture{Op: CaptureInsert, Base: at(5)})
	require.True(t, f.before(now(f))[f.table.CellIndex("phone")][0].IsNull(), "it was empty when the row was replaced: no value was kept for that")

	f = folding()
	f.add(&Capture{Op: CaptureInsert, Base: at(5)})
	require.False(t, f.existed)
	require.Nil(t, f.before(now(f)), "a new row was nothing before")

	f = folding()
	f.add(&Capture{Op: CaptureUpdate, Col: "head", Old: schema.Text("w"), Base: at(5)})
	require.Equal(t, "now", f.before(now(f))[f.table.CellIndex("phone")][0].Str(), "what was not touched is as it was")
	require.Equal(t, "w", f.before(now(f))[f.table.CellIndex("head")][0].Str())
}
