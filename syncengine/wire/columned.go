package wire

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Columned packs items of snapshots: a message DeltaColumns, compressed with zstd (RFC 8878). It is a syncengine.Packer.
// Rows take half of what they take in Deflated's chunks, and are read several times as fast.
type Columned struct{}

var _ se.Packer = Columned{}

// Packers are the ways in which a centre packs, the best one first.
func Packers() []se.Packer { return []se.Packer{Columned{}, Deflated{}} }

// Unpackable are the encodings that Unpack reads.
func Unpackable() []string { return []string{se.Columns, se.Deflate} }

const (
	// maxParts bounds the items, cells and values of one chunk in columns: what they take in memory has little to do with
	// how many bytes say so. The centre's chunks have some ten thousand.
	maxParts = 1 << 18
	// maxColumnParts bounds the messages in it, which are as many as a row has columns, for each record type.
	maxColumnParts = 1 << 16
	// window is what a reader must remember of what it has unpacked.
	window = 8 << 20
)

var compressors = sync.Pool{New: func() any {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithSingleSegment(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic("bug: " + err.Error())
	}
	return w
}}

var decompressors = sync.Pool{New: func() any {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic("bug: " + err.Error())
	}
	return r
}}

// Encoding implements syncengine.Packer.
func (Columned) Encoding() string { return se.Columns }

// Pack implements syncengine.Packer. The bytes are the caller's.
func (Columned) Pack(items []se.DeltaItem) (packed []byte, size int, err error) {
	p, err := columnsToWire(items)
	if err != nil {
		return nil, 0, err
	}
	plain, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, 0, fmt.Errorf("wire: encode columns: %w", err)
	}
	if budget := maxColumnParts; !columnsShape().weigh(plain, &budget) {
		return nil, 0, errParts
	}
	packed, err = compress(plain)
	return packed, len(plain), err
}

var errParts = fmt.Errorf("wire: the items of a chunk have more parts than a reader takes")

// compress makes one frame that says how large its content is. Columns that are large have blocks of their own, since each
// block counts for itself how often which byte comes: ids look like noise, and would spoil what is counted of texts.
func compress(plain []byte) ([]byte, error) {
	w := compressors.Get().(*zstd.Encoder)
	defer compressors.Put(w)
	if len(plain) < 8*apart {
		return w.EncodeAll(plain, nil), nil
	}
	var out bytes.Buffer
	w.ResetContentSize(&out, int64(len(plain)))
	at := 0
	for _, cut := range append(cuts(plain), len(plain)) {
		if _, err := w.Write(plain[at:cut]); err != nil {
			return nil, fmt.Errorf("wire: compress: %w", err)
		}
		if at = cut; at < len(plain) {
			if err := w.Flush(); err != nil {
				return nil, fmt.Errorf("wire: compress: %w", err)
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("wire: compress: %w", err)
	}
	return bytes.Clone(out.Bytes()), nil
}

const (
	apart = 1 << 9 // how many bytes deserve a block of their own
	crumb = 1 << 8 // how many are too few for one: they go with what follows
)

// cuts finds where large columns of a message DeltaColumns begin and end. For any other bytes it gives some places too.
func cuts(plain []byte) (out []int) {
	last := 0
	cut := func(at int) {
		if at-last >= crumb && len(plain)-at >= crumb {
			out, last = append(out, at), at
		}
	}
	around := func(_ protowire.Number, from, to int) {
		if to-from >= apart {
			cut(from)
			cut(to)
		}
	}
	fields(plain, 0, func(num protowire.Number, from, to int) {
		if num != groupsField() {
			around(num, from, to)
			return
		}
		_, _, tag := protowire.ConsumeTag(plain[from:])
		inner, _ := protowire.ConsumeBytes(plain[from+tag : to])
		fields(inner, to-len(inner), around)
	})
	return out
}

var groupsField = sync.OnceValue(func() protowire.Number {
	return (&DeltaColumns{}).ProtoReflect().Descriptor().Fields().ByName("groups").Number()
})

// fields calls fn for each field of a message, from its tag to its end, as far as it is well formed.
func fields(b []byte, at int, fn func(num protowire.Number, from, to int)) {
	for len(b) > 0 {
		num, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return
		}
		fn(num, at, at+n)
		b, at = b[n:], at+n
	}
}

// plains are buffers for what chunks decompress to: what is read of it is copied.
var plains = sync.Pool{New: func() any { return new([]byte) }}

// keptPlain is how large a buffer may be that is kept for the next chunk.
const keptPlain = 1 << 20

// decompress calls fn with what a chunk decompresses to. It takes no more memory than size tells, which the caller has
// bounded.
func decompress(packed []byte, size int, fn func(plain []byte) error) error {
	// A block of 4 bytes stands for at most 128 KiB.
	if size < 0 || size>>15 > len(packed) {
		return errUnpack
	}
	var h zstd.Header
	if err := h.Decode(packed); err != nil || h.Skippable || !h.HasFCS || h.FrameContentSize != uint64(size) {
		return errUnpack
	}
	buffer := plains.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= keptPlain {
			plains.Put(buffer)
		}
	}()
	if cap(*buffer) < size {
		*buffer = make([]byte, size)
	}
	r := decompressors.Get().(*zstd.Decoder)
	defer decompressors.Put(r)
	plain, err := r.DecodeAll(packed, (*buffer)[:0:size])
	if err != nil || len(plain) != size {
		return errUnpack
	}
	return fn(plain)
}

func unpackColumns(packed []byte, size int) (items []se.DeltaItem, err error) {
	err = decompress(packed, size, func(plain []byte) error {
		if budget := maxColumnParts; len(plain) >= 2*budget && !columnsShape().weigh(plain, &budget) {
			return errUnpack
		}
		p := &DeltaColumns{}
		if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: nesting}).Unmarshal(plain, p); err != nil {
			return errUnpack
		}
		if items, err = columnsFromWire(p); err != nil {
			return fmt.Errorf("%w: %w", errUnpack, err)
		}
		return nil
	})
	return items, err
}

var columnsShape = sync.OnceValue(func() *shape { return shapeOf((&DeltaColumns{}).ProtoReflect().Descriptor()) })
