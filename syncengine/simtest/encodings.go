package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// program draws what the program of a phone unpacks: some are from before there was more than one encoding, some are of
// other people and take only one.
func (w *World) program() []string {
	if w.packing == nil {
		w.packing = w.stream("encodings")
	}
	switch w.packing.IntN(6) {
	case 0, 1:
		return []string{se.Deflate}
	case 2:
		return []string{"unheard of", se.Columns}
	}
	return wire.Unpackable()
}

// reinstalled: the program that opens the next connection may be another version, also in the middle of a step.
func (n *node) reinstalled() {
	before := n.takes
	if n.w.packing.IntN(6) == 0 {
		n.takes = n.w.program()
	}
	if !slices.Equal(before, n.takes) {
		n.w.count("another program unpacks otherwise")
	}
}

// says gives the encodings that a Hello names: those of the phone's program, unless it takes none any more.
func (n *node) says(h *se.Hello) {
	if len(h.Unpacks) > 0 {
		h.Unpacks = n.takes
	}
}

// packed notes in which encodings snapshots went out, and to whom.
func (s *snapshots) packed(req *se.NextRequest, part *se.Part) {
	for _, m := range part.Manifests {
		s.encodings[m.ID] = m.Encoding
		if !slices.Contains(req.Unpacks, m.Encoding) {
			s.w.oracle.bad("centre", "a snapshot in %q for a device that unpacks %q", m.Encoding, req.Unpacks)
		}
		s.w.count("snapshot packed as " + m.Encoding)
		if s.scopes[m.Scope] == nil {
			s.scopes[m.Scope] = map[string]bool{}
		}
		if s.scopes[m.Scope][m.Encoding] = true; len(s.scopes[m.Scope]) > 1 {
			s.w.count("one scope packed in two ways")
		}
	}
	for _, at := range req.Staged {
		encoding, known := s.encodings[at.Snapshot]
		if !known || at.After.Key == "" || len(part.Frames) == 0 || part.Frames[0].Scope != at.Scope {
			continue
		}
		if len(req.Unpacks) > 0 && !slices.Contains(req.Unpacks, encoding) {
			s.w.count("snapshot not unpacked any more, its stream went on")
			if part.Frames[0].Snapshot != "" {
				s.w.oracle.bad("centre", "a chunk in the middle of a snapshot in %q for a device that unpacks %q", encoding, req.Unpacks)
			}
		}
		if encoding == se.Deflate && slices.Contains(req.Unpacks, se.Columns) && part.Frames[0].Snapshot == at.Snapshot {
			s.w.count("snapshot gone on with as it was begun")
		}
	}
}

// unpack reads a chunk on its way.
func (s *snapshots) unpack(d *session.Delta) (items []se.DeltaItem, pack se.Packer) {
	for _, p := range wire.Packers() {
		if p.Encoding() == s.encodings[d.Snapshot] {
			pack = p
		}
	}
	size, err := wire.UnpackedSize(s.encodings[d.Snapshot], d.Packed)
	if err == nil {
		items, err = wire.Unpack(s.encodings[d.Snapshot], d.Packed, size)
	}
	if err != nil {
		panic("bug: a chunk that was sent does not unpack: " + err.Error())
	}
	return items, pack
}
