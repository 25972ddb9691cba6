package simtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// plain is the textbook's centre for cells with one value: changesets in order of arrival, one after the other, in a map. It
// knows what each author had before him because he hands it over, not by any base or clock of ours. wrong breaks one of
// its rules, so that the model of the oracle has something to find.
type plain struct {
	cell  []*write // what stands, first, and what waits
	wrong string
}

// takes lets a write meet the cell: whoever saw what stands replaces it; of two that did not see each other the later
// stands, and the other waits where people review.
func (p *plain) takes(w *write, review bool) {
	if p.wrong == "the same twice" || !slices.Contains(p.cell, w) {
		var rest []*write
		for _, x := range p.cell {
			if !saw(w, x) || p.wrong == "nothing was seen" {
				rest = append(rest, x)
			}
		}
		if len(p.cell) > 0 && (len(rest) == 0 || rest[0] != p.cell[0]) { // what stood was seen: whatever waits goes on waiting
			rest = append([]*write{w}, rest...)
		} else if len(rest) == 0 || earlier(rest[0], w) != (p.wrong == "the earlier stands") || slices.Equal(rest[0].vals, w.vals) {
			rest = append([]*write{w}, rest...)
		} else {
			rest = append(rest, w)
		}
		if p.cell = rest; !review || p.wrong == "nobody waits" {
			p.cell = rest[:1]
		}
	}
}

// saw is who had whom before him: by hand, for two devices and a few writes.
func saw(w, x *write) bool {
	return x.id.Device == w.id.Device && x.id.N < w.id.N || slices.Contains(w.saw.writes, x)
}

// rung is a world so small that its result is known by hand: what each of two people writes, whom he had seen, and what
// must stand and wait at the end.
type rung struct {
	name    string
	writes  []*write
	arrive  []int // in which order they reach the centre; one that is cut off comes twice
	stands  int
	waiting []int
	review  bool
}

func byHand(device string, n, at int64, text string, saw ...*write) *write {
	return &write{id: se.WriteID{Device: device, N: n}, at: at, vals: []schema.Value{schema.Text(text)}, saw: sight{writes: saw}}
}

func ladder() []rung {
	a1 := byHand("a", 1, 10, "one")
	a2 := byHand("a", 2, 20, "two", a1)
	b1 := byHand("b", 1, 5, "slow clock", a1, a2) // has seen a2, though its clock says earlier
	b2 := byHand("b", 1, 30, "apart", a1)
	b3 := byHand("b", 1, 15, "apart, and earlier", a1)
	return []rung{
		{"one device", []*write{a1, a2}, []int{0, 1}, 1, nil, true},
		{"two devices, one after the other", []*write{a1, a2, b1}, []int{0, 1, 2}, 2, nil, true},
		{"at the same time, the later comes last", []*write{a1, a2, b2}, []int{0, 1, 2}, 2, []int{1}, true},
		{"at the same time, the earlier comes last", []*write{a1, a2, b3}, []int{0, 1, 2}, 1, []int{2}, true},
		{"at the same time, nobody reviews", []*write{a1, a2, b3}, []int{0, 1, 2}, 1, nil, false},
		{"cut: the answer is lost, the same comes again", []*write{a1, a2, b3}, []int{0, 1, 1, 2, 2}, 1, []int{2}, true},
	}
}

// climb lets the plain centre and the oracle's model take a rung, and says in what they differ from what is known, and
// from each other.
func climb(r *rung, wrong string) (hand, model string) {
	def := &schema.Cell{Name: "head", Policy: schema.PolicyLWW}
	if r.review {
		def.Policy = schema.PolicyReview
	}
	p, c, done := &plain{wrong: wrong}, &mcell{def: def}, map[*write]bool{}
	for _, i := range r.arrive {
		p.takes(r.writes[i], r.review)
		if w := r.writes[i]; !done[w] {
			done[w] = true
			c.merge(w)
		}
	}
	var want, got, says []string
	want = append(want, fmt.Sprint("stands ", r.writes[r.stands].vals))
	for _, i := range r.waiting {
		want = append(want, fmt.Sprint("waits ", r.writes[i].vals))
	}
	for i, w := range p.cell {
		got = append(got, fmt.Sprint(map[bool]string{true: "stands ", false: "waits "}[i == 0], w.vals))
	}
	for _, s := range c.surv {
		says = append(says, fmt.Sprint(map[bool]string{true: "stands ", false: "waits "}[s.stands], s.vals))
	}
	for _, list := range [][]string{want, got, says} {
		slices.Sort(list)
	}
	if !slices.Equal(got, want) {
		hand = fmt.Sprintf("%v, by hand %v", got, want)
	}
	if !slices.Equal(got, says) {
		model = fmt.Sprintf("%v, the oracle says %v", got, says)
	}
	return hand, model
}

// TestLadder: before the oracle judges an engine it judges a plain one whose results are known by hand. It has nothing to
// say of the right one, and finds each wrong rule on the first rung on which it can show.
func TestLadder(t *testing.T) {
	for wrong, first := range map[string]int{
		"": -1, "nothing was seen": 0, "the earlier stands": 2, "nobody waits": 2, "the same twice": 5,
	} {
		at := -1
		rungs := ladder()
		for i := range rungs {
			hand, model := climb(&rungs[i], wrong)
			require.Equal(t, hand == "", model == "", "%q on %q: %s; %s", wrong, rungs[i].name, hand, model)
			if model != "" {
				at = i
				break
			}
		}
		require.Equal(t, first, at, "the lowest rung on which %q shows", wrong)
	}
}

// TestLadderOfWorlds: the oracle is silent on the engine's own lower rungs, where every step can be followed, before worlds
// with faults are believed.
func TestLadderOfWorlds(t *testing.T) {
	w, a, b := village(t)
	a.does(set1("family", at(3), "head", text("alone"))) // one device
	a.sync()
	b.pull()
	b.does(set1("family", at(3), "head", text("after it"))) // two, one after the other
	b.sync()
	a.pull()
	require.Equal(t, []string{"after it", "after it"}, []string{a.shows("family", at(3), "head"), b.shows("family", at(3), "head")})
	a.does(set1("family", at(3), "head", text("at once, first"))) // at once
	b.does(set1("family", at(3), "head", text("at once, later")))
	a.push()
	b.push()
	a.send()
	a.send() // cut: the same comes again
	a.pull()
	b.pull()
	shows, waiting := w.cell("family", at(3), "head")
	require.Equal(t, "at once, later", shows)
	require.Equal(t, 1, waiting)
	require.Equal(t, []string{shows, shows}, []string{a.shows("family", at(3), "head"), b.shows("family", at(3), "head")})
	r := Run(7, Options{Commits: 60}) // everything
	require.Empty(t, r.Finding)
}
