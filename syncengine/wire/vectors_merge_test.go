package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// The JSON forms of a cell's version, for vectors only: nothing sends them.
type (
	cellJSON struct {
		Shown     int64             `json:"shown"`
		Survivors []writeJSON       `json:"survivors,omitempty"`
		Sum       json.RawMessage   `json:"sum,omitempty"`
		Elements  []elementJSON     `json:"elements,omitempty"`
		Shows     []json.RawMessage `json:"shows"`
	}
	writeJSON struct {
		Device string            `json:"device"`
		N      int64             `json:"n"`
		Seq    int64             `json:"seq"`
		Epoch  int64             `json:"epoch"`
		Base   [2]int64          `json:"base"` // epoch, seq
		At     int64             `json:"at"`
		Values []json.RawMessage `json:"values,omitempty"`
		From   int64             `json:"from,omitempty"`
		To     int64             `json:"to,omitempty"`
	}
	elementJSON struct {
		Value string    `json:"value"`
		Tags  []tagJSON `json:"tags"`
	}
	tagJSON struct {
		Device string `json:"device"`
		N      int64  `json:"n"`
		Seq    int64  `json:"seq"`
		Epoch  int64  `json:"epoch"`
	}
	opJSON struct {
		Add json.RawMessage `json:"add,omitempty"`
		In  []string        `json:"in,omitempty"`
		Out []string        `json:"out,omitempty"`
	}
	// mergeVector is one step: Merge for a write with values, Apply for one with op.
	mergeVector struct {
		Name   string    `json:"name"`
		Policy string    `json:"policy"`
		Queue  bool      `json:"queue,omitempty"`
		Rank   []string  `json:"rank,omitempty"`
		Before cellJSON  `json:"before"`
		Write  writeJSON `json:"write"`
		Op     *opJSON   `json:"op,omitempty"`
		After  cellJSON  `json:"after"`
		Fate   string    `json:"fate"`
	}
)

func writeToJSON(t *testing.T, w *se.Write) writeJSON {
	out := writeJSON{Device: w.Device, N: w.N, Seq: w.Seq, Epoch: w.Epoch, Base: [2]int64{w.Base.Epoch, w.Base.Seq}, At: w.At, From: w.From, To: w.To}
	if w.Values != nil {
		out.Values = valuesJSON(t, w.Values)
	}
	return out
}

func cellToJSON(t *testing.T, c *se.Cell, def *schema.Cell) cellJSON {
	out := cellJSON{Shown: c.Shown, Shows: valuesJSON(t, c.Values(def))}
	for i := range c.Survivors {
		out.Survivors = append(out.Survivors, writeToJSON(t, &c.Survivors[i]))
	}
	if !c.Sum.IsNull() {
		out.Sum = compact(t, valueToWire(c.Sum))
	}
	for _, e := range c.Elements {
		x := elementJSON{Value: e.Value}
		for _, g := range e.Tags {
			x.Tags = append(x.Tags, tagJSON(g))
		}
		out.Elements = append(out.Elements, x)
	}
	return out
}

func cellDef(p schema.Policy, queue bool) *schema.Cell {
	col := &schema.Column{Name: "c", Type: schema.TypeText, Policy: p, Queue: queue}
	switch p {
	case schema.PolicyMax, schema.PolicyMin:
		col.Rank = []string{"low", "medium", "high"}
	case schema.PolicyAdd:
		col.Type = schema.TypeInt
	case schema.PolicyUnion:
		col.Type = schema.TypeSet
	}
	return &schema.Cell{Name: "c", Columns: []*schema.Column{col}, Policy: p, Queue: queue}
}

