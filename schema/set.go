package schema

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// errSet is the one thing ParseSet finds wrong; it says nothing about the text, which may be personal.
var errSet = errors.New(`a set is a JSON array of strings, such as ["a","b"]`)

// ParseSet reads the elements of a set in any JSON form (spaces, order, repeats), as a foreign program may write it,
// and gives them in byte order, each once. NULL has no text: the caller takes it for the empty set.
func ParseSet(text string) ([]string, error) {
	var list []*string
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "[") || json.Unmarshal([]byte(text), &list) != nil {
		return nil, errSet
	}
	elements := make([]string, len(list))
	for i, x := range list {
		if x == nil {
			return nil, errSet
		}
		elements[i] = *x
	}
	slices.Sort(elements)
	return slices.Compact(elements), nil
}

// FormatSet writes the one text form of a set: a JSON array without spaces, its elements distinct and in the order of
// their UTF-8 bytes (not of UTF-16 units), escaped as JSON.stringify does it. The empty set is "[]".
func FormatSet(elements []string) string {
	sorted := slices.Clone(elements)
	for i, x := range sorted {
		sorted[i] = strings.ToValidUTF8(x, string(utf8.RuneError))
	}
	slices.Sort(sorted)
	b := []byte{'['}
	for i, x := range slices.Compact(sorted) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, x)
	}
	return string(append(b, ']'))
}

func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case strings.IndexByte("\b\f\n\r\t", c) >= 0:
			b = append(b, '\\', "bfnrt"[strings.IndexByte("\b\f\n\r\t", c)])
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(b, '"')
}

// Normalize gives v in the one form in which c stores it: a whole number in a real column as a real, a set in its
// canonical text. What cannot be brought into form is returned as it is, for CheckValue to refuse. The device calls
// it on captured values before it seals them, so that centre and replica hold the same bytes.
func (c *Column) Normalize(v Value) Value {
	switch {
	case c.Type == TypeReal && v.Kind() == KindInt:
		return Real(float64(v.Int64()))
	case c.Type == TypeSet && v.Kind() == KindText:
		if list, err := ParseSet(v.Str()); err == nil {
			return Text(FormatSet(list))
		}
	}
	return v
}

// set checks a whole set.
func (c *Column) set(s string) *Problem {
	list, err := ParseSet(s)
	if err != nil || FormatSet(list) != s {
		return c.problem(RuleSet, "%s的列表格式不对，请重新选择各项。", "%s is not a list in the agreed form; choose its entries again.")
	}
	if limit := c.maxEntries(); len(list) > limit {
		return c.problem(RuleTooLong, "%s最多 %d 项，现有 %d 项；请删减。", "%s may have %d entries and has %d; remove some.", limit, len(list))
	}
	for _, x := range list {
		if p := c.element(x); p != nil {
			return p
		}
	}
	return nil
}

func (c *Column) maxEntries() int {
	if c.MaxLen > 0 {
		return c.MaxLen
	}
	return maxElements
}

// MaxElements is how many elements a set may have.
func (c *Column) MaxElements() int {
	if c.MaxLen > 0 {
		return c.MaxLen
	}
	return maxElements
}

// element checks one element of a set by what the set holds: codes, ids or text.
func (c *Column) element(x string) *Problem {
	if x == "" || strings.ContainsRune(x, 0) {
		return c.problem(RuleSet, "%s中有一项是空的，请删去该项。", "%s has an empty entry; remove it.")
	}
	switch {
	case c.Ref != "":
		return c.id(x)
	case c.Code != "":
		return c.length(x, maxCodeLen)
	}
	return c.length(x, maxElementLen)
}
