package wire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// FuzzUnpack reads any bytes as a chunk of a snapshot, of any size that a manifest may tell. What is taken is packed and
// unpacked as the same, and is of the size that was told.
func FuzzUnpack(f *testing.F) {
	for n := range 4 {
		packed, size, err := Deflated{}.Pack(fuzzItems(n))
		require.NoError(f, err)
		f.Add(packed, size)
		f.Add(packed, size+1)
		f.Add(packed[:len(packed)/2], size)
	}
	f.Add([]byte("\x01\x00\x00\xff\xff"), 0)
	f.Fuzz(func(t *testing.T, packed []byte, size int) {
		if size > 1<<20 {
			return // the session bounds it; at this size one input would take all the time
		}
		items, err := Unpack(se.Deflate, packed, size)
		told, err2 := UnpackedSize(se.Deflate, packed)
		if err != nil {
			require.ErrorIs(t, err, errUnpack)
			return
		}
		if err2 != nil || told != size {
			t.Fatalf("taken as %d bytes, told as %d: %v", size, told, err2)
		}
		again, n, err := Deflated{}.Pack(items)
		require.NoError(t, err)
		back, err := Unpack(se.Deflate, again, n)
		require.NoError(t, err)
		require.Equal(t, items, back)
	})
}

func fuzzItems(n int) []se.DeltaItem {
	var out []se.DeltaItem
	for i := range n {
		out = append(out, se.DeltaItem{Seq: int64(i + 1), Kind: se.DeltaKind(i%3 + 1), Table: "home", Row: "018f0000-0000-7000-8000-000000000001"})
		if i%3 == 2 {
			out[i].Whole = true
			out[i].Cells = []se.CellValue{{Cell: "phone", Values: []schema.Value{schema.Text("1"), schema.Null(), schema.Int(-1), schema.Real(1.5), schema.Blob([]byte{1})}}}
		}
	}
	return out
}
