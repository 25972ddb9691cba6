package own

import (
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
)

var errForm = errors.New("own: not a batch of columns")

// timed is how many bytes of an id are the time at which its record was entered, which is a field of its own.
const timed = 6

// Pack lays a batch of records out by column: what is random in the ids, then each field. Ids of others come once, and then
// by their number among those; numbers are what they differ by from the one before; texts come after their lengths.
func Pack(list []Stored) []byte {
	b := binary.AppendUvarint(nil, uint64(len(list)))
	for i := range list {
		id := Row(&list[i].Record)
		b = append(b, id[timed:]...)
	}
	for _, id := range ids {
		b = packIDs(b, list, id)
	}
	for _, number := range numbers {
		before := int64(0)
		for i := range list {
			n := *number(&list[i])
			b, before = binary.AppendVarint(b, n-before), n
		}
	}
	for _, text := range texts {
		for i := range list {
			b = binary.AppendUvarint(b, uint64(len(*text(&list[i]))))
		}
		for i := range list {
			b = append(b, *text(&list[i])...)
		}
	}
	return b
}

// PackHomes lays out by column what Homes enters: of each household its own id and that of its door, in whose order they are,
// and the door's number.
func PackHomes(households []string) (b []byte) {
	for _, h := range households {
		for _, id := range []string{h, Dwelling(h)} {
			u := uuid.MustParse(id)
			b = append(b, u[:]...)
		}
	}
	for i := range households {
		b = append(b, Room(i)...)
	}
	return b
}

// packIDs lays out ids that come again.
func packIDs(b []byte, list []Stored, id func(*Stored) *uuid.UUID) []byte {
	number, once := map[uuid.UUID]uint64{}, []byte(nil)
	var which []byte
	for i := range list {
		u := *id(&list[i])
		n, known := number[u]
		if !known {
			n = uint64(len(number))
			number[u], once = n, append(once, u[:]...)
		}
		which = binary.AppendUvarint(which, n)
	}
	b = binary.AppendUvarint(b, uint64(len(number)))
	return append(append(b, once...), which...)
}

var (
	ids = []func(*Stored) *uuid.UUID{
		func(s *Stored) *uuid.UUID { return &s.Home }, func(s *Stored) *uuid.UUID { return &s.Worker },
	}
	numbers = []func(*Stored) *int64{
		func(s *Stored) *int64 { return &s.Updated }, func(s *Stored) *int64 { return &s.Received }, func(s *Stored) *int64 { return &s.Visited },
		func(s *Stored) *int64 { return &s.Minutes }, func(s *Stored) *int64 { return &s.People }, func(s *Stored) *int64 { return &s.Risk },
	}
	texts = []func(*Stored) *string{
		func(s *Stored) *string { return &s.Scope }, func(s *Stored) *string { return &s.Author }, func(s *Stored) *string { return &s.Kind },
		func(s *Stored) *string { return &s.State }, func(s *Stored) *string { return &s.Door }, func(s *Stored) *string { return &s.Note },
	}
)

// Unpack gives the records of a batch. Their ids are those of Row: Row of what it gives is the same one.
func Unpack(b []byte) ([]Stored, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)) {
		return nil, errForm
	}
	c := cursor{b: b[k:]}
	list := make([]Stored, n)
	for i := range list {
		copy(list[i].ID[timed:], c.take(len(list[i].ID)-timed))
	}
	for _, id := range ids {
		c.ids(list, id)
	}
	for _, number := range numbers {
		at := int64(0)
		for i := range list {
			at += c.number()
			*number(&list[i]) = at
		}
	}
	lengths := make([]int, n)
	for _, text := range texts {
		for i := range lengths {
			lengths[i] = c.length()
		}
		for i := range list {
			*text(&list[i]) = string(c.take(lengths[i]))
		}
	}
	if c.bad || len(c.b) > 0 {
		return nil, errForm
	}
	return list, nil
}

// cursor reads what is left of a batch.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	x := c.b[:n]
	c.b = c.b[n:]
	return x
}

func (c *cursor) ids(list []Stored, id func(*Stored) *uuid.UUID) {
	once := make([]uuid.UUID, c.length())
	for i := range once {
		copy(once[i][:], c.take(len(once[i])))
	}
	for i := range list {
		n := c.length()
		if n >= len(once) {
			c.bad, c.b = true, nil
			return
		}
		*id(&list[i]) = once[n]
	}
}

func (c *cursor) number() int64 {
	v, k := binary.Varint(c.b)
	if k <= 0 {
		c.bad = true
		return 0
	}
	c.b = c.b[k:]
	return v
}

func (c *cursor) length() int {
	v, k := binary.Uvarint(c.b)
	if k <= 0 || v > uint64(len(c.b)) {
		c.bad = true
		return 0
	}
	c.b = c.b[k:]
	return int(v)
}
