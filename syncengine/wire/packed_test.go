package wire_test

import (
	"bytes"
	"compress/flate"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// What was packed unpacks to the same items, and only with the size that its manifest tells.
func TestPackedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := list(deltaItem, 1, 9).Draw(t, "items")
		packed, size, err := wire.Deflated{}.Pack(items)
		require.NoError(t, err)
		back, err := wire.Unpack(se.Deflate, packed, size)
		require.NoError(t, err)
		require.Equal(t, items, back)
		for _, wrong := range []int{size - 1, size + 1, -1} {
			_, err = wire.Unpack(se.Deflate, packed, wrong)
			require.Error(t, err, wrong)
		}
		for _, cut := range []int{0, len(packed) / 2} {
			_, err = wire.Unpack(se.Deflate, packed[:cut], size)
			require.Error(t, err, cut)
		}
	})
}

// A chunk that would unpack to far more than it tells costs what it tells, and one that tells more than deflate can
// hold costs nothing.
func TestPackedBombs(t *testing.T) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 64<<20))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	heap := testing.Benchmark(func(t *testing.B) {
		for range t.N {
			_, err = wire.Unpack(se.Deflate, b.Bytes(), 1<<10)
			require.Error(t, err)
			_, err = wire.Unpack(se.Deflate, b.Bytes()[:100], 1<<30)
			require.Error(t, err)
		}
	})
	require.Less(t, heap.AllocedBytesPerOp(), int64(256<<10))
	_, err = wire.Unpack(se.Deflate, []byte("no deflate stream at all"), 30)
	require.Error(t, err)
	var _ se.Packer = wire.Deflated{}
}
