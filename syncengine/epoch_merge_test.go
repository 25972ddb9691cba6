package syncengine

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/schema"
)

// late is a write in the epoch after a restore.
type late struct {
	dev   string
	n     int64
	base  Base
	at    int64
	value string
}

// restored plays writes against a cell in which "a" wrote "x" at seq 90 of epoch 1, which ended at 100 with more lost.
func restored(def *schema.Cell, l Lineage, puts ...late) string {
	cell, _ := Merge(Cell{}, Write{Device: "a", N: 1, Base: Base{1, 80}, Epoch: 1, Seq: 90, At: 50, Values: []schema.Value{schema.Text("x")}}, def)
	var fates []string
	for i, p := range puts {
		w := Write{Device: p.dev, N: p.n, Base: p.base, Epoch: 2, Seq: int64(101 + i), At: p.at, Values: []schema.Value{schema.Text(p.value)}}
		var f Fate
		cell, f = l.Merge(cell, w, def)
		fates = append(fates, [...]string{"", "stands", "won", "converged", "combined", "candidate", "lost"}[f])
	}
	var cand []string
	for _, w := range cell.Candidates() {
		cand = append(cand, w.Values[0].Str())
	}
	sort.Strings(cand)
	return fmt.Sprintf("%s [%s] %s", cell.Values(def)[0], strings.Join(cand, " "), strings.Join(fates, ","))
}

func TestMergeAcrossEpochs(t *testing.T) {
	known := Lineage{Epochs: []EndedEpoch{{1, 100}}}
	review, lww, most := cellOf(schema.PolicyReview, false), cellOf(schema.PolicyLWW, false), cellOf(schema.PolicyMax, true)
	for _, c := range []struct {
		what string
		def  *schema.Cell
		l    Lineage
		puts []late
		want string
	}{
		{"a base before the restored head has seen all of it", review, known, []late{{"b", 1, Base{1, 95}, 1, "y"}}, "y [] stands"},
		{"a base before the write has not, and no clock is asked", review, known, []late{{"b", 1, Base{1, 85}, 1, "y"}}, "y [x] won"},
		{"the smaller base waits, though its clock is ahead", review, known, []late{{"b", 1, Base{1, 70}, 999, "y"}}, "x [y] candidate"},
		{"of equal bases what stands stays", review, known, []late{{"b", 1, Base{1, 80}, 999, "y"}}, "x [y] candidate"},
		{"beyond the restored head: it replaces, and what it replaces is a candidate", review, known, []late{{"b", 1, Base{1, 130}, 1, "y"}}, "y [x] won"},
		{"a lost cause and its effect come in the wrong order: the effect stands", review, known,
			[]late{{"c", 1, Base{1, 130}, 1, "effect"}, {"b", 1, Base{1, 110}, 999, "cause"}}, "effect [cause x] won,candidate"},
		{"in the right order: the cause waits as a candidate", review, known,
			[]late{{"b", 1, Base{1, 110}, 999, "cause"}, {"c", 1, Base{1, 130}, 1, "effect"}}, "effect [cause x] won,won"},
		{"who saw the new epoch replaces what was offered again", review, known,
			[]late{{"b", 1, Base{1, 130}, 1, "y"}, {"c", 1, Base{2, 101}, 0, "z"}}, "z [x] won,stands"},
		{"what comes late stands back behind who has seen the new epoch", review, known,
			[]late{{"c", 1, Base{2, 100}, 0, "z"}, {"b", 1, Base{1, 130}, 999, "y"}}, "z [y] stands,candidate"},
		{"own earlier writes are seen across epochs", review, known,
			[]late{{"b", 1, Base{1, 130}, 5, "y"}, {"b", 2, Base{1, 130}, 6, "z"}}, "z [x] won,stands"},
		{"an epoch that this centre never had is seen in part", review, Lineage{Epochs: []EndedEpoch{{0, 100}}}, []late{{"b", 1, Base{1, 95}, 1, "y"}}, "y [x] won"},
		{"two lines had the same epoch: nothing of it is taken as seen", review, Lineage{Epochs: []EndedEpoch{{1, 0}}}, []late{{"b", 1, Base{1, 95}, 1, "y"}}, "y [x] won"},
		{"the zero base is of no epoch: among its like clocks decide", review, known,
			[]late{{"b", 1, Base{}, 7, "y"}}, "x [y] candidate"},
		{"once restored, who had seen nothing stands back behind who has seen something: he may have been seen in what was lost", review, known,
			[]late{{"b", 1, Base{2, 100}, 1, "y"}, {"c", 1, Base{}, 999, "z"}}, "y [z] stands,candidate"},
		{"lww keeps what has the larger base", lww, known, []late{{"b", 1, Base{1, 130}, 1, "y"}, {"c", 1, Base{1, 110}, 999, "z"}}, "y [] won,lost"},
		{"max: what was there at the restored head counts as shown", most, known, []late{{"b", 1, Base{1, 130}, 1, "low"}}, "low [] stands"},
		{"max: what was offered again does not", most, known,
			[]late{{"b", 1, Base{1, 110}, 1, "high"}, {"c", 1, Base{1, 130}, 1, "low"}}, "high [low] stands,candidate"},
		{"a copy has seen its parent's writes up to the fork", review, Lineage{Parents: []WriteID{{"a", 1}}}, []late{{"b", 2, Base{}, 0, "y"}}, "y [] stands"},
		{"and none after it", review, Lineage{Parents: []WriteID{{"a", 0}}}, []late{{"b", 1, Base{2, 50}, 99, "y"}}, "y [x] won"},
	} {
		require.Equal(t, c.want, restored(c.def, c.l, c.puts...), c.what)
	}
}

