// Package tape makes choices out of bytes, for fuzzing: whatever the bytes are, they are a sequence of choices, and a
// small change of them is a small change of what is chosen. A tape that is at its end chooses 0.
package tape

import "encoding/binary"

// Tape is bytes to choose by.
type Tape struct{ left []byte }

// New reads from b, which it does not change.
func New(b []byte) *Tape { return &Tape{b} }

// More tells whether anything is left.
func (t *Tape) More() bool { return len(t.left) > 0 }

// Byte takes one byte.
func (t *Tape) Byte() byte {
	if len(t.left) == 0 {
		return 0
	}
	b := t.left[0]
	t.left = t.left[1:]
	return b
}

// Below chooses a number from 0 to n-1.
func (t *Tape) Below(n int) int { return int(t.Byte()) % n }

// Flag chooses yes in one of n cases.
func (t *Tape) Flag(n int) bool { return t.Below(n) == n-1 }

// Int64 chooses any number: mostly one of near, else one at an edge, or eight bytes.
func (t *Tape) Int64(near ...int64) int64 {
	edges := [...]int64{0, 1, -1, 1<<63 - 1, -1 << 63, 1 << 50, 1<<48 - 1, -1 << 50}
	k := t.Below(len(near) + len(edges) + 1)
	switch {
	case k < len(near):
		return near[k]
	case k < len(near)+len(edges):
		return edges[k-len(near)]
	}
	var b [8]byte
	for i := range b {
		b[i] = t.Byte()
	}
	return int64(binary.BigEndian.Uint64(b[:]))
}

// Text chooses one of the words, or up to 40 bytes as they come.
func (t *Tape) Text(words ...string) string {
	if k := t.Below(len(words) + 1); k < len(words) {
		return words[k]
	}
	n := min(t.Below(41), len(t.left))
	s := string(t.left[:n])
	t.left = t.left[n:]
	return s
}

// Of chooses one of a list, its first at the end of the tape.
func Of[T any](t *Tape, list ...T) T { return list[t.Below(len(list))] }