// TestMergeVectors: what Merge and Apply make of a cell, in named cases and in seeded random ones (I23).
func TestMergeVectors(t *testing.T) {
	var list []mergeVector
	var def *schema.Cell
	var cell se.Cell
	begin := func(p schema.Policy, queue bool) { def, cell = cellDef(p, queue), se.Cell{} }
	step := func(name string, w se.Write, op *se.CellWrite) {
		v := mergeVector{
			Name: name, Policy: string(def.Policy), Queue: def.Queue, Rank: def.Columns[0].Rank,
			Before: cellToJSON(t, &cell, def), Write: writeToJSON(t, &w),
		}
		var fate se.Fate
		if op == nil {
			cell, fate = se.Merge(cell, w, def)
		} else {
			v.Op = &opJSON{In: op.In, Out: op.Out}
			if !op.Add.IsNull() {
				v.Op.Add = compact(t, valueToWire(op.Add))
			}
			cell, fate = se.Apply(cell, w, *op, def)
		}
		v.After, v.Fate = cellToJSON(t, &cell, def), fateName(t, fate)
		list = append(list, v)
	}
	write := func(dev string, n, base, seq, at int64, text ...string) se.Write {
		w := se.Write{Device: dev, N: n, Base: se.Base{Epoch: 1, Seq: base}, Seq: seq, Epoch: 1, At: at}
		for _, s := range text {
			w.Values = append(w.Values, schema.Text(s))
		}
		return w
	}

	begin(schema.PolicyReview, false)
	step("review: the first write stands", write(devA, 1, 0, 1, 500, "x"), nil)
	step("review: a concurrent later one wins, the other is a candidate", write(devB, 1, 0, 2, 600, "y"), nil)
	step("review: a concurrent earlier one is a candidate", write("c", 1, 0, 3, 400, "z"), nil)
	step("review: the same value converges", write("d", 1, 0, 4, 100, "y"), nil)
	step("review: its author's own candidate goes with his next write", write("c", 2, 4, 5, 700, "w"), nil)
	step("review: who saw what stands replaces it, whatever his clock", write("e", 1, 5, 6, -9, "v"), nil)
	begin(schema.PolicyReview, false)
	step("epochs: the first write", write(devA, 1, 0, 9, 5, "x"), nil)
	later := write(devB, 1, 3, 10, 4, "y")
	later.Base.Epoch, later.Epoch = 2, 2
	step("epochs: a base of a later epoch but a smaller seq has not seen it", later, nil)
	begin(schema.PolicyLWW, false)
	step("lww: the first write", write(devA, 1, 0, 1, 500, "x"), nil)
	step("lww: a concurrent earlier one is lost", write(devB, 1, 0, 2, 400, "y"), nil)
	step("lww: at the same time the greater device wins", write("zz", 1, 0, 3, 500, "z"), nil)
	for _, queue := range []bool{true, false} {
		begin(schema.PolicyMax, queue)
		step("max: the first write", write(devA, 1, 0, 1, 5, "high"), nil)
		step("max: a smaller one does not show", write(devB, 1, 0, 2, 6, "medium"), nil)
		step("max: who saw only the greatest takes it away", write("c", 1, 1, 3, 1, "low"), nil)
		step("max: a value that has no rank is below all that have", write("d", 1, 0, 4, 1, "extreme"), nil)
	}
	begin(schema.PolicyMin, true)
	step("min: the first write", write(devA, 1, 0, 1, 5, "high"), nil)
	step("min: the least shows", write(devB, 1, 0, 2, 4, "low"), nil)
	begin(schema.PolicyAdd, false)
	step("add: a sum begins", write(devA, 1, 0, 1, 0), &se.CellWrite{Add: schema.Int(5)})
	step("add: concurrent or not", write(devB, 1, 0, 2, 0), &se.CellWrite{Add: schema.Int(-2)})
	step("add: it stops at the end of 64 bits", write(devB, 2, 0, 3, 0), &se.CellWrite{Add: schema.Int(9_223_372_036_854_775_807)})
	begin(schema.PolicyUnion, false)
	step("union: two elements", write(devA, 1, 0, 1, 0), &se.CellWrite{In: []string{"b", "a"}})
	step("union: again, concurrently", write(devB, 1, 0, 2, 0), &se.CellWrite{In: []string{"a"}})
	step("union: a removal takes only what its author had seen", write("c", 1, 1, 3, 0), &se.CellWrite{Out: []string{"a", "b"}})
	step("union: what is not there is removed in vain", write("c", 2, 3, 4, 0), &se.CellWrite{Out: []string{"zz"}})
	step("union: the last one goes", write("c", 3, 4, 5, 0), &se.CellWrite{Out: []string{"a"}})

	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 7))
		policies := []schema.Policy{schema.PolicyReview, schema.PolicyLWW, schema.PolicyMax, schema.PolicyMin, schema.PolicyUnion, schema.PolicyAdd}
		begin(policies[seed%6], seed%12 < 6)
		counts := map[string]int64{}
		for seq := int64(1); seq <= 12; seq++ {
			dev := []string{devA, devB, "c", "d"}[r.IntN(4)]
			counts[dev]++
			w := write(dev, counts[dev], r.Int64N(seq), seq, r.Int64N(6))
			name := fmt.Sprintf("random %d.%d", seed, seq)
			word := []string{"low", "medium", "high", "x"}[r.IntN(4)]
			switch def.Policy {
			case schema.PolicyUnion:
				op := &se.CellWrite{In: []string{word}}
				if r.IntN(2) == 0 {
					op = &se.CellWrite{Out: []string{word}}
				}
				step(name, w, op)
			case schema.PolicyAdd:
				step(name, w, &se.CellWrite{Add: schema.Int(r.Int64N(9) - 4)})
			default:
				w.Values = []schema.Value{schema.Text(word)}
				step(name, w, nil)
			}
		}
	}
	vectors(t, "merge.json", list)
}

func fateName(t *testing.T, f se.Fate) string {
	name := map[se.Fate]string{
		se.FateStands: "stands", se.FateWon: "won", se.FateConverged: "converged", se.FateCombined: "combined",
		se.FateCandidate: "candidate", se.FateLost: "lost",
	}[f]
	require.NotEmpty(t, name)
	return name
}
