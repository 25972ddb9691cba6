package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay/armed"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// met says that the centre has answered.
var met = sync.OnceFunc(func() { fmt.Println("met") })

// pointed is a way to the centre with points at what comes and goes.
type pointed struct{ device.Remote }

// Dial opens a connection.
func (p pointed) Dial(ctx context.Context) (device.Conn, error) {
	c, err := p.Remote.Dial(ctx)
	if err != nil {
		return nil, err
	}
	armed.Point("dialled")
	return conn{c}, nil
}

// Refresh hands on what the SDK asks of a Remote besides.
func (p pointed) Refresh() {
	if r, ok := p.Remote.(interface{ Refresh() }); ok {
		r.Refresh()
	}
}

type conn struct{ device.Conn }

// Send hands a message over.
func (c conn) Send(m session.Message) error {
	_, push := m.(*session.Push)
	_, hello := m.(*session.Hello)
	switch m.(type) {
	case *session.Push:
		armed.Point("about to push")
	case *session.Purged:
		armed.Point("about to send a receipt")
	}
	err := c.Conn.Send(m)
	switch {
	case err != nil:
	case push:
		armed.Point("pushed")
	case hello:
		armed.Point("hello sent")
	}
	return err
}

// Receive takes a message in.
func (c conn) Receive() (session.Message, error) {
	m, err := c.Conn.Receive()
	if err == nil {
		met()
	}
	switch m.(type) {
	case *session.Welcome:
		armed.Point("welcome")
	case *session.Verdicts:
		armed.Point("verdicts")
	case *session.Delta:
		armed.Point("delta")
	}
	return m, err
}

// Ping hands on what the SDK asks of a Conn besides.
func (c conn) Ping() error {
	if p, ok := c.Conn.(interface{ Ping() error }); ok {
		return p.Ping()
	}
	return nil
}

// SetLimits hands it on.
func (c conn) SetLimits(l se.Limits) {
	if x, ok := c.Conn.(interface{ SetLimits(se.Limits) }); ok {
		x.SetLimits(l)
	}
}
