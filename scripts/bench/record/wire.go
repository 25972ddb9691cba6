package record

import (
	"errors"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

var errForm = errors.New("record: not a batch of records")

// Append adds a record as a message to a batch, which is nothing but messages one after another.
func Append(b []byte, r *Record) []byte {
	var m []byte
	text := func(n protowire.Number, s string) {
		m = protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
	}
	number := func(n protowire.Number, v int64) {
		m = protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), uint64(v))
	}
	for i, id := range []*uuid.UUID{&r.ID, &r.Home, &r.Worker} {
		m = protowire.AppendBytes(protowire.AppendTag(m, protowire.Number(1+i), protowire.BytesType), id[:])
	}
	text(4, r.Kind)
	text(5, r.State)
	text(6, r.Door)
	number(7, r.Visited)
	number(8, r.Updated)
	number(9, r.Minutes)
	number(10, r.People)
	number(11, r.Risk)
	text(12, r.Note)
	return protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), m)
}

// Each calls fn for every record of a batch. What fn is given is overwritten by the next.
func Each(b []byte, fn func(*Record) error) error {
	var r Record
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num != 1 || typ != protowire.BytesType {
			return errForm
		}
		m, k := protowire.ConsumeBytes(b[n:])
		if k < 0 {
			return errForm
		}
		if err := r.parse(m); err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
		b = b[n+k:]
	}
	return nil
}

func (r *Record) parse(m []byte) error {
	for len(m) > 0 {
		num, typ, n := protowire.ConsumeTag(m)
		if n < 0 {
			return errForm
		}
		m = m[n:]
		switch typ {
		case protowire.BytesType:
			v, k := protowire.ConsumeBytes(m)
			if k < 0 || !r.put(int(num), v) {
				return errForm
			}
			m = m[k:]
		case protowire.VarintType:
			v, k := protowire.ConsumeVarint(m)
			if k < 0 || num < 7 || num > 11 {
				return errForm
			}
			*[]*int64{&r.Visited, &r.Updated, &r.Minutes, &r.People, &r.Risk}[num-7] = int64(v)
			m = m[k:]
		default:
			return errForm
		}
	}
	return nil
}

func (r *Record) put(num int, v []byte) bool {
	switch {
	case num >= 1 && num <= 3 && len(v) == 16:
		copy([]*uuid.UUID{&r.ID, &r.Home, &r.Worker}[num-1][:], v)
	case num == 4:
		r.Kind = string(v)
	case num == 5:
		r.State = string(v)
	case num == 6:
		r.Door = string(v)
	case num == 12:
		r.Note = string(v)
	default:
		return false
	}
	return true
}
