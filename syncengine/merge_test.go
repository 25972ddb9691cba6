package syncengine

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/schema"
)

func cellOf(p schema.Policy, queue bool) *schema.Cell {
	col := &schema.Column{Name: "c", Type: schema.TypeText, Policy: p, Queue: queue}
	if p == schema.PolicyMax || p == schema.PolicyMin {
		col.Rank = []string{"low", "medium", "high"}
	}
	if p == schema.PolicyAdd {
		col.Type = schema.TypeInt
	}
	return &schema.Cell{Name: "c", Columns: []*schema.Column{col}, Policy: p, Queue: queue}
}

// put is one write of a truth table: device, n, base, effective time, value; its seq is its place in the list.
type put struct {
	dev   string
	n     int64
	base  int64
	at    int64
	value string
}

// play merges writes in order and prints the cell: what it shows, then the survivors that do not stand, then fates.
func play(def *schema.Cell, puts ...put) string {
	var cell Cell
	var fates []string
	for i, p := range puts {
		w := Write{Device: p.dev, N: p.n, Base: Base{1, p.base}, Epoch: 1, Seq: int64(i + 1), At: p.at, Values: []schema.Value{schema.Text(p.value)}}
		var f Fate
		cell, f = Merge(cell, w, def)
		fates = append(fates, [...]string{"", "stands", "won", "converged", "combined", "candidate", "lost"}[f])
	}
	var cand []string
	for _, w := range cell.Candidates() {
		cand = append(cand, w.Values[0].Str())
	}
	sort.Strings(cand)
	return fmt.Sprintf("%s [%s] %s @%d", cell.Values(def)[0], strings.Join(cand, " "), strings.Join(fates, ","), cell.Shown)
}

func TestMergeTruthTable(t *testing.T) {
	lww, review, most := cellOf(schema.PolicyLWW, false), cellOf(schema.PolicyReview, false), cellOf(schema.PolicyMax, true)
	least, quiet := cellOf(schema.PolicyMin, true), cellOf(schema.PolicyMax, false)
	for _, c := range []struct {
		what string
		def  *schema.Cell
		puts []put
		want string
	}{
		{"first write", review, []put{{"a", 1, 0, 5, "x"}}, "x [] stands @1"},
		{"seen is replaced, though its clock was ahead", review, []put{{"a", 1, 0, 999, "x"}, {"b", 1, 1, 5, "y"}}, "y [] stands,stands @2"},
		{"own earlier write is seen without a base", review, []put{{"a", 1, 0, 9, "x"}, {"a", 2, 0, 5, "y"}}, "y [] stands,stands @2"},
		{"concurrent and later wins, the other waits", review, []put{{"a", 1, 0, 5, "x"}, {"b", 1, 0, 6, "y"}}, "y [x] stands,won @2"},
		{"concurrent and earlier waits", review, []put{{"a", 1, 0, 6, "x"}, {"b", 1, 0, 5, "y"}}, "x [y] stands,candidate @1"},
		{"same time: the device decides", review, []put{{"b", 1, 0, 5, "x"}, {"a", 1, 0, 5, "y"}}, "x [y] stands,candidate @1"},
		{"lww keeps no candidate", lww, []put{{"a", 1, 0, 6, "x"}, {"b", 1, 0, 5, "y"}}, "x [] stands,lost @1"},
		{"lww replaced concurrently", lww, []put{{"a", 1, 0, 5, "x"}, {"b", 1, 0, 6, "y"}}, "y [] stands,won @2"},
		{"equal values stand together", review, []put{{"a", 1, 0, 5, "x"}, {"b", 1, 0, 4, "x"}}, "x [] stands,converged @1"},
		{"who saw one of two equal values has not seen the other", review,
			[]put{{"a", 1, 0, 5, "x"}, {"b", 1, 0, 4, "x"}, {"c", 1, 1, 9, "y"}}, "y [x] stands,converged,won @3"},
		{"a candidate is not seen by who saw only what stood", review,
			[]put{{"a", 1, 0, 5, "x"}, {"b", 1, 0, 6, "y"}, {"c", 1, 2, 7, "z"}}, "z [x] stands,won,stands @3"},
		{"a base from while it stood sees what was displaced since", review,
			[]put{{"a", 1, 0, 5, "x"}, {"b", 1, 0, 6, "y"}, {"c", 1, 1, 4, "z"}}, "y [z] stands,won,candidate @2"},
		{"the displaced author's next edit with a pending base leaves the other standing or waiting", review,
			[]put{{"a", 1, 0, 5, "x"}, {"b", 1, 0, 6, "y"}, {"a", 2, 0, 7, "z"}}, "z [y] stands,won,won @3"},
		{"max shows the greater, whatever came later", most, []put{{"a", 1, 0, 5, "high"}, {"b", 1, 0, 6, "medium"}}, "high [medium] stands,candidate @1"},
		{"max without a queue", quiet, []put{{"a", 1, 0, 5, "high"}, {"b", 1, 0, 6, "medium"}}, "high [medium] stands,lost @1"},
		{"max: all survivors count as shown", most,
			[]put{{"a", 1, 0, 5, "high"}, {"b", 1, 0, 6, "medium"}, {"c", 1, 2, 1, "low"}}, "low [] stands,candidate,stands @3"},
		{"max: who saw only the high one leaves the medium one, which shows again", most,
			[]put{{"a", 1, 0, 5, "high"}, {"b", 1, 0, 6, "medium"}, {"c", 1, 1, 1, "low"}}, "medium [low] stands,candidate,candidate @3"},
		{"min", least, []put{{"a", 1, 0, 5, "high"}, {"b", 1, 0, 4, "low"}}, "low [high] stands,won @2"},
		{"an unknown code never hides a known one", most, []put{{"a", 1, 0, 5, "extreme"}, {"b", 1, 0, 6, "low"}}, "low [extreme] stands,won @2"},
	} {
		require.Equal(t, c.want, play(c.def, c.puts...), c.what)
	}
}

