package syncengine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/doorstep-sync/doorstep/schema"
)

// Snapshot is all that one class of views is shown of a scope at one head, cut into chunks, packed once and shared by
// everybody who needs it. It never changes. After its last chunk a replica goes on with the scope's ordinary stream
// from the head it was read at; after any other chunk too, so that what is staged of it is never lost with it.
type Snapshot struct {
	ID       string
	Class    string // of view: see views.class
	Scope    string
	Encoding string // of the chunks
	At       Base
	Rows     int
	Bytes    int // packed
	Chunks   []Chunk
}

// Chunk is a frame's items, packed.
type Chunk struct {
	ChunkSum
	Packed []byte
	Start  Position
	After  Position
}

// ChunkSum is what a manifest says of a chunk.
type ChunkSum struct {
	Hash  Hash // SHA-256 of the packed bytes
	Bytes int  // packed
	Size  int  // unpacked
	Rows  int
}

// Manifest announces a snapshot: what its chunks must be.
type Manifest struct {
	ID       string
	Scope    string
	Encoding string
	Seq      int64 // of the head it was read at
	Rows     int
	Bytes    int // packed
	Chunks   []ChunkSum
}

// Manifest gives what is sent before the first chunk.
func (s *Snapshot) Manifest() *Manifest {
	m := &Manifest{
		ID: s.ID, Scope: s.Scope, Encoding: s.Encoding, Seq: s.At.Seq, Rows: s.Rows, Bytes: s.Bytes, Chunks: make([]ChunkSum, len(s.Chunks)),
	}
	for i := range s.Chunks {
		m.Chunks[i] = s.Chunks[i].ChunkSum
	}
	return m
}

// from gives the first chunk to send to who has staged up to a position: -1 if none begins there.
func (s *Snapshot) from(at Position) int {
	return slices.IndexFunc(s.Chunks, func(c Chunk) bool { return c.Start == at })
}

// Packer makes the bytes of a chunk; wire has it. size is what they unpack to.
type Packer interface {
	Encoding() string
	Pack(items []DeltaItem) (packed []byte, size int, err error)
}

// class names what makes views of a scope show the same: the declarations, the roles, the doors, and the account where
// what it wrote itself decides what is shown.
func (v *views) class(scope string) string {
	sv := v.byScope[scope]
	h := sha256.New()
	doors, own := false, false
	for _, t := range v.schema.Tables {
		if a := v.access(t, scope); a != nil && !a.Rows[schema.RowsAll] {
			doors = doors || a.Rows[schema.RowsDoors]
			own = own || a.Rows[schema.RowsOwn] || a.Rows[schema.RowsDoors]
		}
	}
	part := func(s string) { h.Write([]byte(strconv.Itoa(len(s)) + ":" + s)) }
	part(strconv.Itoa(v.schema.Version))
	part(scope)
	for _, r := range sv.roles {
		part("role " + r)
	}
	if doors {
		list := make([]string, 0, len(sv.doors))
		for d := range sv.doors {
			list = append(list, d)
		}
		slices.Sort(list)
		for _, d := range list {
			part("door " + d)
		}
	}
	if own {
		part("account " + v.principal.Account)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Prepare reads, packs and keeps the snapshot of a scope for the class of view of the device that asked and for what it
// unpacks, which Next asked for in Part.Prepare. What is too small or too large to be worth it is remembered as such, and
// Next gives it unpacked.
func (e *Engine) Prepare(tx ReadTx, kept *Snapshots, asked NextRequest, scope string, now int64) error {
	packer := kept.packer(asked.Unpacks)
	if packer == nil {
		return nil
	}
	head, err := tx.Head()
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	v, err := e.views(tx, asked.Device, now)
	if err != nil {
		return err
	}
	if v.byScope[scope] == nil {
		return nil // the grant has ended meanwhile
	}
	b := builder{
		reader: reader{tx: tx, v: v, step: &Part{Reset: true}, fresh: true}, kept: kept, packer: packer,
		snapshot: &Snapshot{Class: v.class(scope), Scope: scope, Encoding: packer.Encoding(), At: Base{head.Epoch, head.Seq}},
	}
	if kept.current(b.snapshot.shelf(), b.snapshot.At, now) != nil {
		return nil // somebody else was faster
	}
	if err := b.read(); err != nil {
		return err
	}
	kept.put(b.finish(), asked.Device, now)
	return nil
}

// columnsFrame is how many times as many rows a chunk in columns has: it is then about as long as a deflated one, so that
// a cut link loses as much of it, and the more rows stand in it the less each one takes.
const columnsFrame = 2

// builder makes one snapshot.
type builder struct {
	reader
	kept     *Snapshots
	packer   Packer
	snapshot *Snapshot
	items    []DeltaItem
	size     int
	start    Position
	tooLarge bool
}

func (b *builder) read() error {
	var pos Position
	pages := b.kept.opts.Pages.orUsual()
	if b.snapshot.Encoding == Columns {
		pages.Frame *= columnsFrame
	}
	for !b.tooLarge {
		items, err := b.tx.Changed(b.snapshot.Scope, pos, pages.Items)
		if err != nil {
			return fmt.Errorf("read scope %s: %w", b.snapshot.Scope, err)
		}
		for i := range items {
			pos = Position{items[i].Seq, items[i].Key}
			if items[i].Row == nil {
				continue // of those that left nothing is in it
			}
			out, err := b.item(&items[i])
			if err != nil {
				return err
			}
			if out == nil {
				continue
			}
			b.items = append(b.items, *out)
			if b.size += out.Size(); b.size >= pages.Frame {
				if err := b.cut(pos); err != nil {
					return err
				}
			}
		}
		if len(items) < pages.Items {
			break
		}
	}
	if len(b.items) > 0 {
		return b.cut(pos)
	}
	return nil
}

// cut packs what was read since the last chunk.
func (b *builder) cut(after Position) error {
	packed, size, err := b.packer.Pack(b.items)
	if err != nil {
		return fmt.Errorf("pack a chunk of scope %s: %w", b.snapshot.Scope, err)
	}
	c := Chunk{ChunkSum: ChunkSum{Hash: sha256.Sum256(packed), Bytes: len(packed), Size: size, Rows: len(b.items)}, Packed: packed, Start: b.start, After: after}
	s := b.snapshot
	s.Chunks = append(s.Chunks, c)
	s.Rows += c.Rows
	s.Bytes += c.Bytes
	b.start, b.items, b.size = after, b.items[:0], 0
	b.tooLarge = s.Bytes > b.kept.opts.largest()
	return nil
}

// finish names the snapshot by all that is in it. One that is not worth it has no chunks.
func (b *builder) finish() *Snapshot {
	s := b.snapshot
	if b.tooLarge || s.Bytes < b.kept.opts.Least {
		s.Chunks, s.Bytes = nil, 0
		return s
	}
	if n := len(s.Chunks); n > 0 {
		s.Chunks[n-1].After = Position{Seq: s.At.Seq} // to its end
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %d %d", s.Class, s.Encoding, s.At.Epoch, s.At.Seq)
	for i := range s.Chunks {
		h.Write(s.Chunks[i].Hash[:])
	}
	s.ID = hex.EncodeToString(h.Sum(nil)[:16])
	return s
}
