package product

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// relay stands between devices and the centre and counts what the wire carries, TCP's own bytes left out.
type relay struct {
	url      string
	up, down atomic.Int64 // bytes from devices, and to them
}

func newRelay(t testing.TB, centre string) *relay {
	t.Helper()
	r := &relay{}
	r.url = between(t, func(device net.Conn) { r.carry(device, centre) })
	return r
}

// between takes connections, each of which carry has until it returns, and gives their address.
func between(t testing.TB, carry func(device net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			device, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { carry(device) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return "http://" + l.Addr().String()
}

// carry joins a device's connection to one with the centre until one of them ends.
func (r *relay) carry(device net.Conn, centre string) {
	there, err := net.Dial("tcp", centre)
	if err != nil {
		device.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { forward(there, device, &r.up) })
	both.Go(func() { forward(device, there, &r.down) })
	both.Wait()
}

func forward(to, from net.Conn, bytes *atomic.Int64) {
	_, _ = io.Copy(to, io.TeeReader(from, counted{bytes}))
	to.Close()
	from.Close()
}

type counted struct{ n *atomic.Int64 }

func (c counted) Write(b []byte) (int, error) { c.n.Add(int64(len(b))); return len(b), nil }
