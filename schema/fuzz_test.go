package schema

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// FuzzValue reads any text as everything that a column's text may be: an id, a set, a value of each type. What is taken
// has one form, and the form is taken again as the same.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "[]", `["a","b"]`, ` [ "b", "a", "a" ] `, `["\ud800"]`, `[null]`, `["\u2028"]`, "018f0000-0000-7000-8000-000000000001",
		"2026-03-05", "13800138000", "王丽", "\x00", "\xff", "370102199003078515", "\x03\x02ab", "\x02\x7f\xf8\x00\x00\x00\x00\x00\x00", "DSS1"} {
		f.Add(s, int64(len(s)))
	}
	types := []Type{TypeText, TypeInt, TypeReal, TypeBool, TypeTime, TypeDate, TypeCode, TypeSet, TypeRef, TypeID, TypeSealed}
	columns := make([]Column, len(types))
	for i, typ := range types {
		columns[i] = Column{Name: "c", Type: typ}
	}
	f.Fuzz(func(t *testing.T, text string, n int64) {
		if uuidPattern.MatchString(text) != IsUUID(text) {
			t.Fatalf("%q is an id, or not", text)
		}
		setForm(t, text)
		for _, v := range []Value{Text(text), Int(n), Real(math.Float64frombits(uint64(n))), Blob([]byte(text)), Null()} {
			back, left, err := DecodeCanonical(append(v.AppendCanonical(nil), 'x'))
			if err != nil || back != v || string(left) != "x" || v.Compare(back) != 0 {
				t.Fatalf("%v is read as %v, %v", v, back, err)
			}
			if again, err := FromAny(v.Any()); err != nil || again != v {
				t.Fatalf("%v is taken for %v, %v", v, again, err)
			}
			for i := range columns {
				c := &columns[i]
				if one := c.Normalize(v); c.Normalize(one) != one {
					t.Fatalf("%s has two forms of %v", c.Type, v)
				}
			}
		}
		if v, left, err := DecodeCanonical([]byte(text)); err == nil {
			spelt := []byte(text)[:len(text)-len(left)]
			if string(spelt) != string(v.AppendCanonical(nil)) {
				t.Fatalf("%q is another spelling of %v", spelt, v)
			}
		}
		masked(t, text)
	})
}

// setForm wants sets to be what a JSON reader sees, in one form.
func setForm(t *testing.T, text string) {
	list, err := ParseSet(text)
	if err != nil {
		return
	}
	require.True(t, slices.IsSorted(list) && len(slices.Compact(slices.Clone(list))) == len(list))
	form := FormatSet(list)
	again, err := ParseSet(form)
	require.NoError(t, err, form)
	require.Equal(t, form, FormatSet(again))
	var plain []string
	require.NoError(t, json.Unmarshal([]byte(form), &plain))
	require.Equal(t, again, append([]string{}, plain...))
}

// masked wants a mask to leave the length and at most the ends of what it hides.
func masked(t *testing.T, text string) {
	r := []rune(text)
	for _, x := range []struct {
		m          Mask
		head, tail int
	}{{MaskName, 1, 0}, {MaskPhone, 3, 4}, {MaskID, 1, 1}, {MaskAll, 0, 0}} {
		got, head, tail := []rune(x.m.Apply(Text(text)).Str()), x.head, x.tail
		if len(got) != len(r) {
			t.Fatalf("%s makes %q of %q", x.m, string(got), text)
		}
		if head+tail >= len(r) {
			head, tail = 0, 0
		}
		for i := head; i < len(r)-tail; i++ {
			if got[i] != '*' {
				t.Fatalf("%s shows %q of %q", x.m, string(got), text)
			}
		}
	}
}

// A value has one spelling: what has another was never written by us, and two values that are the same would not be ==.
func TestDecodeCanonicalIsStrict(t *testing.T) {
	for what, b := range map[string]string{
		"length in two bytes that fits in one": "\x03\x80\x00",
		"NaN":                                  "\x02\x7f\xf8\x00\x00\x00\x00\x00\x01",
		"-0":                                   "\x02\x80\x00\x00\x00\x00\x00\x00\x00",
	} {
		_, _, err := DecodeCanonical([]byte(b))
		require.Error(t, err, what)
	}
}
