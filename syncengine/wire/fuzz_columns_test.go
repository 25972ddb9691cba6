package wire

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// FuzzColumns reads any bytes as what a chunk in columns decompresses to, and as such a chunk. What is taken is packed and
// unpacked as the same; what columns say is what items say.
func FuzzColumns(f *testing.F) {
	for n := range 6 {
		packed, size, err := Columned{}.Pack(fuzzItems(n))
		require.NoError(f, err)
		require.NoError(f, decompress(packed, size, func(plain []byte) error {
			f.Add(bytes.Clone(plain), false)
			return nil
		}))
		f.Add(packed, true)
		f.Add(packed[:len(packed)/2], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		packed, size := b, 0
		if whole {
			told, err := UnpackedSize(se.Columns, b)
			if err != nil || told > 1<<20 {
				return // the session bounds it; at this size one input would take all the time
			}
			size = told
		} else {
			var err error
			size = len(b)
			packed, err = compress(b)
			require.NoError(t, err)
		}
		items, err := Unpack(se.Columns, packed, size)
		if err != nil {
			require.ErrorIs(t, err, errUnpack)
			return
		}
		for _, p := range Packers() {
			again, n, err := p.Pack(items)
			require.NoError(t, err)
			back, err := Unpack(p.Encoding(), again, n)
			require.NoError(t, err)
			if len(items) > 0 {
				require.Equal(t, items, back)
			}
		}
	})
}
