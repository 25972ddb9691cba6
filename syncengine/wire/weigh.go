package wire

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// weigh bounds what decoding can cost before it is begun: an empty message of 2 bytes on the wire takes 50 times as
// much memory. How many changes a changeset may have is the engine's to judge, with a verdict.
func weigh(b []byte, f Format, limits se.Limits) error {
	if len(b) > limits.MaxFrame {
		return &Error{Problem: "is longer than the maxFrame that Welcome names; seal smaller changesets", TooLarge: true}
	}
	budget := 64 * max(limits.MaxChanges, 1000)
	if f == JSON {
		return weighJSON(b, budget)
	}
	if len(b) < 2*budget { // not even with 2 bytes each
		return nil
	}
	if !envelope().weigh(b, &budget) {
		return tooMany()
	}
	return nil
}

func tooMany() error {
	return &Error{Problem: "holds more parts than the limits that Welcome names allow; seal smaller changesets", TooLarge: true}
}

// weighJSON counts what opens and separates, outside of strings, and how deep it lies.
func weighJSON(b []byte, budget int) error {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
			if c == '\\' {
				i++
			}
		case c == '{' || c == '[':
			depth++
			budget--
		case c == '}' || c == ']':
			depth--
		case c == ',':
			budget--
		}
		if depth > 2*nesting { // a list and a message for each level
			return &Error{Problem: "is nested too deeply; the deepest message has 7 levels"}
		}
		if budget < 0 {
			return tooMany()
		}
	}
	return nil
}

// shape knows, for one kind of message, which fields hold messages and which repeat.
type shape struct {
	parts map[protowire.Number]*shape // nil shape: repeated strings
}

// weigh takes each part's share off the budget; false when it is used up. What is malformed is left to the decoder.
func (s *shape) weigh(b []byte, budget *int) bool {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return true
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return true
		}
		if part, counts := s.parts[num]; counts && typ == protowire.BytesType {
			if *budget--; *budget < 0 {
				return false
			}
			if v, _ := protowire.ConsumeBytes(b); part != nil && !part.weigh(v, budget) {
				return false
			}
		}
		b = b[n:]
	}
	return true
}

var envelope = sync.OnceValue(func() *shape {
	return shapeOf((&Envelope{}).ProtoReflect().Descriptor())
})

// shapeOf ends because no message of doorstep.proto holds its own kind.
func shapeOf(d protoreflect.MessageDescriptor) *shape {
	s := &shape{parts: map[protowire.Number]*shape{}}
	for i := range d.Fields().Len() {
		switch f := d.Fields().Get(i); {
		case f.Message() != nil:
			s.parts[f.Number()] = shapeOf(f.Message())
		case f.IsList():
			s.parts[f.Number()] = nil
		}
	}
	return s
}
