package schema

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Kind is the storage class of a Value: SQLite's five, which PostgreSQL and protobuf share.
type Kind uint8

// The kinds. The zero Kind is Null, so the zero Value is NULL.
const (
	KindNull Kind = iota
	KindInt
	KindReal
	KindText
	KindBlob
)

// Value is one column's value. Values are comparable: two values are the same value exactly when ==.
type Value struct {
	kind Kind
	n    int64 // int, or the bits of a real
	s    string
}

// Null is the absent value.
func Null() Value { return Value{} }

// Int is a whole number; booleans are 0 and 1, times are milliseconds since 1970 UTC.
func Int(n int64) Value { return Value{kind: KindInt, n: n} }

// Real is a floating-point number. NaN becomes NULL and -0 becomes 0, as SQLite does it, so that equal means ==.
func Real(f float64) Value {
	if math.IsNaN(f) {
		return Null()
	}
	if f == 0 {
		f = 0
	}
	return Value{kind: KindReal, n: int64(math.Float64bits(f))}
}

// Text is a UTF-8 string.
func Text(s string) Value { return Value{kind: KindText, s: s} }

// Blob is a byte string; the bytes are copied.
func Blob(b []byte) Value { return Value{kind: KindBlob, s: string(b)} }

// Bool is Int(1) or Int(0).
func Bool(b bool) Value {
	if b {
		return Int(1)
	}
	return Int(0)
}

// Kind tells the storage class.
func (v Value) Kind() Kind { return v.kind }

// IsNull tells whether v is NULL.
func (v Value) IsNull() bool { return v.kind == KindNull }

// Int64 is the number of an int, 0 for other kinds.
func (v Value) Int64() int64 {
	if v.kind == KindInt {
		return v.n
	}
	return 0
}

// Float64 is the number of a real or an int, 0 for other kinds.
func (v Value) Float64() float64 {
	switch v.kind {
	case KindReal:
		return math.Float64frombits(uint64(v.n))
	case KindInt:
		return float64(v.n)
	}
	return 0
}

// Str is the string of a text, "" for other kinds.
func (v Value) Str() string {
	if v.kind == KindText {
		return v.s
	}
	return ""
}

// Bytes is a copy of the bytes of a blob, nil for other kinds.
func (v Value) Bytes() []byte {
	if v.kind == KindBlob {
		return []byte(v.s)
	}
	return nil
}

// Size is the length of a text or blob in bytes, 0 for other kinds.
func (v Value) Size() int { return len(v.s) }

// Any gives v as the Go type that database/sql takes: nil, int64, float64, string or []byte.
func (v Value) Any() any {
	switch v.kind {
	case KindInt:
		return v.n
	case KindReal:
		return v.Float64()
	case KindText:
		return v.s
	case KindBlob:
		return []byte(v.s)
	}
	return nil
}

// FromAny is the inverse of Any. It accepts what database/sql scans into an `any`, and bool.
func FromAny(x any) (Value, error) {
	switch x := x.(type) {
	case nil:
		return Null(), nil
	case int64:
		return Int(x), nil
	case int:
		return Int(int64(x)), nil
	case bool:
		return Bool(x), nil
	case float64:
		return Real(x), nil
	case string:
		return Text(x), nil
	case []byte:
		return Blob(x), nil
	}
	return Null(), fmt.Errorf("a value cannot be a %T", x)
}

// Compare orders values: NULL first, then numbers, then text by bytes, then blobs, as SQLite sorts them.
func (v Value) Compare(w Value) int {
	rank := func(k Kind) int {
		switch k {
		case KindNull:
			return 0
		case KindInt, KindReal:
			return 1
		case KindText:
			return 2
		}
		return 3
	}
	if a, b := rank(v.kind), rank(w.kind); a != b {
		return a - b
	}
	switch {
	case v.kind == KindNull:
		return 0
	case v.kind == KindInt && w.kind == KindInt:
		return cmp(v.n, w.n)
	case rank(v.kind) == 1:
		return cmp(v.Float64(), w.Float64())
	}
	return bytes.Compare([]byte(v.s), []byte(w.s))
}

func cmp[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// String shows v for people and test scripts; blobs show only their length, so that no ciphertext reaches a log.
func (v Value) String() string {
	switch v.kind {
	case KindInt:
		return strconv.FormatInt(v.n, 10)
	case KindReal:
		return strconv.FormatFloat(v.Float64(), 'g', -1, 64)
	case KindText:
		return v.s
	case KindBlob:
		return fmt.Sprintf("<%d bytes>", len(v.s))
	}
	return "NULL"
}

// AppendCanonical appends the one byte form of v: a kind byte, then 8 big-endian bytes for numbers, or a
// length (uvarint) and the bytes for text and blobs. Hashes of changesets are computed over it (syncengine/wire/protocol.md).
func (v Value) AppendCanonical(b []byte) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case KindInt, KindReal:
		b = binary.BigEndian.AppendUint64(b, uint64(v.n))
	case KindText, KindBlob:
		b = binary.AppendUvarint(b, uint64(len(v.s)))
		b = append(b, v.s...)
	}
	return b
}

// DecodeCanonical reads one value that AppendCanonical wrote and returns the rest. No value has another spelling: two
// that are the same are ==, whatever bytes they came from.
func DecodeCanonical(b []byte) (Value, []byte, error) {
	if len(b) == 0 {
		return Null(), nil, fmt.Errorf("value is cut short")
	}
	k := Kind(b[0])
	b = b[1:]
	switch k {
	case KindNull:
		return Null(), b, nil
	case KindInt, KindReal:
		if len(b) < 8 {
			return Null(), nil, fmt.Errorf("number is cut short")
		}
		v := Value{kind: k, n: int64(binary.BigEndian.Uint64(b))}
		if k == KindReal && v != Real(v.Float64()) {
			return Null(), nil, fmt.Errorf("a number that is no value: NaN or -0")
		}
		return v, b[8:], nil
	case KindText, KindBlob:
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return Null(), nil, fmt.Errorf("string is cut short")
		}
		if w > 1 && b[w-1] == 0 {
			return Null(), nil, fmt.Errorf("length is not in its shortest form")
		}
		return Value{kind: k, s: string(b[w : w+int(n)])}, b[w+int(n):], nil
	}
	return Null(), nil, fmt.Errorf("unknown kind of value %d", k)
}
