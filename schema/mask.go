package schema

import "strings"

// Apply gives the value as the mask shows it (GB/T 35273: masked unless the purpose needs it). NULL stays NULL. A
// value too short to be hidden by its mask is hidden whole.
func (m Mask) Apply(v Value) Value {
	if m == MaskNone || v.IsNull() {
		return v
	}
	r := []rune(v.Str())
	head, tail := 0, 0
	switch m {
	case MaskName:
		head = 1
	case MaskPhone:
		head, tail = 3, 4
	case MaskID:
		head, tail = 1, 1
	}
	if v.Kind() != KindText {
		if v.Kind() == KindBlob {
			return Blob(nil)
		}
		return Null() // a number or a time has no partial form
	}
	if head+tail >= len(r) {
		head, tail = 0, 0
	}
	return Text(string(r[:head]) + strings.Repeat("*", len(r)-head-tail) + string(r[len(r)-tail:]))
}
