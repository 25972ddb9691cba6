package simtest

import (
	"hash/fnv"
	"math/rand/v2"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// stream is a source of random choices of its own, named by what it is for: choices that are added for one subject
// leave the worlds of the others as they were.
func (w *World) stream(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// snapshots is what the office keeps of snapshots, and the misfortunes of that.
type snapshots struct {
	w    *World
	rng  *rand.Rand
	kept *se.Snapshots
	bad  int // a chunk in so many is damaged on its way; 0 = none

	encodings map[string]string          // of snapshots, by id
	scopes    map[string]map[string]bool // encodings in which they went out
}

func newSnapshots(w *World) *snapshots {
	s := &snapshots{w: w, rng: w.stream("snapshots"), encodings: map[string]string{}, scopes: map[string]map[string]bool{}}
	if s.rng.IntN(3) == 0 {
		s.bad = 2 + s.rng.IntN(20)
	}
	s.renew()
	return s
}

// renew begins with an empty cache, as a process does; some are so small that what is in use must go.
func (s *snapshots) renew() {
	o := se.SnapshotOptions{Packers: wire.Packers(), Bytes: 1 << 20, Lease: 1 + s.rng.Int64N(20_000)}
	if s.rng.IntN(2) == 0 {
		o.Bytes = 8000 + s.rng.IntN(20_000)
	}
	if s.w.tiny {
		o.Pages = se.Pages{Items: 1 + s.rng.IntN(9), Frame: 80 + s.rng.IntN(900)}
	}
	s.kept = se.NewSnapshots(o)
}

// next is the read of a connection: with what must be prepared first, each in a transaction of its own.
func (s *snapshots) next(req se.NextRequest) (*se.Part, error) {
	if s.rng.IntN(40) == 0 && !s.w.calm {
		s.kept.Clear()
		s.w.count("snapshots forgotten")
	}
	req.Snapshots, req.Now = s.kept, s.w.now
	for {
		var part *se.Part
		err := s.w.store.View(func(tx se.ReadTx) (err error) {
			part, err = s.w.engine.Next(tx, req)
			return err
		})
		if err != nil || part.Prepare == "" || len(part.Frames) > 0 {
			s.tally(&req, part)
			return part, err
		}
		before := s.kept.Stats().Built
		if err := s.w.store.View(func(tx se.ReadTx) error {
			return s.w.engine.Prepare(tx, s.kept, req, part.Prepare, req.Now)
		}); err != nil {
			return nil, err
		}
		if s.kept.Stats().Built > before {
			s.w.count("snapshot prepared")
		}
	}
}

func (s *snapshots) tally(req *se.NextRequest, part *se.Part) {
	if part == nil {
		return
	}
	s.packed(req, part)
	for _, m := range part.Manifests {
		if m.Seq < part.Head.Seq {
			s.w.count("snapshot older than the head")
		}
		for _, at := range req.Staged {
			if at.Scope == m.Scope {
				s.w.count("snapshot resumed in the middle")
			}
		}
	}
	if len(part.Frames) == 0 || part.Frames[0].Snapshot != "" || !part.Reset {
		return
	}
	for _, at := range req.Staged {
		if at.Scope == part.Frames[0].Scope && at.Snapshot != "" && at.After.Key != "" {
			s.w.count("snapshot gone in the middle, its stream went on")
		}
	}
}

// damage changes a chunk on its way so that it still unpacks: only its hash can tell.
func (s *snapshots) damage(m session.Message) session.Message {
	d, ok := m.(*session.Delta)
	if !ok || d.Packed == nil || s.bad == 0 || s.w.calm || s.rng.IntN(s.bad) != 0 {
		return m
	}
	items, packer := s.unpack(d)
	for i := range items {
		for j := range items[i].Cells {
			for k, v := range items[i].Cells[j].Values {
				if t := v.Str(); len(t) > 1 && t[0] == 'w' {
					items[i].Cells[j].Values[k] = schema.Text("x" + t[1:])
				}
			}
		}
	}
	packed, _, err := packer.Pack(items)
	if err != nil {
		panic("bug: a damaged chunk cannot be packed: " + err.Error())
	}
	s.w.faults++
	s.w.count("chunk damaged on its way")
	out := *d
	out.Packed = packed
	return &out
}
