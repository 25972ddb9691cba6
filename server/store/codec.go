package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// The blobs of this store: what nobody queries by SQL. Each starts with a byte that names its format; a later release
// that writes another one still reads the old. Numbers are varints, UUIDs 16 bytes, and names that repeat within a
// blob (devices, accounts, tables, cells) are written once. Lists keep nil apart from empty: 0 is nil, n+1 is n.
const (
	formatRow       = 0x01
	formatDead      = 0x11
	formatChangeset = 0x21
	formatSpecial   = 0x22 // a changeset that is salvage or a hole
	formatVerdict   = 0x31
	formatConflict  = 0x41
	formatWaiting   = 0x51
)

// maxSymbols bounds the tables of names and writes seen in one blob: they are searched one by one.
const maxSymbols = 48

var errBlob = errors.New("store: a stored blob is damaged")

// enc writes a blob.
type enc struct {
	b       []byte
	symbols []string
	writes  []meta
}

func newEnc(format byte) *enc { return &enc{b: append(make([]byte, 0, 512), format)} }

func (e *enc) uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }
func (e *enc) int(n int64)   { e.b = binary.AppendVarint(e.b, n) }
func (e *enc) count(n int, isNil bool) {
	if isNil {
		e.uint(0)
		return
	}
	e.uint(uint64(n) + 1)
}

func (e *enc) bool(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

// str writes a text: 0 and 16 bytes for a UUID, else the length + 1 and the bytes.
func (e *enc) str(s string) {
	if len(s) == 36 {
		if b, ok := appendUUID(append(e.b, 0), s); ok {
			e.b = b
			return
		}
	}
	e.uint(uint64(len(s)) + 1)
	e.b = append(e.b, s...)
}

// sym writes a text that is likely to come again: 0 and the text, or its number among those seen.
func (e *enc) sym(s string) {
	for i, seen := range e.symbols {
		if seen == s {
			e.uint(uint64(i) + 1)
			return
		}
	}
	if len(e.symbols) < maxSymbols {
		e.symbols = append(e.symbols, s)
	}
	e.b = append(e.b, 0)
	e.str(s)
}

func (e *enc) hash(h syncengine.Hash) { e.b = append(e.b, h[:]...) }

func (e *enc) base(b syncengine.Base) { e.int(b.Epoch); e.int(b.Seq) }

func (e *enc) id(w syncengine.WriteID) { e.sym(w.Device); e.int(w.N) }

func (e *enc) value(v schema.Value) {
	e.b = append(e.b, byte(v.Kind()))
	switch v.Kind() {
	case schema.KindInt:
		e.int(v.Int64())
	case schema.KindReal:
		e.b = binary.BigEndian.AppendUint64(e.b, math.Float64bits(v.Float64()))
	case schema.KindText:
		e.str(v.Str())
	case schema.KindBlob:
		b := v.Bytes()
		e.uint(uint64(len(b)))
		e.b = append(e.b, b...)
	}
}

func (e *enc) values(vs []schema.Value) {
	e.count(len(vs), vs == nil)
	for _, v := range vs {
		e.value(v)
	}
}

func (e *enc) texts(ss []string) {
	e.count(len(ss), ss == nil)
	for _, s := range ss {
		e.str(s)
	}
}

// dec reads a blob. After the first error everything it gives is zero.
type dec struct {
	b       []byte
	err     error
	symbols []string
	writes  []meta
}

func newDec(b []byte, format byte) *dec {
	d := &dec{b: b}
	if got := d.byte(); d.err == nil && got != format {
		d.err = fmt.Errorf("store: a stored blob has format %#x, this release reads %#x", got, format)
	}
	return d
}

// end gives the error, if any; a blob must be read to its end.
func (d *dec) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return d.err
}

func (d *dec) fail() {
	if d.err == nil {
		d.err = errBlob
	}
	d.b = nil
}

func (d *dec) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *dec) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *dec) bool() bool { return d.byte() != 0 }

func (d *dec) uint() uint64 {
	n, w := binary.Uvarint(d.b)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[w:]
	return n
}

func (d *dec) int() int64 {
	n, w := binary.Varint(d.b)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[w:]
	return n
}

// count gives a list's length; every element takes a byte at least, so a damaged length cannot ask for memory.
func (d *dec) count() (n int, isNil bool) {
	c := d.uint()
	if c == 0 {
		return 0, true
	}
	if c-1 > uint64(len(d.b)) {
		d.fail()
		return 0, true
	}
	return int(c - 1), false
}

func (d *dec) str() string {
	n := d.uint()
	if n == 0 {
		return formatUUID(d.take(16))
	}
	return string(d.take(n - 1))
}

func (d *dec) sym() string {
	n := d.uint()
	if n == 0 {
		s := d.str()
		if len(d.symbols) < maxSymbols {
			d.symbols = append(d.symbols, s)
		}
		return s
	}
	if n > uint64(len(d.symbols)) {
		d.fail()
		return ""
	}
	return d.symbols[n-1]
}

func (d *dec) hash() (h syncengine.Hash) {
	copy(h[:], d.take(32))
	return h
}

func (d *dec) base() syncengine.Base { return syncengine.Base{Epoch: d.int(), Seq: d.int()} }

func (d *dec) id() syncengine.WriteID { return syncengine.WriteID{Device: d.sym(), N: d.int()} }

func (d *dec) value() schema.Value {
	switch k := schema.Kind(d.byte()); k {
	case schema.KindNull:
		return schema.Null()
	case schema.KindInt:
		return schema.Int(d.int())
	case schema.KindReal:
		if b := d.take(8); b != nil {
			return schema.Real(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
	case schema.KindText:
		return schema.Text(d.str())
	case schema.KindBlob:
		return schema.Blob(d.take(d.uint()))
	default:
		d.fail()
	}
	return schema.Null()
}

func (d *dec) values() []schema.Value { return list(d, (*dec).value) }
func (d *dec) texts() []string        { return list(d, (*dec).str) }

// list reads a list whose elements one reads.
func list[T any](d *dec, one func(*dec) T) []T {
	n, isNil := d.count()
	if isNil {
		return nil
	}
	out := make([]T, 0, min(n, 64)) // grown only as bytes turn out to be there
	for range n {
		v := one(d)
		if d.err != nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}

// appendUUID appends the 16 bytes of a UUID in its one lower-case form, and tells whether s is one.
func appendUUID(b []byte, s string) ([]byte, bool) {
	if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return b, false
	}
	for i := 0; i < 36; {
		if s[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23) {
			i++
			continue
		}
		hi, lo := nibble(s[i]), nibble(s[i+1])
		if hi|lo > 15 {
			return b, false
		}
		b = append(b, hi<<4|lo)
		i += 2
	}
	return b, true
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

func formatUUID(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
