package wire

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// TestClockVectors: one history of a hybrid logical clock (I21). Stamps are decimal texts of 64 bits without sign.
func TestClockVectors(t *testing.T) {
	type vector struct {
		Name  string `json:"name"`
		Wall  *int64 `json:"wall,omitempty"`  // now: the wall clock, ms
		Heard string `json:"heard,omitempty"` // hear: the stamp
		Last  string `json:"last"`            // after it; for now this is the stamp given
	}
	var list []vector
	var c hlc.Clock
	u := func(t hlc.Timestamp) string { return strconv.FormatUint(uint64(t), 10) }
	now := func(name string, wall int64) {
		list = append(list, vector{Name: name, Wall: &wall, Last: u(c.Now(wall))})
	}
	hear := func(name string, s hlc.Timestamp) {
		c.Hear(s)
		list = append(list, vector{Name: name, Heard: u(s), Last: u(c.Last)})
	}
	now("the first stamp", 1_735_689_600_000)
	now("the same millisecond counts up", 1_735_689_600_000)
	now("a clock that went back counts up", 1_735_689_599_000)
	now("a clock that went on starts at 0", 1_735_689_600_001)
	hear("an older stamp changes nothing", hlc.Make(1_735_689_600_000, 9))
	hear("a newer one is taken over", hlc.Make(1_735_689_700_000, 65_534))
	now("the next is after it", 1_735_689_600_002)
	now("a full counter carries into the milliseconds", 1_735_689_600_002)
	now("a clock in 1969 counts up", -5)
	hear("2099 is heard too", hlc.Make(4_070_908_800_000, 0))
	now("and stays", 1_735_689_600_003)
	now("beyond 48 bits is the end of 48 bits", 1<<60)
	hear("the greatest stamp", hlc.Timestamp(1<<64-1))
	now("nothing is after it", 1_735_689_600_004)
	vectors(t, "hlc.json", list)
}

// TestSetVectors: the one text of a set, and what is read as one (I22).
func TestSetVectors(t *testing.T) {
	type vector struct {
		Name     string   `json:"name"`
		Text     *string  `json:"text,omitempty"`     // read this ...
		Elements []string `json:"elements,omitempty"` // ... or take these
		Refused  bool     `json:"refused,omitempty"`
		Set      string   `json:"set,omitempty"` // the one text
	}
	var list []vector
	for _, x := range []struct {
		name     string
		elements []string
	}{
		{"sorted, each once", []string{"b", "a", "b"}},
		{"by bytes of UTF-8, not by units of UTF-16", []string{"\U00020BB7", "\uFF21", "a", "Z", "王"}},
		{"escapes", []string{"\"", "\\", "/", "\b\f\n\r\t", "\x00\x1f", "\x7f", "<>&", "\u2028"}},
		{"the empty text", []string{""}},
	} {
		list = append(list, vector{Name: x.name, Elements: x.elements, Set: schema.FormatSet(x.elements)})
	}
	for _, x := range []struct{ name, text string }{
		{"the empty set", `[]`}, {"spaces", " [ \"b\" , \"a\" ] "}, {"escapes are read", `["\u738b","\/"]`}, {"no set: an object", `{}`},
		{"no set: a number in it", `["a",1]`}, {"no set: null in it", `["a",null]`}, {"no set: the empty text", ``}, {"no set: cut short", `["a"`},
		{"no set: null", `null`},
	} {
		v := vector{Name: x.name, Text: &x.text}
		if e, err := schema.ParseSet(x.text); err != nil {
			v.Refused = true
		} else {
			v.Set = schema.FormatSet(e)
		}
		list = append(list, v)
	}
	vectors(t, "sets.json", list)
}

// TestOverlayVectors: what a replica shows in a cell with pending writes over the centre's value (I15).
func TestOverlayVectors(t *testing.T) {
	type pending struct {
		Values []json.RawMessage `json:"values,omitempty"`
		Op     *opJSON           `json:"op,omitempty"`
	}
	type vector struct {
		Name   string            `json:"name"`
		Policy string            `json:"policy"`
		Under  []json.RawMessage `json:"under"` // the centre's value
		Writes []pending         `json:"writes"`
		Shows  []json.RawMessage `json:"shows"`
	}
	text := func(s string) se.CellWrite { return se.CellWrite{Values: []schema.Value{schema.Text(s)}} }
	add := func(n int64) se.CellWrite { return se.CellWrite{Add: schema.Int(n)} }
	var list []vector
	for _, x := range []struct {
		name   string
		policy schema.Policy
		under  schema.Value
		writes []se.CellWrite
	}{
		{"nothing pending", schema.PolicyLWW, schema.Text("centre"), nil},
		{"a value hides the centre's", schema.PolicyReview, schema.Text("centre"), []se.CellWrite{text("mine")}},
		{"the last of two", schema.PolicyReview, schema.Text("centre"), []se.CellWrite{text("mine"), text("mine again")}},
		{"NULL is a value", schema.PolicyLWW, schema.Text("centre"), []se.CellWrite{{Values: []schema.Value{schema.Null()}}}},
		{"a difference is added to what the centre has now", schema.PolicyAdd, schema.Int(40), []se.CellWrite{add(3), add(-1)}},
		{"a difference to nothing", schema.PolicyAdd, schema.Null(), []se.CellWrite{add(3)}},
		{"a difference stops at the end", schema.PolicyAdd, schema.Int(9_223_372_036_854_775_806), []se.CellWrite{add(5)}},
		{"a real difference", schema.PolicyAdd, schema.Real(0.5), []se.CellWrite{{Add: schema.Real(0.25)}}},
		{"elements come and go", schema.PolicyUnion, schema.Text(`["a","b"]`), []se.CellWrite{{In: []string{"c"}, Out: []string{"a"}}, {Out: []string{"c"}}, {In: []string{"王"}}}},
		{"elements of nothing", schema.PolicyUnion, schema.Null(), []se.CellWrite{{In: []string{"a"}}}},
		{"the last element goes", schema.PolicyUnion, schema.Text(`["a"]`), []se.CellWrite{{Out: []string{"a"}}}},
	} {
		def := cellDef(x.policy, false)
		shown := []schema.Value{x.under}
		v := vector{Name: x.name, Policy: string(x.policy), Under: valuesJSON(t, shown), Writes: []pending{}}
		for _, w := range x.writes {
			shown = se.Overlay(shown, w, def)
			p := pending{}
			if w.Operation() {
				p.Op = &opJSON{In: w.In, Out: w.Out}
				if !w.Add.IsNull() {
					p.Op.Add = compact(t, valueToWire(w.Add))
				}
			} else {
				p.Values = valuesJSON(t, w.Values)
			}
			v.Writes = append(v.Writes, p)
		}
		v.Shows = valuesJSON(t, shown)
		list = append(list, v)
	}
	vectors(t, "overlay.json", list)
	require.NotEmpty(t, list)
}
