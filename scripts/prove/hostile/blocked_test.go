//go:build prove

package hostile

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// gripping is a planted bug: what all connections share is held while one of them writes.
var gripping = overlay.Edit{
	File: "server/gateway/write.go",
	From: "func (c *conn) send(m session.Message) bool {\n",
	To:   "func (c *conn) send(m session.Message) bool {\n\tc.g.mu.Lock()\n\tdefer c.g.mu.Unlock()\n",
}

const ownNetwork = "DOORSTEP_OWN_NETWORK" // set in the process that has one

// TestBlockedWrites is about devices that never read, where the centre's own buffers are full at once: each of its writes
// to them waits for the whole of its deadline, and nobody else for them. The kernel takes some hundred KiB for each
// connection as a rule, so that no write ever waits; in a network of its own it takes next to nothing. One centre more has a
// planted bug: this proof is worth something if it sees that all wait for one there.
func TestBlockedWrites(t *testing.T) {
	if os.Getenv(ownNetwork) == "" {
		again(t)
		return
	}
	tight(t)
	const deaf = 60
	c := open(t, deaf, 500)
	before := c.taking()
	beside := c.beside(func() {
		c.crowd(crowds{cold: deaf}).wait(1)
	})
	blocked := c.closed("gone")
	t.Logf("a healthy device's verdicts beside %d connections whose writes wait: %v; ended by a write's deadline: %d", deaf, beside, blocked)
	require.GreaterOrEqual(t, blocked, deaf, "no write ever waited")
	c.givesBack(before)

	planted := open(t, 4, 500, gripping)
	planted.crowd(crowds{cold: 4})
	require.True(t, planted.holdsUp(), "the bug was not seen: nobody waited")
	figures.Of(t, figures.Blocked, blocked)
}

// again runs the test in a process with a network of its own.
func again(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), ownNetwork+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	text, err := cmd.CombinedOutput()
	t.Logf("%s", text)
	require.NoError(t, err, "this proof makes a network of its own and needs root and a kernel with network namespaces")
}

// tight brings up the process's own network, where a socket keeps 4 KiB that are not acknowledged.
func tight(t *testing.T) {
	t.Helper()
	text, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput()
	require.NoError(t, err, "ip, of the Debian package iproute2: %s", text)
	require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/tcp_wmem", []byte("4096 4096 8192"), 0o600))
}

// holdsUp tells whether the healthy worker's verdicts stop for longer than anything but waiting for others explains.
func (c *county) holdsUp() bool {
	c.t.Helper()
	var offering sync.WaitGroup
	stop, seen := make(chan struct{}), make(chan struct{})
	offering.Go(func() {
		for {
			late := time.AfterFunc(heldUp, sync.OnceFunc(func() { close(seen) }))
			err := c.worker.Offer()
			if !late.Stop() || err != nil {
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	defer func() {
		close(stop)
		c.process.Kill() // its worker may wait for long
		offering.Wait()
	}()
	select {
	case <-seen:
		return true
	case <-time.After(readWithin):
		return false
	}
}
