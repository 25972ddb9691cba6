package schema

import "slices"

// Greater tells whether a is shown rather than b in a cell of policy max or min: greater for max, less for min.
// Codes compare by the column's declared rank; a code that has none is below all others, so that a value this
// version does not know never hides one that it does. NULL is below everything in both policies.
func (c *Cell) Greater(a, b []Value) bool {
	col := c.Columns[0]
	x, y := a[0], b[0]
	if x.IsNull() || y.IsNull() {
		return !x.IsNull() && y.IsNull()
	}
	n := 0
	if len(col.Rank) > 0 {
		i, j := slices.Index(col.Rank, x.Str()), slices.Index(col.Rank, y.Str())
		if (i < 0) != (j < 0) {
			return j < 0
		}
		n = i - j
	}
	if n == 0 {
		n = x.Compare(y) // also orders two unknown codes, so that every replica picks the same
	}
	if c.Policy == PolicyMin {
		return n < 0
	}
	return n > 0
}
