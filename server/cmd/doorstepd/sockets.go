package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/feed"
	"github.com/doorstep-sync/doorstep/server/gateway"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// sockets is what main asks of the gateway.
type sockets interface {
	http.Handler
	// Revoked closes a device's connections at once.
	Revoked(device string)
	// Reached tells where a device stands that is connected now.
	Reached(device string) (at syncengine.Base, connected bool)
	// Shutdown tells every device that the centre is stopping and returns when all connections are gone.
	Shutdown(ctx context.Context) error
}

func openSockets(a *app, bell feed.County, now func() time.Time) (sockets, error) {
	g, err := gateway.New(gateway.Options{
		Auth: authenticator{a.auth}, Centre: contacts{a.centre, a.directory, a.log, &unsent{left: map[string]int64{}}}, Bell: bell, Now: now, Log: a.log, Checked: a.checked, Ended: a.ended, Observer: socketMetrics{a.metrics},
		Origins: a.config.Origins, MaxConnections: a.config.MaxConnections, MaxHeavy: a.config.HeavyBytes,
	})
	if err != nil {
		return nil, usage("origins: %v", err)
	}
	a.metrics.long(g.Incoming)
	return g, nil
}

// contacts notes when a device was last heard of, how far its clock is off, what it runs and what it has not sent, for
// the device list.
type contacts struct {
	*centre.Centre
	directory *directory.Directory
	log       zerolog.Logger
	unsent    *unsent
}

// unsent counts down what devices said at their Hello that they had not sent. It is kept in memory, so that a device
// that sends much costs one write more, not one for each group.
type unsent struct {
	mu   sync.Mutex
	left map[string]int64 // by device
}

// said takes the number of a Hello.
func (u *unsent) said(device string, n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if delete(u.left, device); n > 0 {
		u.left[device] = n
	}
}

// took tells whether with these n the last of what a device had announced is at the centre.
func (u *unsent) took(device string, n int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	left, announced := u.left[device]
	if !announced || n == 0 {
		return false
	}
	if u.left[device] = left - n; left > n {
		return false
	}
	delete(u.left, device)
	return true
}

// Submit implements gateway.Centre. Who looks at the device list after a phone has sent everything must not be told
// that work waits on it.
func (c contacts) Submit(ctx context.Context, list []*syncengine.Changeset, contact syncengine.Contact) ([]syncengine.Result, error) {
	results, err := c.Centre.Submit(ctx, list, contact)
	judged := map[string]int64{}
	for i := range results {
		if results[i].Err == nil {
			judged[list[i].Device]++
		}
	}
	var sent []string
	for device, n := range judged {
		if c.unsent.took(device, n) {
			sent = append(sent, device)
		}
	}
	if err := c.directory.Sent(context.WithoutCancel(ctx), sent...); err != nil {
		c.log.Warn().Err(err).Strs("devices", sent).Msg("contacts not noted")
	}
	return results, err
}

// Welcome implements gateway.Centre. A contact that cannot be noted keeps nobody from synchronising.
func (c contacts) Welcome(h syncengine.Hello) (*syncengine.Welcome, error) {
	w, err := c.Centre.Welcome(h)
	if err == nil {
		if err := c.directory.Hear(context.Background(), h.Device, directory.Heard{
			Offset: h.Wall - w.Time, App: h.App, Schema: h.Schema, Waiting: h.Waiting, Oldest: h.Oldest, FreeBytes: h.FreeBytes,
			Epoch: h.Epoch, Reached: h.Cursor, Checked: h.Checked, Repaired: h.Repaired}); err != nil {
			c.log.Warn().Err(err).Str("device", h.Device).Msg("contact not noted")
		}
		c.unsent.said(h.Device, h.Waiting)
	}
	return w, err
}

// authenticator gives the gateway the names of what server/auth found.
type authenticator struct{ auth *auth.Service }

// Authenticate implements gateway.Authenticator.
func (a authenticator) Authenticate(ctx context.Context, token string) (gateway.Identity, error) {
	p, err := a.auth.Socket(ctx, token)
	switch {
	case err == nil:
		return gateway.Identity{Account: p.Account, Device: p.Device, Expires: p.Expires}, nil
	case messages.Of(err).Kind() == messages.Unauthenticated:
		return gateway.Identity{}, errors.Join(gateway.ErrUnauthorised, err)
	}
	return gateway.Identity{}, err
}

// socketMetrics is what the gateway tells.
type socketMetrics struct{ m *metrics }

// Refused counts a handshake.
func (s socketMetrics) Refused(status int) {
	s.m.refused.WithLabelValues(strconv.Itoa(status)).Inc()
}

// Opened counts a connection.
func (s socketMetrics) Opened() { s.m.sockets.Inc() }

// Closed counts its end.
func (s socketMetrics) Closed(code string) {
	s.m.sockets.Dec()
	s.m.closed.WithLabelValues(code).Inc()
}

// Received counts a message.
func (s socketMetrics) Received(kind string, bytes int) {
	s.m.received.WithLabelValues(kind).Add(float64(bytes))
}

// Sent counts a message.
func (s socketMetrics) Sent(kind string, bytes int) {
	s.m.sent.WithLabelValues(kind).Add(float64(bytes))
}

// Committed times a push.
func (s socketMetrics) Committed(_ int, took time.Duration) { s.m.answer.Observe(took.Seconds()) }

// ended keeps how far a replica came, so that the device list tells it also when the phone is off. One write for each
// connection that brought something, none for each Seen.
func (a *app) ended(device string, at syncengine.Base) {
	if err := a.directory.Reached(context.Background(), device, at.Epoch, at.Seq); err != nil {
		a.log.Warn().Err(err).Str("device", device).Msg("how far a device came was not noted")
	}
}

// checked tells the people who look after devices that a replica was not what it should be; what was in it is told nobody.
func (a *app) checked(device string, r syncengine.CheckReport) {
	a.metrics.checks.Inc()
	found := int64(min(max(r.Repaired, 0)+max(r.Local, 0), 1_000_000)) // a device's word
	if err := a.directory.Checked(context.Background(), device, found); err != nil {
		a.log.Warn().Err(err).Str("device", device).Msg("a check was not noted")
	}
	if !r.Differed() {
		return
	}
	a.metrics.repaired.Add(float64(min(r.Repaired, 1_000_000))) // a device's word
	a.log.Warn().Str("device", device).Int("repaired", r.Repaired).Int("local", r.Local).Bool("unmended", r.Unmended).Bool("stopped", r.Stopped).
		Msg("a replica differed from the centre; where it has stopped checking, its storage may be failing")
}
