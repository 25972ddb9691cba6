package gateway_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// checking counts the checks that reach the county.
type checking struct {
	gateway.Centre
	n atomic.Int64
}

func (c *checking) Check(ctx context.Context, req se.CheckRequest) ([]se.Repair, error) {
	c.n.Add(1)
	return c.Centre.Check(ctx, req)
}

// Whoever has used up his checks does not get others by coming back; another device has its own.
func TestChecksOfADeviceOverItsConnections(t *testing.T) {
	c := open(t)
	counted := &checking{Centre: c.centre}
	c.swap(counted)
	ask := func(p *phone, from, n int64) {
		for i := range n {
			p.say(&session.Check{Check: se.Check{Number: from + i, Scope: grid}})
			require.Equal(t, from+i, hear[*session.Repair](p).Number)
		}
	}
	a := c.greet(1, wire.Binary)
	ask(a, 1, 320)
	used := counted.n.Load()
	require.InDelta(t, 300, used, 15)
	a.ws.Close()
	again := c.greet(1, wire.Binary)
	ask(again, 1, 20)
	require.InDelta(t, used, counted.n.Load(), 15)
	before := counted.n.Load()
	ask(c.greet(2, wire.Binary), 1, 20)
	require.Equal(t, before+20, counted.n.Load())
}
