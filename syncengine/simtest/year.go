package simtest

import (
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// yearly is a rewound world that lasts a year: phones of people who work every day, are moved between scopes, lose the
// network for weeks, have their apps updated, their processes killed, their disks full and their clocks set, while the
// centre stops, is put back, and forgets what is old. What the other worlds do apart comes together here.
type yearly struct {
	w        *rewound
	rng      *rand.Rand
	versions [3]*schema.Schema
	ghosts   []ghost // of connections that phones gave up
	ending   string  // how the centre's process ends at its next commit, "" for not
	over     bool    // no more trouble
	faults   int
}

// ghost is what a phone had sent on a connection that it gave up.
type ghost struct {
	p   *handset
	cen *session.Centre
	up  []session.Message
}

// yearOf is what a phone has in a world of a year beside what every rewound phone has.
type yearOf struct {
	version   int
	tally     *tally
	arm       *arm
	committed bool
	ended     bool // it heard that its person's work somewhere has ended
	doubled   bool // on the connection that it has now, a message came twice
	plan      calendar
	backup    *handset // an earlier self, to be put back
}

// calendar says on which days something happens to a phone: on that one, or on the next working day.
type calendar struct {
	away    map[int]bool // without a network
	since   int          // it is away; 0 = it is not
	update  []int
	move    []int // its person gets other scopes
	backup  []int
	restore []int // what is then put back
}

// due takes a day off a list when it has come.
func due(days *[]int, day int) bool {
	if len(*days) == 0 || (*days)[0] > day {
		return false
	}
	*days = (*days)[1:]
	return true
}

// lastDay ends a year that did not come together by then.
const lastDay = 420

// RunYear makes the year of a seed, or the first days of it; 0 = until every phone has been through all that a year holds.
func RunYear(seed uint64, days int) Report {
	versions := versions(func(s *schema.Schema) {
		for _, r := range s.Roles {
			if r.Offline > 0 {
				r.Offline = 30
			}
		}
	})
	w := newRewound(seed, versions[2], &yearly{versions: versions})
	w.year.w, w.year.rng = w, w.stream("year")
	if days == 0 {
		days = lastDay
	}
	return w.live(func() { w.year.live(days) })
}

func (y *yearly) live(days int) {
	w := y.w
	restores := []int{y.between(30, 120), y.between(121, 240)}
	for day := 1; day < days && w.bad == "" && !y.complete(); day++ {
		w.now = start + int64(day)*dayMS
		if day%7 < 5 {
			y.day(day)
		}
		if due(&restores, day) {
			y.restore()
		}
		w.prune()
		for _, p := range w.nodes {
			p.tally.night()
		}
	}
}

// restore puts the centre back, if there is anything to take from it.
func (y *yearly) restore() {
	was := y.w.counts["centre put back"]
	if y.w.restore(); y.w.counts["centre put back"] == was {
		return
	}
	for _, p := range y.w.nodes {
		p.tally.restores++
	}
}

func (y *yearly) begins(p *handset) {
	if y != nil {
		p.tally, p.plan = &tally{}, y.calendar()
	}
}

func (y *yearly) complete() bool {
	return !slices.ContainsFunc(y.w.nodes, func(p *handset) bool { return p.tally.years() == 0 && !p.tally.copied })
}

func (y *yearly) between(lo, hi int) int { return lo + y.rng.IntN(hi-lo+1) }

func (y *yearly) often(n int) bool {
	if y.over || y.rng.IntN(n) > 0 {
		return false
	}
	y.faults++
	return true
}

// calendar plans the year of a phone.
func (y *yearly) calendar() calendar {
	c := calendar{away: map[int]bool{}, update: []int{y.between(20, 110), y.between(120, 210)}, backup: []int{y.between(30, 200)}}
	c.restore = []int{c.backup[0] + y.between(1, 10)}
	for spell, day := 0, 5; day < lastDay; spell++ {
		day += y.between(12, 18)
		length := y.between(2, 5)
		if spell == 5 {
			length = y.between(15, 20)
		}
		for range length {
			c.away[day] = true
			day++
		}
		if spell%3 == 2 {
			c.move = append(c.move, day+y.between(1, 9)-y.between(0, length)) // now and then while he is away
		}
	}
	return c
}

// day is a working day of everybody.
func (y *yearly) day(day int) {
	w := y.w
	var acts []func()
	for _, p := range slices.Clone(w.nodes) {
		y.events(p, day)
		p = w.nodes[p.no] // an earlier self may have come
		for range dayEdits + 1 + y.rng.IntN(4) {
			acts = append(acts, func() { w.nodes[p.no].work() })
		}
		if !y.away(p, day) {
			for range 1 + y.rng.IntN(3) {
				acts = append(acts, func() { w.nodes[p.no].sync(y.rng.IntN(60) - 20) })
			}
		}
		acts = append(acts, func() { w.regrants(); w.clerk.act() })
	}
	y.rng.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	for _, act := range acts {
		if w.bad != "" {
			return
		}
		w.now += int64(y.rng.IntN(600_000))
		y.strike()
		act()
	}
}

// away tells whether a phone is without a network, and counts the spells that end.
func (y *yearly) away(p *handset, day int) bool {
	if p.plan.away[day] {
		if p.plan.since == 0 {
			p.plan.since = day
		}
		return true
	}
	if p.plan.since > 0 {
		p.tally.offline++
		p.tally.longest = max(p.tally.longest, day-p.plan.since)
		p.plan.since = 0
	}
	return false
}

// events are what the calendar has for a phone.
func (y *yearly) events(p *handset, day int) {
	w := y.w
	if due(&p.plan.update, day) {
		y.update(p)
	}
	if due(&p.plan.move, day) {
		y.move(p)
	}
	if due(&p.plan.backup, day) {
		w.copyOf(p)
	}
	if due(&p.plan.restore, day) {
		y.putBack(p)
	}
}

// strike lets something happen before somebody does something.
func (y *yearly) strike() {
	p := y.w.nodes[y.rng.IntN(len(y.w.nodes))]
	switch k := y.rng.IntN(240); {
	case y.over:
	case k < 14:
		p.arm = &arm{after: 1 + y.rng.IntN(4), kind: []string{crashBefore, crashAfter}[y.rng.IntN(2)]}
	case k < 15:
		p.arm = &arm{after: 1, kind: failCommit}
	case k < 17:
		was := p.clock.offset
		if p.clock.offset = []int64{10 * year, -10 * year, y.rng.Int64N(4*year) - 2*year, y.rng.Int64N(180_000) - 90_000, 0}[y.rng.IntN(5)]; p.clock.offset == was {
			return
		}
		p.tally.jumps++
		y.faults++
		y.w.count("year: clock set")
	case k < 18:
		p.clock.reboot(y.w.now)
		y.w.count("year: reboot")
	case k < 20:
		y.ending = []string{crashBefore, crashAfter}[y.rng.IntN(2)]
	}
}

// update gives a phone the next version of its app, whatever waits in it.
func (y *yearly) update(p *handset) {
	if p.version == 2 {
		return // a copy of one that has it already
	}
	next := y.versions[p.version+1]
	if len(p.dev.outbox)+len(p.dev.captured) > 0 {
		y.w.count("year: update over a full outbox")
	}
	dead, err := p.run(func() error { return p.dev.Upgrade(next, p.clock.read(y.w.now)) })
	if err != nil && !p.full(err) {
		y.w.wrong("update of %s: %v", p.dev.ctl.Device, err)
	}
	if dead || err != nil {
		y.w.count("year: an update was cut off")
	}
	if p.dev.ctl.Schema != next.Version {
		p.plan.update = append([]int{int((y.w.now-start)/dayMS) + 1}, p.plan.update...) // he tries again tomorrow
		return
	}
	p.version++
	p.tally.updates++
	p.opens()
	y.w.count("year: app updated")
}

// move gives a person other scopes, or another steward's doors.
func (y *yearly) move(p *handset) {
	p.tally.scopes++
	y.faults++
	if p.steward {
		for was := y.w.posts(p.dev.ctl.Account); reflect.DeepEqual(was, y.w.posts(p.dev.ctl.Account)); {
			y.w.lookAfter(p)
		}
		y.w.count("year: steward got other doors")
		return
	}
	had := y.w.posts(p.dev.ctl.Account)
	for {
		grants := [][]se.Grant{worksIn("A"), worksIn("B"), worksIn("A", "B")}[y.rng.IntN(3)]
		if !slices.EqualFunc(had, grants, func(a, b se.Grant) bool { return a.Scope == b.Scope }) {
			y.w.assign(p.dev.ctl.Account, grants)
			y.w.count("year: worker moved")
			return
		}
	}
}

func worksIn(scopes ...string) (out []se.Grant) {
	for _, s := range scopes {
		out = append(out, se.Grant{Scope: s, Role: roleWorker})
	}
	return out
}

// copied takes a copy of a phone: as one more phone, or as what is put back on it some days later.
func (y *yearly) copied(p, q *handset) {
	if len(y.w.nodes) < 4 && y.rng.IntN(2) == 0 {
		q.no, q.plan, q.tally = len(y.w.nodes), y.calendar(), &tally{copied: true}
		p.tally.restores++
		y.w.nodes = append(y.w.nodes, q)
		y.w.count("replica copied")
		return
	}
	p.backup = q
}

// putBack puts an earlier self back in a phone's place, unless there is a third that nobody has told apart yet.
func (y *yearly) putBack(p *handset) {
	q := p.backup
	p.backup = nil
	if q == nil || slices.ContainsFunc(y.w.nodes, func(o *handset) bool { return o != p && o.dev.ctl.Device == q.dev.ctl.Device }) {
		return
	}
	p.tally.restores++
	q.stale, q.clock, q.backup, q.plan.since = true, p.clock, nil, p.plan.since
	q.plan.backup, q.plan.restore, q.plan.move = p.plan.backup, p.plan.restore, p.plan.move
	y.w.nodes[p.no] = q
	y.w.count("replica put back")
}
