package badinput

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// bad is a value that may not stand in a column.
type bad struct {
	name string
	v    schema.Value
	rule string
}

// badValue is a class of them.
type badValue struct {
	class string
	keep  func(place) bool
	list  func(place) []bad
}

func ofType(types ...schema.Type) func(place) bool {
	return func(p place) bool {
		for _, t := range types {
			if p.col.Type == t && !p.def.Policy.Operation() {
				return true
			}
		}
		return false
	}
}

func both(a, b func(place) bool) func(place) bool { return func(p place) bool { return a(p) && b(p) } }

// values are the classes of bad values, by what is wrong. The rule is part of the contract of verdicts.
func values() []badValue {
	text, blob, number, fraction := schema.Text("x"), schema.Blob([]byte{1, 2}), schema.Int(7), schema.Real(1.5)
	kinds := func(not schema.Kind) func(place) []bad {
		return func(place) (out []bad) {
			for _, v := range []schema.Value{text, blob, number, fraction} {
				if v.Kind() != not {
					out = append(out, bad{fmt.Sprint("kind ", v.Kind()), v, schema.RuleType})
				}
			}
			return out
		}
	}
	plain := func(p place) bool { return p.col.HashOf == "" }
	long := func(n int) schema.Value { return schema.Text(strings.Repeat("长", n)) }
	limit := func(c *schema.Column) int {
		if c.MaxLen > 0 {
			return c.MaxLen
		}
		return schema.DefaultMaxLen
	}
	same := func(list ...bad) func(place) []bad { return func(place) []bad { return list } }
	out := []badValue{
		{"a text of another type", ofType(schema.TypeText), kinds(schema.KindText)},
		{"a code of another type", ofType(schema.TypeCode), kinds(schema.KindText)},
		{"a reference of another type", ofType(schema.TypeRef), kinds(schema.KindText)},
		{"a set of another type", ofType(schema.TypeSet), kinds(schema.KindText)},
		{"a day of another type", ofType(schema.TypeDate), kinds(schema.KindText)},
		{"a time of another type", ofType(schema.TypeTime), kinds(schema.KindInt)},
		{"a number of another type", ofType(schema.TypeInt), kinds(schema.KindInt)},
		{"a fraction of another type", ofType(schema.TypeReal), func(p place) []bad { return kinds(schema.KindReal)(p) }},
		{"a yes or no of another type", ofType(schema.TypeBool), kinds(schema.KindInt)},
		{"a grid of another type", ofType(schema.TypeScope), kinds(schema.KindText)},
		{"a text that is too long", both(ofType(schema.TypeText), plain), func(p place) []bad {
			n := limit(p.col)
			return []bad{{"one more", long(n + 1), schema.RuleTooLong}, {"twice as long", long(2 * n), schema.RuleTooLong}}
		}},
		{"a text that is not UTF-8", ofType(schema.TypeText), same(
			bad{"a broken byte", schema.Text("好\xff"), schema.RuleText}, bad{"cut in a character", schema.Text("\xe4\xb8"), schema.RuleText}, bad{"a surrogate", schema.Text("\xed\xa0\x80"), schema.RuleText})},
		{"a text with NUL", ofType(schema.TypeText), same(bad{"alone", schema.Text("\x00"), schema.RuleText}, bad{"inside", schema.Text("a\x00b"), schema.RuleText})},
		{"a phone number that is none", func(p place) bool { return p.col.Check == "phone" }, func(p place) (out []bad) {
			for _, s := range []string{"1", "abc", "1391234567", "139123456789", "=HYPERLINK(1)", "１３９１２３４５６７８", "12345678901", "+", "--"} {
				out = append(out, bad{s, schema.Text(s), "phone"})
			}
			return out
		}},
		{"a code that is too long", ofType(schema.TypeCode), func(p place) []bad {
			return []bad{{"101 letters", schema.Text(strings.Repeat("c", 101)), schema.RuleTooLong}, {"a thousand", long(1000), schema.RuleTooLong}}
		}},
		{"a code that is no text", ofType(schema.TypeCode), same(
			bad{"NUL", schema.Text("a\x00"), schema.RuleText}, bad{"a broken byte", schema.Text("\xfe"), schema.RuleText})},
		{"a reference that is no id", ofType(schema.TypeRef), func(p place) (out []bad) {
			good := string(rowID(1, 1))
			for _, s := range []string{"", "1", strings.ToUpper("0197abcd-0000-7000-8000-00000000000a"), "{" + good + "}", good + "0", good[:35], strings.ReplaceAll(good, "-", ""), "' OR 1=1 --", strings.Repeat("z", 36)} {
				out = append(out, bad{fmt.Sprintf("%q", s), schema.Text(s), schema.RuleID})
			}
			return out
		}},
		{"a day that does not exist", ofType(schema.TypeDate), func(p place) (out []bad) {
			for _, s := range []string{"", "2026-02-30", "2026-13-01", "2026-3-5", "05.03.2026", "0000-01-01", "2026-03-05T00:00:00Z", "二〇二六年", "2025-02-29", " 2026-03-05"} {
				out = append(out, bad{fmt.Sprintf("%q", s), schema.Text(s), schema.RuleDate})
			}
			return out
		}},
		{"a time beyond all calendars", ofType(schema.TypeTime), func(p place) (out []bad) {
			for _, n := range []int64{8.64e15 + 1, -8.64e15 - 1, math.MaxInt64, math.MinInt64} {
				out = append(out, bad{fmt.Sprint(n), schema.Int(n), schema.RuleTime})
			}
			return out
		}},
		{"a number that is too small", func(p place) bool { return p.col.Min != nil && !p.def.Policy.Operation() }, func(p place) (out []bad) {
			for _, d := range []float64{1, 1000, 1e12} {
				out = append(out, bad{fmt.Sprint("by ", d), numberOf(p.col, *p.col.Min-d), schema.RuleTooSmall})
			}
			return out
		}},
		{"a number that is too large", func(p place) bool { return p.col.Max != nil && !p.def.Policy.Operation() }, func(p place) (out []bad) {
			for _, d := range []float64{1, 1000, 1e12} {
				out = append(out, bad{fmt.Sprint("by ", d), numberOf(p.col, *p.col.Max+d), schema.RuleTooLarge})
			}
			return out
		}},
		{"a number without end", ofType(schema.TypeReal), same(
			bad{"+Inf", schema.Real(math.Inf(1)), schema.RuleTooLarge}, bad{"-Inf", schema.Real(math.Inf(-1)), schema.RuleTooLarge})},
		{"a yes or no that is neither", ofType(schema.TypeBool), same(
			bad{"2", schema.Int(2), schema.RuleBool}, bad{"-1", schema.Int(-1), schema.RuleBool}, bad{"the greatest", schema.Int(math.MaxInt64), schema.RuleBool})},
		{"a grid that has no code", ofType(schema.TypeScope), same(bad{"empty", schema.Text(""), schema.RuleScope}, bad{"65 digits", schema.Text(strings.Repeat("3", 65)), schema.RuleScope})},
		{"a set in another form", ofType(schema.TypeSet), func(p place) (out []bad) {
			for _, s := range []string{"", "x", "{}", `["b","a"]`, `["a","a"]`, `["a", "b"]`, `[1]`, `[null]`, `[["a"]]`, `["a"`, `["\u0061"]`, `["a"]["b"]`} {
				out = append(out, bad{s, schema.Text(s), schema.RuleSet})
			}
			return out
		}},
		{"a set with an empty element", ofType(schema.TypeSet), same(bad{"alone", schema.Text(`[""]`), schema.RuleSet}, bad{"first", schema.Text(`["","b"]`), schema.RuleSet})},
		{"a set with too much in it", ofType(schema.TypeSet), func(p place) []bad {
			var list []string
			for i := range p.col.MaxElements() + 1 {
				list = append(list, fmt.Sprintf("%05d", i))
			}
			return []bad{{"one more", schema.Text(schema.FormatSet(list)), schema.RuleTooLong}, {"a long element", schema.Text(schema.FormatSet([]string{strings.Repeat("长", 501)})), schema.RuleTooLong}}
		}},
		{"plain text where sealed belongs", func(p place) bool { return p.col.Type == schema.TypeSealed }, func(p place) (out []bad) {
			for _, b := range [][]byte{{}, {0}, []byte("110101199003078515"), []byte(schema.SealMagic), sealedForm(0, 16), sealedForm(7, 15), append([]byte("X"), sealedForm(7, 16)...)} {
				out = append(out, bad{fmt.Sprintf("%d bytes", len(b)), schema.Blob(b), schema.RuleSealed})
			}
			return append(out, bad{"too long", schema.Blob(sealedForm(7, 1024)), schema.RuleTooLong}, bad{"a text", schema.Text("110101199003078515"), schema.RuleType})
		}},
		{"sealed with a key of nobody", func(p place) bool { return p.col.Type == schema.TypeSealed }, func(p place) (out []bad) {
			for _, key := range []uint32{2, 7, 255, 1 << 16, math.MaxUint32} {
				out = append(out, bad{fmt.Sprint("key ", key), schema.Blob(sealedForm(key, 16)), schema.RuleSealedKey})
			}
			return out
		}},
		{"plain text where a keyed hash belongs", func(p place) bool { return p.col.HashOf != "" }, func(p place) (out []bad) {
			for _, s := range []string{"110101199003078515", strings.Repeat("a", 63), strings.Repeat("a", 65), strings.Repeat("A", 64), strings.Repeat("g", 64), "长"} {
				out = append(out, bad{fmt.Sprint(len(s), " bytes"), schema.Text(s), schema.RuleSealed})
			}
			return out
		}},
	}
	return out
}

