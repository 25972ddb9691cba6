//go:build prove

package net

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// noticedIn is 43 s of silence on either side, as shipped; a second that the centre lingers for a goodbye, one for this test
// to hear of it (what docs/promises.md says of P14, and what the table is told), and what a machine with too much to do may
// need besides.
const noticedIn = 45*time.Second + 15*time.Second

// nobody is a hardware address that no machine has.
const nobody = "02:00:00:00:00:99"

// breaks are the ways in which a link goes without a word.
var breaks = []struct {
	name       string
	down, mend func(*link)
}{
	{"the phone's end is down", phoneDown, phoneUp},
	{"the centre's end is down", func(l *link) { l.ip("-n", l.centre, "link", "set", l.lineC, "down") },
		func(l *link) { l.ip("-n", l.centre, "link", "set", l.lineC, "up") }},
	// Half open in the strict sense: what the centre sends comes, what the phone sends is lost, and both ends are up.
	{"nothing comes from the phone",
		func(l *link) {
			l.ip("-n", l.phone, "neighbour", "replace", l.addressC, "lladdr", nobody, "nud", "permanent", "dev", l.lineP)
		},
		func(l *link) { l.ip("-n", l.phone, "neighbour", "del", l.addressC, "dev", l.lineP) }},
}

func phoneDown(l *link) { l.ip("-n", l.phone, "link", "set", l.lineP, "down") }
func phoneUp(l *link)   { l.ip("-n", l.phone, "link", "set", l.lineP, "up") }

// patient is a planted bug: neither side minds silence.
var patient = []overlay.Edit{
	{File: "clients/device/websocket.go", From: "	readWithin  = 43 * time.Second", To: "	readWithin  = 450 * time.Second"},
	{File: "server/gateway/gateway.go", From: "{&d.Read, 43 * time.Second}", To: "{&d.Read, 450 * time.Second}"},
}

