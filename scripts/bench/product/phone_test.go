package product

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// patience is far more than a round takes.
const patience = 2 * time.Minute

// phone is a device with its replica in a file.
type phone struct {
	*device.Replica
	t      testing.TB
	grid   int
	member crowd.Member
	url    string
	remote device.Remote
	moved  chan struct{} // capacity 1: something came in while it is online
}

func (c *county) phone(m crowd.Member, grid int) *phone {
	c.t.Helper()
	r, err := device.Create(filepath.Join(c.dir, m.Device+".db"), device.Options{App: "bench"})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = r.Close() })
	require.NoError(c.t, r.Identify(c.t.Context(), device.Identity{Device: m.Device, Account: m.Account, Centre: c.url}))
	p := &phone{Replica: r, t: c.t, grid: grid, member: m, url: c.url, moved: make(chan struct{}, 1)}
	p.sign()
	p.remote, err = device.WebSocket(c.url, signed{p}, device.WebSocketOptions{})
	require.NoError(c.t, err)
	return p
}

// signed gives a phone's token as it is: getting one is no part of what is measured.
type signed struct{ p *phone }

func (s signed) Token(context.Context) (string, error) { return s.p.member.Token(), nil }

// sign gets a new token.
func (p *phone) sign() {
	p.t.Helper()
	require.NoError(p.t, p.member.Sign(p.t.Context(), p.url))
}

func (p *phone) write(fn func(tx *device.Tx) error) {
	p.t.Helper()
	_, err := p.Write(p.t.Context(), fn)
	require.NoError(p.t, err)
}

// sync is one round, at whose end everything is in.
func (p *phone) sync() device.Report {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	report, err := p.Sync(ctx, p.remote)
	require.NoError(p.t, err)
	return report
}

// at is where the replica stands.
func (p *phone) at() (at se.Base) {
	p.t.Helper()
	require.NoError(p.t, p.QueryRow(p.t.Context(), `SELECT epoch, cursor FROM ds_control`).Scan(&at.Epoch, &at.Seq))
	return at
}

// unsent is how many changesets wait for their verdict.
func (p *phone) unsent() (n int) {
	p.t.Helper()
	require.NoError(p.t, p.QueryRow(p.t.Context(), `SELECT count(*) FROM ds_outbox`).Scan(&n))
	return n
}

// online keeps a phone in step until stop is called; on return the centre has greeted it.
func (p *phone) online() (stop func()) {
	p.t.Helper()
	stop = p.dial()
	await.Value(p.t, p.moved, "a Welcome")
	return stop
}

// dial is online that does not wait.
func (p *phone) dial() (stop func()) {
	ctx, cancel := context.WithCancel(p.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		err := p.Run(ctx, p.remote, device.Events{
			Progress: func(device.Progress) {
				select {
				case p.moved <- struct{}{}:
				default:
				}
			},
			Failed: func(err error, _ time.Duration) { p.t.Errorf("a conversation ended: %v", err) },
		})
		if ctx.Err() == nil {
			p.t.Errorf("Run ended: %v", err)
		}
	})
	return func() {
		p.t.Helper()
		cancel()
		await.Group(p.t, &running, "Run")
	}
}

// until waits until what came in makes something so.
func (p *phone) until(what string, so func() bool) {
	p.t.Helper()
	for !so() {
		await.Value(p.t, p.moved, what)
	}
}
