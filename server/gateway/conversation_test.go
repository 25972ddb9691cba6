package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// What one phone pushes, another one hears without asking, in either format.
func TestPushReachesTheOther(t *testing.T) {
	for _, f := range []wire.Format{wire.Binary, wire.JSON} {
		t.Run(f.Subprotocol(), func(t *testing.T) {
			c := open(t)
			a, b := c.greet(1, f), c.greet(2, f)
			cs := a.hazard("楼道堆物 𠮷")
			a.say(&session.Push{Changesets: []*se.Changeset{cs}})
			v := hear[*session.Verdicts](a).Verdicts[0]
			require.Equal(t, se.Accepted, v.Kind, "%+v", v.Reason)
			d := b.catchUp(2)
			require.Equal(t, v.Seq, d.To.Seq)
			require.Equal(t, cs.Changes[0].Row, d.Items[0].Row)
			own := a.catchUp(2)
			require.Equal(t, cs.N, own.LastN, "the delta tells that it contains the changeset")
		})
	}
}

// A push sent again, on the same socket or another, takes effect once and gets the same verdict.
func TestSentAgainTakesEffectOnce(t *testing.T) {
	c := open(t)
	a, b := c.greet(1, wire.Binary), c.greet(1, wire.JSON)
	cs := a.hazard("once")
	push := &session.Push{Changesets: []*se.Changeset{cs}}
	a.say(push)
	first := hear[*session.Verdicts](a)
	for _, p := range []*phone{a, b, a} {
		p.say(push)
		require.Equal(t, first, hear[*session.Verdicts](p))
	}
	require.EqualValues(t, 1, c.head())
}

// Many changesets in flight get their verdicts in order, from few commits.
func TestWindow(t *testing.T) {
	c := open(t)
	a := c.greet(1, wire.Binary)
	for range 20 {
		for range small.Window {
			a.say(&session.Push{Changesets: []*se.Changeset{a.hazard("x")}})
		}
		for want := a.n - int64(small.Window) + 1; want <= a.n; {
			for _, v := range hear[*session.Verdicts](a).Verdicts {
				require.Equal(t, want, v.N)
				want++
			}
		}
	}
	require.EqualValues(t, 20*small.Window, c.head())
}

// What keeps a changeset from being judged closes the connection with a code of its own.
func TestUnjudged(t *testing.T) {
	for _, x := range []struct {
		name   string
		break_ func(c *county, p *phone) *se.Changeset
		code   session.NoticeCode
		close  int
	}{
		{"gap", func(_ *county, p *phone) *se.Changeset { p.hazard("lost"); return p.hazard("x") }, session.NoticeGap, wire.CloseGap},
		{"clone", func(_ *county, p *phone) *se.Changeset { p.works(); p.n--; return p.hazard("other") }, session.NoticeClone, wire.CloseClone},
		{"another device", func(_ *county, p *phone) *se.Changeset {
			cs := p.hazard("x")
			cs.Device = deviceID(9)
			return cs
		}, session.NoticeProtocol, wire.CloseProtocol},
		{"forgotten", func(c *county, p *phone) *se.Changeset {
			c.store.SetPrincipal(deviceID(p.i), nil)
			return p.hazard("x")
		}, session.NoticeUnauthorised, wire.CloseUnauthorised},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := open(t)
			a, b := c.greet(1, wire.JSON), c.greet(2, wire.JSON)
			before := c.head()
			cs := x.break_(c, a)
			before = max(before, c.head())
			a.say(&session.Push{Changesets: []*se.Changeset{cs}})
			notice, code := a.closed()
			require.NotNil(t, notice)
			require.Equal(t, x.code, notice.Code)
			require.Equal(t, x.close, code)
			require.Equal(t, before, c.head())
			b.works()
		})
	}
}

// A wrong author is no reason to close: the changeset gets its verdict, and the next one is heard (S2).
func TestForgedAuthorIsRejected(t *testing.T) {
	c := open(t)
	a := c.greet(1, wire.Binary)
	cs := a.hazard("x")
	cs.Author = "account-of-" + deviceID(2)
	a.prev = cs.Hash()
	a.say(&session.Push{Changesets: []*se.Changeset{cs}})
	v := hear[*session.Verdicts](a).Verdicts[0]
	require.Equal(t, se.Rejected, v.Kind)
	require.Equal(t, se.CodeWrongAuthor, v.Reason.Code)
	d := a.catchUp(2)
	require.Empty(t, d.Items)
	require.Equal(t, cs.N, d.LastN, "an empty step tells that nothing of it will come")
	a.works()
}

// A device whose person got another grant is greeted anew on the same socket, without asking.
func TestGrantChange(t *testing.T) {
	c := open(t)
	a, b := c.greet(1, wire.Binary), c.greet(2, wire.Binary)
	c.store.SetPrincipal(deviceID(1), &se.Principal{
		Account: "account-of-" + deviceID(1), Device: deviceID(1), Grants: []se.Grant{{Scope: grid, Role: "supervisor"}},
	})
	b.works() // rings the bell
	w := hear[*session.Welcome](a)
	require.True(t, w.Reset)
	require.Equal(t, "supervisor", w.Grants[0].Role)
	require.Equal(t, "grid_worker", w.Lost[0].Role)
	a.say(&session.Drain{Drain: se.Drain{View: w.View, N: a.n}})
	require.True(t, a.catchUp(2).Reset)
}
