package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func pendingEdit(n int64, cell string, base int64) Pending {
	return Pending{N: n, Change: se.Change{Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: cell, Base: at(base), Values: []schema.Value{schema.Text("x")}}}}}
}

// The base of an edit is lowered by what hides the cell: the newest edit of it that is still pending. It is never raised.
func TestBaseOfAnEditOverPendingOnes(t *testing.T) {
	cell := folding().table.Cell("phone")
	added := pendingEdit(1, "phone", 2)
	added.Change.Cells[0] = se.CellWrite{Cell: "phone", Base: at(2), Add: schema.Int(1)}
	deleted := Pending{N: 1, Change: se.Change{Op: se.OpDelete, Base: at(4)}}
	for name, x := range map[string]struct {
		pending []Pending
		want    int64
	}{
		"nothing":                    {nil, 7},
		"an older one":               {[]Pending{pendingEdit(1, "phone", 5)}, 5},
		"one that had seen more":     {[]Pending{pendingEdit(1, "phone", 9)}, 7},
		"of two the newest":          {[]Pending{pendingEdit(1, "phone", 3), pendingEdit(2, "phone", 6)}, 6},
		"of two the newest, no more": {[]Pending{pendingEdit(1, "phone", 3), pendingEdit(2, "phone", 9)}, 7},
		"of another cell":            {[]Pending{pendingEdit(1, "head", 2)}, 7},
		"an operation hides nothing": {[]Pending{added}, 7},
		"a deletion":                 {[]Pending{deleted}, 4},
		"a row that was made here":   {[]Pending{{N: 1, Change: se.Change{Op: se.OpInsert, Cells: []se.CellWrite{{Cell: "phone"}}}}}, 0},
	} {
		want := at(x.want)
		if x.want == 0 {
			want = se.Base{}
		}
		require.Equal(t, want, pinned(at(7), cell, x.pending), name)
	}
	require.Equal(t, at(3), lowest(at(7), []Pending{pendingEdit(1, "phone", 5), pendingEdit(2, "head", 3), deleted}))
	require.Equal(t, at(4), lowest(at(7), []Pending{pendingEdit(1, "phone", 5), deleted}))
}

// The cursor vouches for what its view shows in that scope, and for nothing that has come into the view since.
func TestWhatTheCursorVouchesFor(t *testing.T) {
	f := folding()
	f.table.Views = map[string]*schema.View{"worker": {Rows: schema.RowsAll, Hidden: []string{"head"}}}
	s := &schema.Schema{Tables: []*schema.Table{f.table}}
	s.Index()
	z := &sealer{schema: s, ctl: &Control{Live: []se.Grant{{Scope: "g1", Role: "worker"}}, Unseen: []string{"home.scope"}}}
	for _, x := range []struct {
		scope, cell string
		want        bool
	}{{"g1", "phone", true}, {"g2", "phone", false}, {"g1", "head", false}, {"g1", "scope", false}} {
		require.Equal(t, x.want, z.vouched(f.table, x.scope, f.table.Cell(x.cell)), "%v", x)
	}
}

// A run of foreign changes is cut where the centre would not take more, by number and by size; before the first Welcome the
// usual limits hold.
func TestFit(t *testing.T) {
	changes := make([]se.Change, 5)
	for i := range changes {
		changes[i] = pendingEdit(1, "phone", 1).Change
	}
	size := changes[0].Size()
	require.Equal(t, 5, fit(changes, se.Limits{}))
	require.Equal(t, 5, fit(changes, se.DefaultLimits))
	require.Equal(t, 2, fit(changes, se.Limits{MaxChangeset: 1 << 20, MaxFrame: 1 << 20, MaxChanges: 2}))
	require.Equal(t, 3, fit(changes, se.Limits{MaxChangeset: 3 * size, MaxFrame: 1 << 20, MaxChanges: 9}))
	require.Equal(t, 2, fit(changes, se.Limits{MaxChangeset: 3*size - 1, MaxFrame: 1 << 20, MaxChanges: 9}))
	require.Equal(t, 3, fit(changes, se.Limits{MaxChangeset: 1 << 20, MaxFrame: 6 * size, MaxChanges: 9}))
	require.Equal(t, 1, fit(changes, se.Limits{MaxChangeset: 1, MaxFrame: 1, MaxChanges: 1}), "one goes in any case: the centre refuses it with a reason")
}

// A cell's base is what its own writer had seen: not what somebody had who wrote another cell of the row earlier. A cell of
// several columns takes the least of those that were written; a new row has seen nothing.
func TestBaseOfACellIsItsOwn(t *testing.T) {
	f := folding()
	group := func(name string) *schema.Column {
		return &schema.Column{Name: name, Type: schema.TypeReal, Policy: schema.PolicyReview, Group: "place"}
	}
	f.table.Columns = append(f.table.Columns, group("lat"), group("lon"))
	f.table.Views = map[string]*schema.View{"worker": {Rows: schema.RowsAll}}
	s := &schema.Schema{Tables: []*schema.Table{f.table}}
	s.Index()
	z := &sealer{schema: s, ctl: &Control{Live: []se.Grant{{Scope: "g1", Role: "worker"}}}}
	for col, seq := range map[string]int64{"phone": 5, "head": 7, "lat": 8, "lon": 6} {
		f.add(&Capture{Op: CaptureUpdate, Col: col, Base: at(seq)})
	}
	base := func(cell string, insert bool, pending ...Pending) se.Base {
		return z.base(f, f.table.Cell(cell), "g1", insert, pending)
	}
	require.Equal(t, at(5), base("phone", false))
	require.Equal(t, at(7), base("head", false))
	require.Equal(t, at(6), base("place", false))
	require.Equal(t, at(3), base("head", false, pendingEdit(1, "head", 3)))
	require.Equal(t, se.Base{}, base("head", true))
	require.Equal(t, at(4), base("head", true, Pending{N: 1, Change: se.Change{Op: se.OpDelete, Base: at(4)}}))
	require.Equal(t, se.Base{}, z.base(f, f.table.Cell("head"), "g2", false, nil), "a scope that the view does not show")
	f.colBase = map[string]se.Base{"lat": at(8)}
	require.Equal(t, at(8), base("place", false), "the other column was not written")
}
