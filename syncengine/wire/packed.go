package wire

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Deflated packs items of snapshots: a message DeltaItems, deflated. It is a syncengine.Packer.
type Deflated struct{}

var _ se.Packer = Deflated{}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return w
}}

// Encoding implements syncengine.Packer.
func (Deflated) Encoding() string { return se.Deflate }

// Pack implements syncengine.Packer. The bytes are the caller's.
func (Deflated) Pack(items []se.DeltaItem) (packed []byte, size int, err error) {
	list, err := itemsToWire(items)
	if err != nil {
		return nil, 0, err
	}
	plain, err := proto.MarshalOptions{Deterministic: true}.Marshal(&DeltaItems{Items: list})
	if err != nil {
		return nil, 0, fmt.Errorf("wire: encode items: %w", err)
	}
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	if _, err := w.Write(plain); err != nil {
		return nil, 0, fmt.Errorf("wire: deflate: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, 0, fmt.Errorf("wire: deflate: %w", err)
	}
	return bytes.Clone(out.Bytes()), len(plain), nil
}

var errUnpack = errors.New("wire: a chunk does not unpack to what its manifest says")

// Unpack reads what the Pack of an encoding made. What it takes of memory is bounded by size, which the caller has
// bounded.
func Unpack(encoding string, packed []byte, size int) ([]se.DeltaItem, error) {
	switch encoding {
	case se.Columns:
		return unpackColumns(packed, size)
	case se.Deflate:
		return inflate(packed, size)
	}
	return nil, errUnpack
}

func inflate(packed []byte, size int) ([]se.DeltaItem, error) {
	if size < 0 || size/1100 > len(packed) { // deflate makes nothing smaller than 1:1032
		return nil, errUnpack
	}
	r := flate.NewReader(bytes.NewReader(packed))
	defer r.Close()
	plain := make([]byte, size)
	if _, err := io.ReadFull(r, plain); err != nil {
		return nil, errUnpack
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return nil, errUnpack
	}
	if budget := 64 * 50_000; len(plain) >= 2*budget && !packedShape().weigh(plain, &budget) {
		return nil, errUnpack
	}
	p := &DeltaItems{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: nesting}).Unmarshal(plain, p); err != nil {
		return nil, errUnpack
	}
	out := make([]se.DeltaItem, len(p.GetItems()))
	for i, x := range p.GetItems() {
		if err := itemFromWire(x, &out[i]); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnpack, within(item("items", i), err))
		}
	}
	return out, nil
}

// UnpackedSize tells what a chunk unpacks to, for tools that have no manifest.
func UnpackedSize(encoding string, packed []byte) (int, error) {
	if encoding == se.Columns {
		var h zstd.Header
		if err := h.Decode(packed); err != nil || !h.HasFCS || h.FrameContentSize > 1<<30 {
			return 0, errUnpack
		}
		return int(h.FrameContentSize), nil
	}
	r := flate.NewReader(bytes.NewReader(packed))
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		return 0, errUnpack
	}
	return int(n), nil
}

var packedShape = sync.OnceValue(func() *shape { return shapeOf((&DeltaItems{}).ProtoReflect().Descriptor()) })

func manifestToWire(m *se.Manifest) *Manifest {
	p := &Manifest{Id: m.ID, Scope: m.Scope, Seq: m.Seq, Rows: int64(m.Rows), Bytes: int64(m.Bytes), Encoding: m.Encoding}
	for i := range m.Chunks {
		c := &m.Chunks[i]
		p.Chunks = append(p.Chunks, &ChunkSum{Hash: hashToWire(c.Hash), Bytes: int64(c.Bytes), Size: int64(c.Size), Rows: int64(c.Rows)})
	}
	return p
}

func manifestFromWire(p *Manifest) (session.Message, error) {
	var c checks
	m := se.Manifest{
		ID: c.name("id", p.GetId()), Scope: c.name("scope", p.GetScope()), Seq: c.count("seq", p.GetSeq()),
		Rows: c.size("rows", p.GetRows()), Bytes: c.size("bytes", p.GetBytes()), Encoding: p.GetEncoding(),
	}
	if !slices.Contains(Unpackable(), m.Encoding) {
		c.fail("encoding", "must be one of those that Hello named")
	}
	for i, x := range p.GetChunks() {
		var of checks
		sum := se.ChunkSum{Hash: of.hash("hash", x.GetHash()), Bytes: of.size("bytes", x.GetBytes()), Size: of.size("size", x.GetSize()), Rows: of.size("rows", x.GetRows())}
		if len(x.GetHash()) == 0 {
			of.fail("hash", "is missing; a chunk without one is never taken")
		}
		c.at("chunks", i, of.err)
		m.Chunks = append(m.Chunks, sum)
	}
	return &session.Manifest{Manifest: m}, c.err
}