func numberOf(c *schema.Column, f float64) schema.Value {
	if c.Type == schema.TypeReal {
		return schema.Real(f)
	}
	return schema.Int(int64(f))
}

// sealedForm has the form of a sealed value with n bytes of ciphertext.
func sealedForm(key uint32, n int) []byte {
	b := binary.BigEndian.AppendUint32([]byte(schema.SealMagic), key)
	return append(b, make([]byte, 24+n+16)...)
}

// valueCases puts each bad value into an insert, or, of every second one that may be, into an update of a row that is
// there.
func (m *maker) valueCases() (out []changesetCase) {
	for from, v := range values() {
		var list []changesetCase
		for _, p := range places(m.s, v.keep) {
			for _, b := range v.list(p) {
				list = append(list, m.valueCase(v.class, p, b, len(list)%2 == 1 && p.def.Policy != schema.PolicyAppend))
			}
		}
		out = append(out, spread(list, most, from)...)
	}
	return out
}

func (m *maker) valueCase(class string, p place, b bad, update bool) changesetCase {
	return changesetCase{
		class: class, name: p.String() + ": " + b.name, who: inserter(p.t), covers: p.String(),
		make: func(ph *phone) *se.Changeset {
			with := map[string]schema.Value{p.col.Name: b.v}
			if update {
				w := m.write(p.t, p.def, grid1, with)
				return ph.make(se.Change{Table: p.t.Name, Row: seedID(m.s, grid1, p.t.Name), Op: se.OpUpdate, Cells: []se.CellWrite{w}})
			}
			return ph.make(m.insert(p.t, m.fresh(), grid1, p.col.Name, with))
		},
		want: want{kind: se.Rejected, code: se.CodeBadValue, table: p.t.Name, column: p.col.Name, rule: b.rule},
	}
}
