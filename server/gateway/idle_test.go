package gateway_test

import (
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/gateway"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// inUse is what the process holds after its garbage is gone and its stacks have shrunk.
func inUse() (heap, stack uint64) {
	for range 8 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}

// BenchmarkIdleConnection measures what a connection that is in step and quiet costs the centre: of the device's end,
// which lives in this process too, nothing is kept but its file descriptor.
func BenchmarkIdleConnection(b *testing.B) {
	const devices = 1500
	for b.Loop() {
		c := open(b, func(o *gateway.Options) { o.MaxStrangers = devices })
		for i := range devices {
			c.enrol(i)
		}
		heap, stack := inUse()
		sockets := make([]net.Conn, devices)
		for i := range sockets {
			p := c.connect(i, wire.Binary)
			p.greet()
			sockets[i] = p.ws.NetConn()
		}
		heapThen, stackThen := inUse()
		b.ReportMetric(float64(heapThen-heap)/devices, "heap-B/conn")
		b.ReportMetric(float64(stackThen-stack)/devices, "stack-B/conn")
		b.ReportMetric(float64(heapThen-heap+stackThen-stack)/devices, "B/conn")
		require.Equal(b, devices, c.gate.Connections())
		for _, s := range sockets {
			require.NoError(b, s.Close())
		}
	}
}