// TestSetsAcrossEpochs: a removal takes away what was there at the restored head, and nothing that was offered again.
func TestSetsAcrossEpochs(t *testing.T) {
	set := cellOf(schema.PolicyUnion, false)
	l := Lineage{Epochs: []EndedEpoch{{1, 100}}}
	c, _ := Apply(Cell{}, Write{Device: "a", N: 1, Epoch: 1, Seq: 90}, CellWrite{In: []string{"old"}}, set)
	c, _ = l.Apply(c, Write{Device: "b", N: 1, Base: Base{1, 130}, Epoch: 2, Seq: 101}, CellWrite{In: []string{"new"}}, set)
	d, _ := l.Apply(c, Write{Device: "c", N: 1, Base: Base{1, 140}, Epoch: 2, Seq: 102}, CellWrite{Out: []string{"new", "old"}}, set)
	require.Equal(t, `["new"]`, d.Values(set)[0].Str())
	d, _ = l.Apply(c, Write{Device: "c", N: 1, Base: Base{1, 85}, Epoch: 2, Seq: 102}, CellWrite{Out: []string{"new", "old"}}, set)
	require.Equal(t, `["new","old"]`, d.Values(set)[0].Str())
	d, _ = l.Apply(c, Write{Device: "b", N: 2, Base: Base{1, 130}, Epoch: 2, Seq: 102}, CellWrite{Out: []string{"new"}}, set)
	require.Equal(t, `["old"]`, d.Values(set)[0].Str(), "one's own addition is always seen")
	d, _ = (Lineage{Parents: []WriteID{{"b", 1}}}).Apply(c, Write{Device: "d", N: 2, Epoch: 2, Seq: 102}, CellWrite{Out: []string{"new"}}, set)
	require.Equal(t, `["old"]`, d.Values(set)[0].Str(), "and so is that of the replica that one is a copy of")
}

