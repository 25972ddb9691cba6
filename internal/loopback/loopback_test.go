package loopback

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// An address that is taken is not given, nor the same one twice.
func TestAddress(t *testing.T) {
	first := Address(t)
	l, err := net.Listen("tcp", first)
	require.NoError(t, err)
	defer l.Close()
	next.Add(-1) // it would be tried again
	require.NotEqual(t, first, Address(t))
	require.NotEqual(t, Address(t), Address(t))
}
