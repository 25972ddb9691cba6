package replica

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// bare is a replica with rows and a staged step. Where over is set it says that something may lie over rows, though nothing does:
// then a step is applied from memory, as a whole.
type bare struct {
	rowsOnly
	ctl     Control
	staged  []StagedItem
	lost    []LostRow
	over    bool
	reading bool // of what is staged
	early   int  // rows written meanwhile
}

func (b *bare) Control() (Control, error)                          { return b.ctl, nil }
func (b *bare) PutControl(c Control) error                         { b.ctl = c; return nil }
func (b *bare) Overlaid() (bool, error)                            { return b.over, nil }
func (b *bare) PendingUpTo(int64, int64) ([]RowKey, error)         { return nil, nil }
func (b *bare) KeptRows() ([]RowKey, error)                        { return nil, nil }
func (b *bare) UnderIDs(*schema.Table) ([]se.RowID, error)         { return nil, nil }
func (b *bare) DropUnder(*schema.Table, se.RowID) error            { return nil }
func (b *bare) PutLost(l LostRow) error                            { b.lost = append(b.lost, l); return nil }
func (b *bare) ClearStaged() error                                 { b.staged = nil; return nil }
func (b *bare) Pending(*schema.Table, se.RowID) ([]Pending, error) { return nil, nil }

func (b *bare) Under(*schema.Table, se.RowID) (Image, bool, error) { return nil, false, nil }

func (b *bare) Row(t *schema.Table, id se.RowID) (Image, error) {
	return clone(b.rows[RowKey{t.Name, id}]), nil
}

func (b *bare) PutRow(t *schema.Table, id se.RowID, row Image) error {
	if b.reading {
		b.early++
	}
	return b.rowsOnly.PutRow(t, id, clone(row))
}

func (b *bare) DeleteRow(t *schema.Table, id se.RowID) error {
	delete(b.rows, RowKey{t.Name, id})
	return nil
}

func (b *bare) RowIDs(t *schema.Table) (ids []se.RowID, err error) {
	for k := range b.rows {
		if k.Table == t.Name {
			ids = append(ids, k.Row)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (b *bare) EachStaged(fn func(*StagedItem) error) error {
	b.reading = true
	defer func() { b.reading = false }()
	for i := range b.staged {
		if err := fn(&b.staged[i]); err != nil {
			return err
		}
	}
	return nil
}

// A step goes through little memory where nothing lies over rows, and ends as one that is in memory as a whole: whatever it
// says of a row, however often and however far apart, and whatever there was before.
func TestStepBeyondWhatIsInHand(t *testing.T) {
	home := &schema.Table{Name: "home", Columns: append(schema.BuiltIn(), &schema.Column{Name: "phone", Type: schema.TypeText, Policy: schema.PolicyLWW})}
	work := &schema.Table{Name: "work", Columns: home.Columns}
	s := &schema.Schema{Tables: []*schema.Table{home, work}}
	s.Index()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		before, items := map[RowKey]Image{}, []StagedItem(nil)
		there := map[RowKey]bool{}
		row := func() (*schema.Table, se.RowID) { // few of them again and again, others once
			x := random.IntN(120)
			if random.IntN(3) == 0 {
				x = random.IntN(6)
			}
			return s.Tables[x%2], se.RowID(fmt.Sprint("r", x))
		}
		for range random.IntN(60) {
			t, id := row()
			image := blank(t)
			image[t.CellIndex(schema.CellScope)] = []schema.Value{schema.Text("g1")}
			image[t.CellIndex("phone")] = []schema.Value{schema.Text("before")}
			before[RowKey{t.Name, id}], there[RowKey{t.Name, id}] = image, true
		}
		scope := func() string { return fmt.Sprint("g", 1+random.IntN(2)) }
		for seq := range int64(300) {
			t, id := row()
			it := StagedItem{scope(), se.DeltaItem{Seq: seq, Table: t.Name, Row: id, Kind: se.DeltaRow, Whole: !there[RowKey{t.Name, id}] || random.IntN(2) == 0}}
			switch random.IntN(6) {
			case 0:
				it.Kind, it.Whole = se.DeltaDead, false
			case 1:
				it.Kind, it.Whole = se.DeltaEvict, false
			}
			there[RowKey{t.Name, id}] = false // for a change alone it has to be sure that the row is there
			if it.Kind == se.DeltaRow {
				there[RowKey{t.Name, id}] = true
				it.Cells = []se.CellValue{{Cell: "phone", Values: []schema.Value{schema.Text(fmt.Sprint(seq))}}}
				if it.Whole {
					it.Cells = append(it.Cells, se.CellValue{Cell: schema.CellScope, Values: []schema.Value{schema.Text(it.Scope)}})
				}
			}
			items = append(items, it)
		}
		last := &se.Delta{Scope: "g1", Done: true, Reset: random.IntN(2) == 0, To: se.Base{Epoch: 1 + random.Int64N(2), Seq: 400}}
		for i := range items { // the last frame's are among the others
			if items[i].Scope == "g1" && i%7 == 0 {
				last.Items = append(last.Items, items[i].DeltaItem)
				items[i].Scope = ""
			}
		}
		items = slices.DeleteFunc(items, func(it StagedItem) bool { return it.Scope == "" })
		ends := map[bool]*bare{}
		for _, over := range []bool{true, false} {
			b := &bare{rowsOnly: rowsOnly{rows: maps.Clone(before)}, staged: slices.Clone(items), over: over, ctl: Control{Epoch: 1}}
			require.NoError(t, apply(b, s, last), "seed %d", seed)
			ends[over] = b
		}
		require.Equal(t, ends[true].rows, ends[false].rows, "seed %d", seed)
		require.Equal(t, ends[true].lost, ends[false].lost, "seed %d", seed)
		require.Zero(t, ends[true].early)
		require.Greater(t, ends[false].early, len(items)/4, "seed %d: most of it is not kept in memory", seed)
	}
}
