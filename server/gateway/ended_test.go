package gateway_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// A grant that ends while a socket is open, by itself and with nobody doing anything, reaches it well within five
// seconds, and from then on nothing of it is sent.
func TestLiveSocketCloses(t *testing.T) {
	c := open(t)
	end := time.Now().Add(700 * time.Millisecond)
	c.store.SetPrincipal(deviceID(1), &se.Principal{Account: "account-of-" + deviceID(1), Device: deviceID(1), Grants: []se.Grant{
		{Scope: grid, Role: "grid_worker", To: end.UnixMilli()}, {Scope: "370115003239002", Role: "grid_worker"},
	}})
	a, b := c.greet(1, wire.Binary), c.greet(2, wire.Binary)
	w := hear[*session.Welcome](a)
	require.WithinDuration(t, end, time.Now(), 5*time.Second)
	require.Equal(t, grid, w.Lost[0].Scope)
	b.works() // in the grid that ended
	a.say(&session.Drain{Drain: se.Drain{View: w.View, N: a.n}})
	d := a.catchUp(2)
	require.True(t, d.Reset)
	require.Empty(t, d.Items)
	require.NotEqual(t, grid, d.Scope)
}

// A revoked device is let in to drain: it hears Retire and verdicts, and never a row.
func TestRetiredDeviceIsSentNothing(t *testing.T) {
	c := open(t)
	a, b := c.greet(1, wire.Binary), c.greet(2, wire.Binary)
	cs := a.hazard("not sent yet")
	c.store.SetPrincipal(deviceID(1), &se.Principal{Account: "account-of-" + deviceID(1), Device: deviceID(1), Revoked: true, Erase: true})
	b.works() // rings the bell
	require.True(t, hear[*session.Retire](a).Wipe)
	a.say(&session.Push{Changesets: []*se.Changeset{cs}})
	v := hear[*session.Verdicts](a).Verdicts[0]
	require.Equal(t, se.Parked, v.Kind)
	require.Equal(t, se.CodeDeviceRevoked, v.Reason.Code)
	b.works()
	a.say(&session.Purged{Purged: se.Purged{N: cs.N}})
	for {
		m, err := a.next()
		if err != nil {
			break
		}
		_, row := m.(*session.Delta)
		require.False(t, row)
	}
}

// What a device says about grants that ended is taken only where it can be true.
func TestHostileDrain(t *testing.T) {
	c := open(t)
	for name, m := range map[string]session.Message{
		"n far above": &session.Drain{Drain: se.Drain{N: 1 << 40}},
		"before that": &session.Purged{Purged: se.Purged{N: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			c.store.SetPrincipal(deviceID(1), &se.Principal{Account: "account-of-" + deviceID(1), Device: deviceID(1), Grants: []se.Grant{{Scope: grid, Role: "grid_worker"}}})
			a, b := c.greet(1, wire.Binary), c.greet(2, wire.Binary)
			c.store.SetPrincipal(deviceID(1), &se.Principal{Account: "account-of-" + deviceID(1), Device: deviceID(1)})
			b.works()
			w := hear[*session.Welcome](a)
			if d, ok := m.(*session.Drain); ok {
				d.View = w.View
				a.say(m)
				_, code := a.closed()
				require.Equal(t, wire.CloseProtocol, code)
			} else {
				a.say(m)
				a.say(&session.Drain{Drain: se.Drain{View: w.View, N: a.n}})
				a.catchUp(2)
			}
			require.NoError(t, c.store.View(func(tx se.ReadTx) error {
				told, err := tx.Told(deviceID(1))
				require.NoError(t, err)
				for _, l := range told.Lost {
					require.Zero(t, l.Purged)
				}
				return nil
			}))
			a.ws.Close()
		})
	}
}
