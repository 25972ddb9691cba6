package own

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// TestInsert: the change has everything that the record has, or fewer bytes would be measured.
func TestInsert(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	r := record.Generate(1, 1)[0]
	require.Len(t, Values(&r, "h"), len(record.Columns)-1)
	c, err := Insert(s, &r, "370115003239001", r.Home.String())
	require.NoError(t, err)
	var got []any
	for _, w := range c.Cells {
		for _, v := range w.Values {
			got = append(got, v.Any())
		}
	}
	want := append([]any{"370115003239001"}, Values(&r, r.Home.String())...)
	require.ElementsMatch(t, want, got)
	for _, name := range AllColumns {
		require.NotNil(t, s.Table(Table).Column(name), name)
	}
}

// TestHomes: every household that a record names is entered, behind a door of its own.
func TestHomes(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	list := record.Generate(1, 5000)
	names := Households(list)
	require.Len(t, names, 500)
	changes, err := Homes(s, "370115003239001", "01941f29-7c00-7000-8000-00000000000c", names)
	require.NoError(t, err)
	require.Len(t, changes, 1+2*len(names))
	ids := map[string]bool{}
	for _, c := range changes {
		ids[string(c.Row)] = true
	}
	require.Len(t, ids, len(changes))
	require.False(t, slices.ContainsFunc(list, func(r record.Record) bool { return !ids[r.Home.String()] }))
}

// TestPack: nothing of a record is lost by columns.
func TestPack(t *testing.T) {
	list := Store(record.Generate(1, 500), "370115003239001", "01941f29-7c00-7000-8000-000000000001")
	b := Pack(list)
	back, err := Unpack(b)
	require.NoError(t, err)
	require.Len(t, back, len(list))
	for i := range list {
		require.Equal(t, list[i].All(), back[i].All())
		require.EqualValues(t, 7, Row(&list[i].Record).Version())
	}
	for cut := range 2000 {
		_, err := Unpack(b[:cut])
		require.Error(t, err, cut)
	}
}