// TestOtherEpoch: a base of an older epoch has not seen what came in a newer one, whatever its seq.
func TestOtherEpoch(t *testing.T) {
	def := cellOf(schema.PolicyReview, false)
	cell, _ := Merge(Cell{}, Write{Device: "a", N: 1, Epoch: 2, Seq: 5, At: 1, Values: []schema.Value{schema.Text("x")}}, def)
	cell, fate := Merge(cell, Write{Device: "b", N: 1, Base: Base{1, 9}, Epoch: 2, Seq: 6, At: 2, Values: []schema.Value{schema.Text("y")}}, def)
	require.Equal(t, FateWon, fate)
	require.Len(t, cell.Candidates(), 1)
}

func TestApply(t *testing.T) {
	set := cellOf(schema.PolicyUnion, false)
	in := func(dev string, n, base, seq int64) Write {
		return Write{Device: dev, N: n, Base: Base{1, base}, Epoch: 1, Seq: seq}
	}
	c, _ := Apply(Cell{}, in("a", 1, 0, 1), CellWrite{In: []string{"x", "y"}}, set)
	require.Equal(t, `["x","y"]`, c.Values(set)[0].Str())
	c, _ = Apply(c, in("b", 1, 0, 2), CellWrite{In: []string{"x"}}, set)
	require.Equal(t, int64(1), c.Shown, "the set is the same")
	d, _ := Apply(c, in("c", 1, 1, 3), CellWrite{Out: []string{"x", "y"}}, set)
	require.Equal(t, `["x"]`, d.Values(set)[0].Str(), "the addition it had not seen wins")
	d, _ = Apply(c, in("c", 1, 2, 3), CellWrite{Out: []string{"x", "y"}}, set)
	require.Equal(t, `[]`, d.Values(set)[0].Str())
	require.Equal(t, `["x","y"]`, c.Values(set)[0].Str(), "the cell given is not changed")

	sum := cellOf(schema.PolicyAdd, false)
	c, _ = Apply(Cell{}, in("a", 1, 0, 1), CellWrite{Add: schema.Int(5)}, sum)
	c, _ = Apply(c, in("b", 1, 0, 2), CellWrite{Add: schema.Int(-2)}, sum)
	require.Equal(t, schema.Int(3), c.Values(sum)[0])
	c, _ = Apply(c, in("b", 2, 0, 3), CellWrite{Add: schema.Int(1<<63 - 1)}, sum)
	require.Equal(t, schema.Int(1<<63-1), c.Values(sum)[0], "stops at the end of 64 bits")
}

