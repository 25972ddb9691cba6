package tape

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTape(t *testing.T) {
	x := New([]byte{5, 3, 1, 0, 2, 2, 'a', 'b', 9})
	require.Equal(t, 1, x.Below(4))
	require.True(t, x.Flag(4))
	require.Equal(t, "y", x.Text("x", "y"))
	require.Equal(t, "x", x.Text("x", "y"))
	require.Equal(t, "ab", x.Text("x", "y"), "bytes as they come")
	require.Equal(t, int64(7), New(nil).Int64(7))
	require.Equal(t, int64(0x0102030405060708), New([]byte{9, 1, 2, 3, 4, 5, 6, 7, 8}).Int64(7))
	require.True(t, x.More())
	x.Byte()
	require.False(t, x.More())
	require.Equal(t, "first", Of(x, "first", "second"))
}
