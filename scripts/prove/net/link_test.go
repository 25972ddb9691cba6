//go:build prove

package net

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// link is a network of its own: two machines' network namespaces, the centre's and the phone's, and one line between them.
type link struct {
	t                  testing.TB
	centre, phone      string // namespaces
	lineC, lineP       string // the line's ends
	addressC, addressP string
}

// lay makes link number i, up. It ends the test where the kernel does not let it.
func lay(t testing.TB, i int) *link {
	t.Helper()
	id := fmt.Sprintf("%d-%d", unix.Getpid(), i)
	l := &link{
		t: t, centre: "dsc" + id, phone: "dsp" + id, lineC: "lc" + id, lineP: "lp" + id,
		addressC: fmt.Sprintf("10.231.%d.1", i), addressP: fmt.Sprintf("10.231.%d.2", i),
	}
	t.Cleanup(func() {
		for _, name := range []string{l.centre, l.phone} {
			_ = exec.Command("ip", "netns", "del", name).Run()
		}
	})
	for _, name := range []string{l.centre, l.phone} {
		l.ip("netns", "add", name)
		l.ip("-n", name, "link", "set", "lo", "up")
	}
	l.ip("link", "add", l.lineC, "netns", l.centre, "type", "veth", "peer", "name", l.lineP, "netns", l.phone)
	l.ip("-n", l.centre, "address", "add", l.addressC+"/30", "dev", l.lineC)
	l.ip("-n", l.phone, "address", "add", l.addressP+"/30", "dev", l.lineP)
	l.ip("-n", l.centre, "link", "set", l.lineC, "up")
	l.ip("-n", l.phone, "link", "set", l.lineP, "up")
	return l
}

func (l *link) ip(args ...string) {
	l.t.Helper()
	text, err := exec.Command("ip", args...).CombinedOutput()
	require.NoError(l.t, err, "this proof makes networks of its own and needs root, the Debian package iproute2 and a kernel with network namespaces and veth: ip %s: %s",
		strings.Join(args, " "), text)
}

// in gives the words that run a program in a namespace.
func in(namespace string) []string { return []string{"ip", "netns", "exec", namespace} }

// client reaches the centre from within its own machine, whatever becomes of the line.
func (l *link) client() *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		var c net.Conn
		err = within(l.centre, func() (err error) {
			c, err = new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
			return err
		})
		return c, err
	}
	return &http.Client{Transport: &http.Transport{
		DialContext: dial, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // nobody else is in that namespace
	}}
}

// within runs fn on a thread that is in the namespace. The thread ends with it.
func within(namespace string, fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread goes with the goroutine
		f, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(f, unix.CLONE_NEWNET)
			_ = unix.Close(f)
		}
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	return <-done
}
