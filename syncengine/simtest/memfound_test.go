package simtest

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// What a replica in memory finds is what a look at each of its rows finds, also after transactions that were undone, in a
// copy, and in a table of another version.
func TestFindIsALookAtEachRow(t *testing.T) {
	s := Schema()
	moves, rng := s.Table("move"), rand.New(rand.NewPCG(1, 1))
	cell := moves.CellIndex(moves.CellOf("matter_id").Name)
	id := func() se.RowID { return se.RowID('a' + rune(rng.IntN(20))) }
	some := func(m *MemDevice) {
		for range 1 + rng.IntN(4) {
			row := make(replica.Image, len(moves.Cells))
			for i, def := range moves.Cells {
				row[i] = make([]schema.Value, len(def.Columns))
			}
			row[cell][0] = schema.Text(string('0' + rune(rng.IntN(3))))
			if rng.IntN(3) == 0 {
				row = nil
			}
			m.setRow(replica.RowKey{Table: "move", Row: id()}, row)
		}
	}
	m := NewMemDevice(s, "d", "a")
	found := 0
	for i := range 2000 {
		switch i % 3 {
		case 0:
			_ = m.View(func(replica.Tx) error { some(m); return nil }) // undone
		case 1:
			_ = m.Update(func(replica.Tx) error { some(m); return nil })
		}
		of := moves
		switch i % 50 {
		case 7:
			was := m
			m = m.clone()
			_ = was.Update(func(replica.Tx) error { some(was); return nil })
		case 11:
			of = Schema().Table("move")
		}
		for _, v := range []schema.Value{schema.Text("0"), schema.Text("1"), schema.Text("2"), schema.Null()} {
			var want []se.RowID
			for _, id := range m.ids["move"] {
				if m.rows[replica.RowKey{Table: "move", Row: id}][cell][0] == v {
					want = append(want, id)
				}
			}
			got, err := m.Find(of, "matter_id", v)
			require.NoError(t, err)
			require.True(t, slices.Equal(want, got), "%v: %v, %v", v, want, got)
			found += len(got)
		}
	}
	require.Greater(t, found, 2000)
}

func TestCanariesAreThePattern(t *testing.T) {
	pattern, rng := regexp.MustCompile(`\bw\d+\b`), rand.New(rand.NewPCG(2, 2))
	found := 0
	for range 100_000 {
		text := make([]rune, rng.IntN(12))
		for i := range text {
			text[i] = []rune("ww12 9_xZ里:")[rng.IntN(10)]
		}
		want := pattern.FindAllString(string(text), -1)
		require.Equal(t, want, canaries(string(text)), "%q", string(text))
		found += len(want)
	}
	require.Greater(t, found, 1000)
}
