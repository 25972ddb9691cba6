//go:build prove

package net

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

const (
	seed     = 1
	leastOf  = 300 // faults
	rough    = 50 * time.Second
	atMost   = 4 * time.Minute  // on a machine with nothing else to do, a fifth of it
	drainsIn = 60 * time.Second // a generous multiple of the 10 s that we aim at
)

// behindProxies starts a centre and phones, each of which knows the centre by the address of a proxy of its own.
func behindProxies(t testing.TB, built programs, phones int) (*county, []*proxy) {
	t.Helper()
	c := newCounty(t)
	c.centre.client = http.DefaultClient
	codes := c.centre.people(c.centre.start(nil, built.doorstepd, "127.0.0.1:0"), phones)
	u, err := url.Parse(c.centre.url)
	require.NoError(t, err)
	var proxies []*proxy
	for who, code := range codes {
		p := newProxy(t, u.Host, rand.New(rand.NewPCG(seed, uint64(who))))
		require.NoError(t, enrol(c.replica(who), "http://"+p.address, code, who))
		if who == workload.Desk {
			continue
		}
		proxies = append(proxies, p)
		c.phones = append(c.phones, &phone{t: t, who: who, file: c.replica(who)})
	}
	for _, p := range c.phones {
		p.start(nil, built.phone, "PROVE_HURRY=60")
	}
	return c, proxies
}

// suffer breaks the network until so much has gone wrong, and heals it. Whoever writes goes on.
func (c *county) suffer(proxies []*proxy, least int, atLeast, atMost time.Duration) (struck int, err error) {
	for _, p := range proxies {
		p.breakDown()
	}
	began := time.Now()
	err = c.until(atMost, func() (bool, string) {
		struck = 0
		for _, p := range proxies {
			struck += tally{}.add(p)
		}
		return struck >= least && time.Since(began) >= atLeast, fmt.Sprintf("%d faults", struck)
	})
	for _, p := range proxies {
		p.heal()
	}
	return struck, err
}

// TestFaultsBetweenProcesses cuts, resets, stalls, drips, swallows and refuses connections between a centre and phones
// that all write.
func TestFaultsBetweenProcesses(t *testing.T) {
	t.Parallel()
	c, proxies := behindProxies(t, build(t), 4)
	require.NoError(t, c.everyone(30*time.Second, 1))
	before := map[int]int64{}
	for _, p := range c.phones {
		before[p.who] = p.acked
	}
	began := time.Now()
	struck, err := c.suffer(proxies, leastOf, rough, atMost)
	lasted := time.Since(began)
	kinds := tally{}
	for i, p := range proxies {
		n := kinds.add(p)
		t.Logf("phone %d: %d faults, %d conversations ended (%v), %d changesets acknowledged meanwhile", i+1, n, c.phones[i].ended, c.phones[i].whys, c.phones[i].acked-before[i+1])
	}
	t.Logf("%d faults in %.0f s: %s", struck, lasted.Seconds(), kinds)
	require.NoError(t, err)
	for _, p := range c.phones {
		require.Greater(t, p.acked, before[p.who], "phone %d got nowhere", p.who)
	}
	for name, n := range kinds {
		require.Positive(t, n, "%s: never", name)
	}
	began = time.Now()
	require.NoError(t, c.rest(drainsIn), "when nothing went wrong any more")
	t.Logf("drained within %v; the aim is 10 s", time.Since(began).Round(time.Millisecond))
	faults, took := c.check()
	t.Logf("%d changesets in every database: %s", took, &faults)
	require.True(t, faults.Ok(), "%s", &faults)
	figures.Of(t, figures.NetFaults, struck)
	figures.Of(t, figures.Lost, len(faults.Lost)+len(faults.Torn)+len(faults.Other))
}

// TestFaultsAreSeen plants bugs that only a network that fails brings to light: the proof above is worth something if it
// finds them.
func TestFaultsAreSeen(t *testing.T) {
	for _, bug := range []struct {
		name  string
		edits []overlay.Edit
	}{
		{"what was committed is applied again", []overlay.Edit{
			{File: "syncengine/ingest.go", From: "case cs.N <= dev.LastN:", To: "case cs.N < 0:"},
			{File: "syncengine/ingest.go", From: "case cs.Prev != dev.Hash:", To: "case cs.Prev != dev.Hash && cs.N > dev.LastN:"},
		}},
		{"a verdict that was cut off is not asked for again", []overlay.Edit{{
			File: "syncengine/session/device.go", From: "d.pushed = min(d.hello.Acked, m.LastN)", To: "d.pushed = m.LastN",
		}}},
	} {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			c, proxies := behindProxies(t, build(t, bug.edits...), 2)
			_, _ = c.suffer(proxies, 60, 0, 20*time.Second) // fewer where the bug leaves nothing to do
			err := c.rest(30 * time.Second)
			if err != nil {
				t.Logf("seen: %v", err)
				return
			}
			faults, _ := c.check()
			require.False(t, faults.Ok(), "the bug was not seen")
			t.Logf("seen: %s", &faults)
		})
	}
}
