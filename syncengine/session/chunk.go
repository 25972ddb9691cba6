package session

import (
	"crypto/sha256"
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

const (
	// maxChunk bounds what one chunk may unpack to, so that none can fill a device's memory: a chunk ends with the row
	// that reaches the size of a frame, and a row is bounded by far less than this.
	maxChunk = 24 << 20
	// maxChunks bounds the chunks of one snapshot.
	maxChunks = 1 << 16
	// maxOffers and maxOffered bound the snapshots that are announced on one connection, one for a scope, and the chunks of
	// all of them: a county has some thousand units, and a large one some ten thousand chunks.
	maxOffers  = 1 << 14
	maxOffered = 1 << 18
)

// offer keeps what the chunks of a snapshot must be.
func (d *Device) offer(m *se.Manifest) error {
	if len(m.Chunks) > maxChunks {
		return &Closed{NoticeProtocol, "a snapshot of more chunks than there may be"}
	}
	for i := range m.Chunks {
		if c := &m.Chunks[i]; c.Size > maxChunk {
			return &Closed{NoticeProtocol, fmt.Sprintf("chunk %d of a snapshot would unpack to more than it may", i+1)}
		}
	}
	if d.offers == nil {
		d.offers = map[string]*se.Manifest{}
	}
	d.offered += len(m.Chunks)
	if old := d.offers[m.Scope]; old != nil {
		d.offered -= len(old.Chunks)
	}
	d.offers[m.Scope] = m
	if len(d.offers) > maxOffers || d.offered > maxOffered {
		return &Closed{NoticeProtocol, "the centre announced more snapshots than a replica could take"}
	}
	return nil
}

// unpack checks a chunk against its manifest and gives the frame with its items. Nothing of one that does not match
// is looked at.
func (d *Device) unpack(m *Delta) (*Delta, error) {
	offer := d.offers[m.Scope]
	if offer == nil || offer.ID != m.Snapshot || m.Chunk < 1 || m.Chunk > len(offer.Chunks) {
		return nil, &Closed{NoticeProtocol, "a chunk of a snapshot that no manifest announced"}
	}
	sum := &offer.Chunks[m.Chunk-1]
	if len(m.Packed) != sum.Bytes || se.Hash(sha256.Sum256(m.Packed)) != sum.Hash {
		return nil, d.spoiled(m)
	}
	items, err := d.replica.Unpack(offer.Encoding, m.Packed, sum.Size)
	if err != nil || len(items) != sum.Rows {
		return nil, d.spoiled(m)
	}
	out := *m
	out.Items, out.Packed = items, nil
	return &out, nil
}

func (d *Device) spoiled(m *Delta) error {
	if err := d.replica.Spoiled(m.Scope); err != nil {
		return err
	}
	return &Closed{NoticeChunk, fmt.Sprintf("chunk %d of a snapshot came damaged and was not taken; it is asked for again", m.Chunk)}
}

// Taken tells how far a scope's snapshot has come with a frame: rows and packed bytes, and how many there are. ok is
// false for a frame that is no chunk.
func (d *Device) Taken(m *se.Delta) (t Taken, ok bool) {
	offer := d.offers[m.Scope]
	if m.Snapshot == "" || offer == nil || offer.ID != m.Snapshot {
		return t, false
	}
	t.AllRows, t.AllBytes = offer.Rows, offer.Bytes
	for _, c := range offer.Chunks[:min(m.Chunk, len(offer.Chunks))] {
		t.Rows += c.Rows
		t.Bytes += c.Bytes
	}
	return t, true
}

// Taken is a part of a snapshot.
type Taken struct {
	Rows, AllRows   int
	Bytes, AllBytes int
}

// Add adds another snapshot's.
func (t *Taken) Add(o Taken) {
	t.Rows, t.AllRows = t.Rows+o.Rows, t.AllRows+o.AllRows
	t.Bytes, t.AllBytes = t.Bytes+o.Bytes, t.AllBytes+o.AllBytes
}
