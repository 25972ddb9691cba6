package wire

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

type uuid [16]byte

// parseUUID reads a UUID; ok is false for what would be written differently.
func parseUUID(s string) (u uuid, ok bool) {
	if !schema.IsUUID(s) {
		return u, false
	}
	at := 0
	for i := range u {
		if s[at] == '-' {
			at++
		}
		u[i] = nibble(s[at])<<4 | nibble(s[at+1])
		at += 2
	}
	return u, true
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// appendUUID writes a UUID in 36 characters.
func appendUUID(b []byte, u uuid) []byte {
	b = append(hex.AppendEncode(b, u[:4]), '-')
	b = append(hex.AppendEncode(b, u[4:6]), '-')
	b = append(hex.AppendEncode(b, u[6:8]), '-')
	b = append(hex.AppendEncode(b, u[8:10]), '-')
	return hex.AppendEncode(b, u[10:])
}

// uuidSet numbers UUIDs in the order in which they are first named.
type uuidSet struct {
	list []uuid
	of   map[uuid]int64
}

func (s *uuidSet) number(u uuid) int64 {
	n, known := s.of[u]
	if !known {
		n = int64(len(s.list))
		s.of[u] = n
		s.list = append(s.list, u)
	}
	return n
}

// toWire splits UUIDs where that is shorter, as it is for those that begin with the time: those of one day have heads in
// common that take 4 bytes instead of 6.
func (s *uuidSet) toWire() *ColumnIds {
	if len(s.list) == 0 {
		return nil
	}
	heads := make([]int64, len(s.list))
	p := &ColumnIds{}
	for i, u := range s.list {
		heads[i] = int64(binary.BigEndian.Uint64(u[:8]) >> 16)
		p.Tails = append(p.Tails, u[6:]...)
	}
	if p.Heads = appendNumbers(nil, heads); len(p.Heads) < 6*len(heads) {
		return p
	}
	p.Heads, p.Tails = nil, p.Tails[:0]
	for _, u := range s.list {
		p.Tails = append(p.Tails, u[:]...)
	}
	return p
}

// uuidsFromWire gives the UUIDs as text, one after another, 36 characters each.
func uuidsFromWire(p *ColumnIds) (string, bool) {
	tails := p.GetTails()
	heads := readNumbers(p.GetHeads())
	each := 10
	if len(p.GetHeads()) == 0 {
		each = 16
	}
	n := len(tails) / each
	if n*each != len(tails) {
		return "", false
	}
	var (
		out strings.Builder
		u   uuid
		b   [36]byte
	)
	out.Grow(36 * n)
	for i := range n {
		if each == 10 {
			head := heads.next()
			if head < 0 || head >= 1<<48 {
				return "", false
			}
			binary.BigEndian.PutUint64(u[:8], uint64(head)<<16)
		}
		copy(u[16-each:], tails[i*each:])
		out.Write(appendUUID(b[:0], u))
	}
	return out.String(), heads.over()
}