// TestNothingUnseenGoesAcrossEpochs: whatever comes back in whatever order, a reviewed cell loses only what somebody saw
// in this store or made himself; and something always stands.
func TestNothingUnseenGoesAcrossEpochs(t *testing.T) {
	def := cellOf(schema.PolicyReview, false)
	rapid.Check(t, func(t *rapid.T) {
		l := Lineage{Epochs: []EndedEpoch{{1, rapid.Int64Range(0, 10).Draw(t, "last")}}}
		cell, seq := Cell{}, int64(0)
		ns := map[string]int64{}
		for range rapid.IntRange(1, 12).Draw(t, "writes") {
			seq++
			epoch := int64(1)
			if seq > l.Epochs[0].Last {
				epoch = 2
			}
			dev := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "device")
			ns[dev]++
			b := Base{1, rapid.Int64Range(0, 14).Draw(t, "base")}
			if epoch == 1 {
				b.Seq = min(b.Seq, seq-1)
			} else if rapid.Bool().Draw(t, "now") {
				b = Base{2, rapid.Int64Range(l.Epochs[0].Last, seq-1).Draw(t, "seen")}
			}
			in := Write{Device: dev, N: ns[dev], Base: b, Epoch: epoch, Seq: seq, At: rapid.Int64Range(-3, 3).Draw(t, "at"),
				Values: []schema.Value{schema.Text(rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "value"))}}
			after, _ := l.Merge(cell, in, def)
			for _, s := range cell.Survivors {
				kept := false
				for _, x := range after.Survivors {
					kept = kept || x.ID() == s.ID()
				}
				part := b.Epoch == 1 && epoch == 2 && b.Seq > l.Epochs[0].Last
				shown := s.From > 0 && s.From <= b.Seq && (s.To == 0 || s.To > b.Seq)
				require.True(t, kept || s.Device == dev || shown && !part, "%s#%d went unseen", s.Device, s.N)
			}
			cell = after
			require.NotNil(t, cell.Standing())
		}
	})
}

// relatives is a store that knows devices alone.
type relatives struct {
	ReadTx
	devices map[string]*Device
	kin     map[string][]WriteID
}

func (f relatives) Device(id string) (*Device, error) { return f.devices[id], nil }

func (f relatives) Kin(device string) ([]WriteID, error) { return f.kin[device], nil }

// A copy that was made of another copy's early state has little of what they both come from.
func TestPastOfACopyOfACopy(t *testing.T) {
	b, c := &Device{ID: "b", Parent: "a", Fork: 10}, &Device{ID: "c", Parent: "b", Fork: 5}
	from, kin, err := family(relatives{devices: map[string]*Device{"a": {ID: "a", Copied: true}, "b": b}, kin: map[string][]WriteID{"a": {{"k", 9}}}}, c, 1)
	require.NoError(t, err)
	l := Lineage{Parents: from, Kin: kin}
	require.True(t, l.own("c", 6, WriteID{"a", 5}))
	require.True(t, l.own("c", 6, WriteID{"b", 5}))
	require.False(t, l.own("c", 20, WriteID{"a", 6}), "that is of the time after the copy was made")
	require.True(t, l.own("c", 6, WriteID{"k", 5}), "who shares work with its past is its past")
	require.False(t, l.own("c", 20, WriteID{"k", 6}))
}

// In the first epoch nothing was lost yet: a write has seen what its author says, though he wrote after something that had
// seen more (a form that was open for long). Once a centre is put back, this base is what it stands back by.
func TestBaseOfTheFirstEpochStaysAsItWasSaid(t *testing.T) {
	def := cellOf(schema.PolicyReview, false)
	write := func(dev string, n, base, epoch, seq int64, value string) Write {
		return Write{Device: dev, N: n, Base: Base{1, base}, Epoch: epoch, Seq: seq, At: seq, Values: []schema.Value{schema.Text(value)}}
	}
	cell, _ := Merge(Cell{}, write("a", 1, 80, 1, 90, "x"), def)
	cell, _ = Merge(cell, write("a", 2, 70, 1, 91, "y"), def)
	cell, fate := Lineage{Epochs: []EndedEpoch{{1, 100}}}.Merge(cell, write("b", 1, 75, 2, 101, "z"), def)
	require.Equal(t, FateWon, fate)
	require.Equal(t, "z", cell.Values(def)[0].Str())
}