// TestSurvivorsByCausality plays random devices against one cell with the true happens-before kept outside the
// rules: nothing unseen is removed, nothing seen is kept, and what has seen the standing value stands.
func TestSurvivorsByCausality(t *testing.T) {
	for _, p := range []schema.Policy{schema.PolicyReview, schema.PolicyMax, schema.PolicyMin} {
		t.Run(string(p), func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { causality(t, cellOf(p, true)) }) })
	}
}

type replicaModel struct {
	dev     string
	n       int64
	cursor  int64
	visible map[string]bool // ids of writes whose effect it has seen
	pending bool
	base    int64
}

func causality(t *rapid.T, def *schema.Cell) {
	var cell Cell
	seq := int64(0)
	seenBy := map[string]map[string]bool{} // write → all it had seen
	all := map[string]Write{}
	devs := []*replicaModel{{dev: "a"}, {dev: "b"}, {dev: "c"}}
	for _, d := range devs {
		d.visible = map[string]bool{}
	}
	values := []string{"low", "medium", "high"}
	for range rapid.IntRange(2, 30).Draw(t, "steps") {
		d := devs[rapid.IntRange(0, 2).Draw(t, "device")]
		if rapid.Bool().Draw(t, "pull") { // the replica takes what stands; its own pending edit has ended
			// Seen is what the replica shows at the moment of the edit, and what that had seen: a value that showed for
			// a while and lost to a concurrent one is a candidate for everybody.
			d.cursor, d.pending = seq, false
			for x := range d.visible {
				if !strings.HasPrefix(x, d.dev) {
					delete(d.visible, x)
				}
			}
			for _, w := range cell.Survivors {
				if w.Stands() || def.Policy != schema.PolicyReview {
					id := fmt.Sprint(w.Device, w.N)
					d.visible[id] = true
				}
			}
			continue
		}
		if !d.pending {
			d.base, d.pending = d.cursor, true
		}
		d.n++
		seq++
		id := fmt.Sprint(d.dev, d.n)
		seen := map[string]bool{}
		for x := range d.visible {
			seen[x] = true
			for y := range seenBy[x] {
				seen[y] = true
			}
		}
		seenBy[id] = seen
		d.visible[id] = true
		w := Write{Device: d.dev, N: d.n, Base: Base{1, d.base}, Epoch: 1, Seq: seq, At: rapid.Int64Range(-3, 3).Draw(t, "at"),
			Values: []schema.Value{schema.Text(rapid.SampledFrom(values).Draw(t, "value"))}}
		all[id] = w
		sawAll := true // of what stands: equal values of several devices stand together
		for _, x := range cell.Survivors {
			sawAll = sawAll && (!x.Stands() || seen[fmt.Sprint(x.Device, x.N)])
		}
		var fate Fate
		cell, fate = Merge(cell, w, def)
		if sawAll && def.Policy == schema.PolicyReview {
			require.NotEqual(t, FateCandidate, fate, "it had seen what stands")
		}
		var kept []string
		for _, s := range cell.Survivors {
			kept = append(kept, fmt.Sprint(s.Device, s.N))
		}
		for x := range all {
			replaced := false
			for y := range all {
				replaced = replaced || seenBy[y][x]
			}
			require.Equal(t, !replaced, slices.Contains(kept, x), "write %s survives exactly if nobody who saw it wrote after", x)
		}
		require.NotNil(t, cell.Standing())
	}
}