// TestHalfOpenLinks takes links away while both ends write, all of them at once. Two phones write in each network: one
// over the line, and one on the centre's machine, whose work is what the centre has to send. One county more has a
// planted bug: this proof is worth something if it sees that nobody notices there.
func TestHalfOpenLinks(t *testing.T) {
	t.Parallel()
	built, deaf := build(t), build(t, patient...)
	var trials []*halfOpen
	for i, b := range breaks {
		l := lay(t, i)
		trials = append(trials, &halfOpen{county: overLink(t, l, built), name: b.name, down: func() { b.down(l) }, mend: func() { b.mend(l) }})
	}
	l := lay(t, len(breaks))
	planted := &halfOpen{county: overLink(t, l, deaf), name: "planted", down: func() { phoneDown(l) }, mend: func() { phoneUp(l) }}
	all := append(slices.Clone(trials), planted)
	for _, x := range all {
		require.NoError(t, x.everyone(60*time.Second, 20), x.name)
		x.begin()
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(noticedIn); time.Now().Before(deadline); <-tick.C {
		for _, x := range all {
			x.look()
		}
	}
	longest := time.Duration(0)
	for _, x := range trials {
		x.noticed()
		longest = max(longest, x.byCentre, x.byPhone)
	}
	require.Zero(t, planted.byCentre+planted.byPhone, "the bug was not seen: neither side is to notice")
	for _, x := range trials {
		x.again()
	}
	figures.Of(t, figures.Noticed, int(longest.Milliseconds()))
}

// halfOpen is one trial.
type halfOpen struct {
	*county
	name       string
	down, mend func()

	began             time.Time
	timeouts          float64 // these three: before
	ended, nearEnded  int
	byCentre, byPhone time.Duration // until it noticed; 0 = not yet
}

// begin takes the link away.
func (x *halfOpen) begin() {
	x.t.Helper()
	require.Equal(x.t, float64(2), x.said()[sockets], x.name)
	x.timeouts, x.ended, x.nearEnded = x.said()[timeouts], x.phones[0].ended, x.phones[1].ended
	x.down()
	x.began = time.Now()
}

// look notes who has noticed: the centre when it counts a connection less, the phone when its conversation has ended.
func (x *halfOpen) look() {
	x.t.Helper()
	require.NoError(x.t, x.alive(), x.name)
	if x.byCentre == 0 && x.said()[sockets] < 2 {
		x.byCentre = time.Since(x.began)
	}
	if far := x.phones[0]; x.byPhone == 0 && far.ended > x.ended {
		x.byPhone = far.endedAt.Sub(x.began)
	}
}

// noticed wants both ends to have noticed, nothing to count as delivered that was not, and nobody else to be disturbed.
func (x *halfOpen) noticed() {
	far, near := x.phones[0], x.phones[1]
	x.t.Logf("%s: noticed by the centre after %v, by the phone after %v, which says %q",
		x.name, x.byCentre.Round(100*time.Millisecond), x.byPhone.Round(100*time.Millisecond), far.why)
	require.NotZero(x.t, x.byCentre, "%s: not noticed by the centre within %v", x.name, noticedIn)
	require.NotZero(x.t, x.byPhone, "%s: not noticed by the phone within %v", x.name, noticedIn)
	require.Equal(x.t, float64(1), x.said()[timeouts]-x.timeouts, "%s: the centre ended it for another reason", x.name)
	require.Equal(x.t, "offline", far.why)
	require.Equal(x.t, x.nearEnded, near.ended, "%s: the phone on the centre's machine was disturbed", x.name)
	faults := x.undelivered(far)
	require.True(x.t, faults.Ok(), "%s, while the link is away: %s", x.name, &faults)
}

// again gives the link back: everything has to come everywhere.
func (x *halfOpen) again() {
	x.mend()
	began := time.Now()
	require.NoError(x.t, x.rest(drainsIn), "%s: when the link was back", x.name)
	x.t.Logf("%s: in step %v after the link was back; the aim is 10 s", x.name, time.Since(began).Round(10*time.Millisecond))
	faults, took := x.check()
	x.t.Logf("%s: %d changesets in every database: %s", x.name, took, &faults)
	require.True(x.t, faults.Ok(), "%s: %s", x.name, &faults)
	figures.Of(x.t, figures.HalfOpen, 1)
	figures.Of(x.t, figures.Lost, len(faults.Lost)+len(faults.Torn)+len(faults.Other))
}

// overLink starts a centre with an authority of its own in one namespace and phones in both.
func overLink(t *testing.T, l *link, built programs) *county {
	t.Helper()
	c := newCounty(t)
	c.centre.client = l.client()
	admin := c.centre.start(in(l.centre), built.doorstepd, "0.0.0.0:8737")
	c.centre.url = "https://" + l.addressC + ":8737"
	self, err := os.Executable()
	require.NoError(t, err)
	for who, code := range c.centre.people(admin, 2) {
		front := in(l.centre)
		if who == 1 {
			front = in(l.phone)
		}
		words := append(slices.Clone(front[1:]), self, enrolling, c.replica(who), c.centre.url, code, fmt.Sprint(who))
		text, err := exec.Command(front[0], words...).CombinedOutput()
		require.NoError(t, err, "enrol phone %d: %s", who, text)
		if who == workload.Desk {
			continue
		}
		p := &phone{t: t, who: who, file: c.replica(who)}
		p.start(front, built.phone, "PROVE_HURRY=1", "PROVE_EVERY=100ms")
		c.phones = append(c.phones, p)
	}
	return c
}

// undelivered looks at a phone without a link: it writes on, and what it counts as delivered is what was.
func (c *county) undelivered(p *phone) (faults workload.Faults) {
	var last, acked, outbox int64
	q := c.open(p.file)
	err := c.until(30*time.Second, func() (bool, string) {
		err := q.One(`SELECT last_n, acked, (SELECT count(*) FROM ds_outbox) FROM ds_state`, &last, &acked, &outbox)
		return err == nil && outbox >= 40, fmt.Sprintf("phone %d has %d in its outbox %v", p.who, outbox, err)
	})
	if err != nil {
		faults.Otherwise("it does not write on: %v", err)
	}
	p.listen()
	verdicts, _ := workload.Verdicts(c.open(c.centre.file()), c.names()) // of one that is writing: judged at the end
	faults.Add(filed(q, p, verdicts))
	if p.acked != acked || acked+outbox != last {
		faults.Otherwise("phone %d said %d are acknowledged, its file says %d, with %d in the outbox of %d", p.who, p.acked, acked, outbox, last)
	}
	return faults
}

// Names of the centre's metrics: its connections, and how many it ended because it heard nothing.
const (
	sockets  = "doorstep_sockets"
	timeouts = `doorstep_sockets_closed_total{reason="timeout"}`
)

func (c *county) said() crowd.Said {
	c.t.Helper()
	said, err := crowd.MetricsOf(c.t.Context(), c.centre.client, c.centre.url)
	require.NoError(c.t, err)
	return said
}
