package syncengine

import (
	"container/list"
	"slices"
	"sync"
)

// SnapshotOptions bound what is kept of snapshots. Packers are required.
type SnapshotOptions struct {
	Packers []Packer // the first one whose encoding a device unpacks packs for it
	Bytes   int      // packed bytes kept in all; 0 = 64 MiB
	Least   int      // a scope of fewer packed bytes is sent unpacked: nobody gains by a manifest
	Lease   int64    // ms for which a snapshot is kept for a device that is taking it; 0 = 20 s since its last chunk
	Pages   Pages
}

// largest is how large one snapshot may be: a few always fit beside each other. Larger scopes are sent unpacked, part
// by part, in bounded memory as ever.
func (o *SnapshotOptions) largest() int { return o.Bytes / 4 }

// Snapshots keeps snapshots that several devices may need, the last used ones, in bounded memory. It is safe for use
// by many goroutines. What is no longer kept costs a device nothing that it has staged: it goes on with the scope's
// ordinary stream.
type Snapshots struct {
	opts SnapshotOptions

	mu     sync.Mutex // guards what follows
	byID   map[string]*list.Element
	newest map[shelf]*list.Element
	used   *list.List // of *kept, the last used first
	bytes  int
	stats  SnapshotStats
}

// SnapshotStats count what was made of snapshots, for metrics and tests.
type SnapshotStats struct {
	Built   int64 // read and packed
	Served  int64 // chunks given out
	Evicted int64
	Bytes   int // packed bytes kept now
	Count   int
}

// shelf is what the newest snapshot is looked for by: phones that unpack different encodings have one each.
type shelf struct{ class, encoding string }

func (s *Snapshot) shelf() shelf { return shelf{s.Class, s.Encoding} }

type kept struct {
	*Snapshot
	leases map[string]int64 // by device: until when it is probably taking it
}

// NewSnapshots makes an empty cache.
func NewSnapshots(o SnapshotOptions) *Snapshots {
	if o.Bytes == 0 {
		o.Bytes = 64 << 20
	}
	if o.Lease == 0 {
		o.Lease = 20_000
	}
	return &Snapshots{opts: o, byID: map[string]*list.Element{}, newest: map[shelf]*list.Element{}, used: list.New()}
}

// Stats tells what was made of snapshots so far.
func (s *Snapshots) Stats() SnapshotStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Bytes, out.Count = s.bytes, len(s.byID)
	return out
}

// entry is what even an empty snapshot costs.
const entry = 512

func (k *kept) cost() int { return entry + k.Bytes + 160*len(k.Chunks) }

// packer gives who packs for a device, nil if it unpacks nothing that is packed here.
func (s *Snapshots) packer(unpacks []string) Packer {
	for _, p := range s.opts.Packers {
		if slices.Contains(unpacks, p.Encoding()) {
			return p
		}
	}
	return nil
}

// current gives the newest snapshot of a class in an encoding, nil if there is none that is worth going on from: one from another
// epoch, or so old that what changed since is much beside what it holds.
func (s *Snapshots) current(of shelf, at Base, _ int64) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.newest[of]
	if e == nil {
		return nil
	}
	k := e.Value.(*kept)
	if k.At.Epoch != at.Epoch || at.Seq-k.At.Seq > int64(1000+k.Rows/4) {
		return nil
	}
	s.used.MoveToFront(e)
	return k.Snapshot
}

// find gives a snapshot that a device has begun to take, if it still unpacks it.
func (s *Snapshots) find(id, class string, unpacks []string, epoch int64) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil {
		return nil
	}
	if k := e.Value.(*kept); k.Class != class || k.At.Epoch != epoch || !slices.Contains(unpacks, k.Encoding) {
		return nil
	}
	s.used.MoveToFront(e)
	return e.Value.(*kept).Snapshot
}

// serve notes that chunks were given to a device; with done it has them all.
func (s *Snapshots) serve(snap *Snapshot, device string, chunks int, done bool, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Served += int64(chunks)
	e := s.byID[snap.ID]
	if e == nil {
		return
	}
	if k := e.Value.(*kept); done {
		delete(k.leases, device)
	} else {
		k.leases[device] = now + s.opts.Lease
	}
}

// leased tells whether some device is probably taking it.
func (k *kept) leased(now int64) bool {
	for d, until := range k.leases {
		if until > now {
			return true
		}
		delete(k.leases, d)
	}
	return false
}

// Crowded tells whether what devices are taking fills the cache already: then another snapshot would push out one that
// is needed, and who needs it should wait until some are through. A device that takes nothing for a while counts no more.
func (s *Snapshots) Crowded(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := 0
	for e := s.used.Front(); e != nil; e = e.Next() {
		if k := e.Value.(*kept); k.leased(now) {
			busy += k.cost()
		}
	}
	return busy > s.opts.Bytes-s.opts.largest()
}

func (s *Snapshots) put(snap *Snapshot, device string, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Built++
	if old := s.newest[snap.shelf()]; old != nil {
		s.supersede(old, now)
	}
	k := &kept{Snapshot: snap, leases: map[string]int64{device: now + s.opts.Lease}}
	if old := s.byID[snap.ID]; old != nil {
		s.drop(old)
	}
	e := s.used.PushFront(k)
	s.newest[snap.shelf()] = e
	if snap.ID != "" {
		s.byID[snap.ID] = e
	}
	s.bytes += k.cost()
	for _, sparing := range []bool{true, false} {
		for e := s.used.Back(); e != nil && s.bytes > s.opts.Bytes; {
			before := e.Prev()
			if e.Value.(*kept) != k && !(sparing && e.Value.(*kept).leased(now)) {
				s.stats.Evicted++
				s.drop(e)
			}
			e = before
		}
	}
}

// supersede keeps an older snapshot of the same class only for those who are taking it.
func (s *Snapshots) supersede(e *list.Element, now int64) {
	if k := e.Value.(*kept); k.ID == "" || !k.leased(now) {
		s.drop(e)
	}
}

func (s *Snapshots) drop(e *list.Element) {
	k := s.used.Remove(e).(*kept)
	s.bytes -= k.cost()
	if s.byID[k.ID] == e {
		delete(s.byID, k.ID)
	}
	if s.newest[k.shelf()] == e {
		delete(s.newest, k.shelf())
	}
}

// Forget stops offering snapshots that were read below a seq: what happened since then may be forgotten.
func (s *Snapshots) Forget(below int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.used.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*kept).At.Seq < below {
			s.drop(e)
		}
		e = next
	}
}

// Clear forgets everything.
func (s *Snapshots) Clear() { s.Forget(1<<63 - 1) }
