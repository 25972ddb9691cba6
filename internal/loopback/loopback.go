// Package loopback gives a test an address at which it can start a program, stop it and start it again.
package loopback

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// The kernel gives ports from 32768 to whoever connects or listens at port 0: one that was free a moment ago may be
// somebody's while the program is away. Those below it gives to nobody.
const first, many = 10_000, 20_000

// next begins elsewhere in each process, so that packages that are tested at once do not try the same ports.
var next = func() *atomic.Int64 { var n atomic.Int64; n.Store(int64(os.Getpid()) * 37); return &n }()

// Address is one at which nobody listens.
func Address(t testing.TB) string {
	t.Helper()
	for range 1000 {
		address := net.JoinHostPort("127.0.0.1", strconv.FormatInt(first+next.Add(1)%many, 10))
		l, err := net.Listen("tcp", address)
		if err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no port of a thousand is free")
	return ""
}
