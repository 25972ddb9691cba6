package schema

import (
	"bytes"
	"encoding/json"
	"slices"
)

// FormatSet gives the one text form of a set: a JSON array of its distinct elements in byte order, without spaces
// and without HTML escapes, so that equal sets are equal text on every device.
func FormatSet(elements []string) Value {
	set := slices.Clone(elements)
	slices.Sort(set)
	set = slices.Compact(set)
	if set == nil {
		set = []string{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(set); err != nil {
		panic("bug: a list of strings has no JSON form: " + err.Error())
	}
	return Text(string(bytes.TrimRight(b.Bytes(), "\n")))
}

// ParseSet reads a set in any JSON form (spaces, order, repeats); NULL is the empty set. ok is false for anything
// that is not an array of strings.
func ParseSet(v Value) (elements []string, ok bool) {
	if v.IsNull() {
		return nil, true
	}
	if v.Kind() != KindText || json.Unmarshal([]byte(v.Str()), &elements) != nil {
		return nil, false
	}
	slices.Sort(elements)
	return slices.Compact(elements), true
}
