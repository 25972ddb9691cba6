package simtest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// rewound is a world whose centre is put back to older states and whose replicas are copied, put back, lost and holed.
// It has a driver and an oracle of its own: after a restore much that the other worlds check exactly can only be told
// in part (engine.md §5 "Restore").
type rewound struct {
	seed   uint64
	rng    *rand.Rand
	schema *schema.Schema
	engine *se.Engine
	store  rewoundCentre
	log    []func(rewoundCentre) // everything that was done to the centre, to be done again up to a point
	people map[string]*se.Principal
	nodes  []*handset
	now    int64
	words  int64
	ids    int64
	copies int64
	epoch  int64 // newest that ever began, as the file beside the database remembers it
	floor  int   // no restore goes before this
	waits  bool  // nobody has confirmed the newest epoch yet
	silent bool  // the centre was put back and does not know it
	ledger ledger
	counts map[string]int
	bad    string

	habits  habits
	dice    *rand.Rand // of what there was not before there were habits
	doors   *rand.Rand
	ring    *seal.Ring
	clerk   clerk
	night   night
	post    map[string][]se.Grant // by account; nil = a worker
	places  []se.RowID            // that stewards look after
	born    map[string]int        // of each device: what was done to the centre before it was made
	cut     map[se.Hash]bool      // changesets that a restore took away
	lain    map[replica.RowKey][]lain
	doubled map[int64]bool // epochs that have two lines of history
	year    *yearly        // nil = an hour, not a year
	print   fingerprint
}

// handset is one replica with its own clock.
type handset struct {
	w      *rewound
	no     int
	dev    *MemDevice
	end    session.Replica
	clock  clock
	tokens []word            // what its programs wrote and it still answers for
	said   map[spot][]string // the texts of these, by where
	gone   map[int64]bool    // n of which it lost the body
	at     se.Base
	stale  bool // it was put back, and has not spoken with the centre since

	steward   bool
	contained int64        // n up to which the rows it holds are those after its work
	again     bool         // it was enrolled again
	before    []se.WriteID // devices that it was, the nearest first, each with the n up to which its changesets are theirs
	yearOf
}

// RunRewound makes the world of a seed and lets it live to its end.
func RunRewound(seed uint64) Report {
	w := newRewound(seed, Schema(), nil)
	return w.live(func() {
		for range 60 + w.rng.IntN(60) {
			if w.bad != "" {
				return
			}
			w.now += int64(w.rng.IntN(20_000))
			w.step()
			w.clerk.act()
			w.regrants()
			w.prune()
		}
	})
}

func newRewound(seed uint64, s *schema.Schema, y *yearly) *rewound {
	w := &rewound{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 0x4e77)), schema: s, now: start, people: map[string]*se.Principal{},
		counts: map[string]int{}, ledger: newLedger(), post: map[string][]se.Grant{}, born: map[string]int{}, cut: map[se.Hash]bool{}, doubled: map[int64]bool{}, lain: map[replica.RowKey][]lain{}, print: newFingerprint(), year: y,
	}
	w.engine = se.New(w.schema, se.DefaultLimits).WithProofs(se.Proofs{County: 1, Key: []byte("rewound")})
	w.store = newRewoundCentre(w)
	w.settleHabits()
	return w
}

// live lets the world run to its end.
func (w *rewound) live(goOn func()) (report Report) {
	defer func() {
		if r := recover(); r != nil {
			w.wrong("panic: %v\n%s", r, stack())
		}
		report = Report{
			Seed: w.seed, Finding: w.bad, Trace: uint64(w.print), Devices: len(w.nodes), Commits: len(w.ledger.writes), Steps: len(w.log),
			Sometimes: w.counts, Simulated: w.now - start,
		}
		w.year.report(&report)
	}()
	for i := range 3 + w.rng.IntN(2) {
		w.nodes = append(w.nodes, w.newHandset(i))
	}
	w.clerk.begin()
	w.floor = len(w.log)
	w.furnish()
	goOn()
	if w.bad != "" {
		return report
	}
	w.settle()
	w.auditEpochs()
	return report
}

func (w *rewound) wrong(format string, args ...any) {
	if w.bad == "" {
		w.bad = fmt.Sprintf("seed %d: ", w.seed) + fmt.Sprintf(format, args...) + fmt.Sprintf("\nreplay: go run ./scripts/sim %s -seed %d", w.year.flag(), w.seed)
	}
}

func (w *rewound) count(what string) { w.counts[what]++ }

func (w *rewound) chance(n int) bool { return w.rng.IntN(n) == 0 }

func (w *rewound) newHandset(i int) *handset {
	id := fmt.Sprintf("%08d-0000-7000-8000-000000000000", i+1)
	p := &handset{w: w, no: i, dev: NewMemDevice(w.year.first(w.schema), id, fmt.Sprintf("who%d", i)), said: map[spot][]string{}, gone: map[int64]bool{}}
	p.clock.bootAt = w.now
	if w.chance(3) {
		p.clock.offset = w.rng.Int64N(20*year) - 10*year
	}
	w.year.begins(p)
	p.opens()
	w.enrol(id, fmt.Sprintf("who%d", i))
	return p
}

func (w *rewound) enrol(id, account string) {
	w.people[id] = &se.Principal{Account: account, Device: id, Grants: w.posts(account)}
	w.born[id] = len(w.log)
	w.mayNow(id)
}

// mayNow tells the centre what a person may do.
func (w *rewound) mayNow(id string) {
	p := w.people[id]
	w.do(func(c rewoundCentre) { c.SetPrincipal(id, p) })
}

// opens starts a program on the replica.
func (p *handset) opens() {
	p.end = &end{dev: p.dev, schema: p.dev.schema, clock: func() replica.Clock { return p.clock.read(p.w.now) }}
	p.dev.SetHook(nil)
	if p.w.year != nil {
		p.dev.SetHook(p.committing)
	}
}

// do does something to the centre and notes it, so that a centre that was put back has done the same up to there.
func (w *rewound) do(fn func(rewoundCentre)) {
	w.log = append(w.log, fn)
	fn(w.store)
}

func (w *rewound) step() {
	p := w.nodes[w.rng.IntN(len(w.nodes))]
	switch k := w.rng.IntN(100); {
	case k < 55:
		p.work()
	case k < 88:
		p.sync(w.rng.IntN(12) - 3)
	case k < 92:
		w.restore()
	case k < 95:
		w.copyOf(p)
	case k < 97:
		p.lose()
	default:
		if w.chance(2) {
			p.clock.reboot(w.now)
		}
		p.clock.offset = w.rng.Int64N(4*year) - 2*year
	}
}

// restore puts the centre back to an older state. The one who does it says so, or a device has to prove it.
func (w *rewound) restore() {
	if len(w.log)-w.floor < 4 || w.silent {
		return
	}
	back := len(w.log) - w.rng.IntN(min(len(w.log)-w.floor, w.year.reach()))
	var head se.Head
	_ = w.store.View(func(tx se.ReadTx) (err error) { head, err = tx.Head(); return err })
	kept := w.log[:back:back]
	before := w.handedIn()
	w.ledger.forget(back)
	w.log, w.store = nil, newRewoundCentre(w)
	for id := range w.people {
		if w.born[id] >= back { // it was made afterwards
			w.born[id] = 1 << 30
		}
	}
	for _, fn := range kept {
		w.do(fn)
	}
	for _, id := range slices.Sorted(maps.Keys(w.people)) {
		if !w.stranger(id) {
			w.mayNow(id) // an administrator sees to it before he confirms
		}
	}
	for h := range w.handedIn() {
		delete(before, h)
	}
	maps.Copy(w.cut, before)
	w.count("centre put back")
	w.year.restarted()
	var now se.Head
	_ = w.store.View(func(tx se.ReadTx) (err error) { now, err = tx.Head(); return err })
	w.silent = w.chance(3) && now.Epoch >= w.epoch && !w.underWay() // the file beside the database would tell at the start
	if !w.silent {
		w.begin(head.Epoch, true, se.CauseCommand)
	} else {
		w.count(silently)
		w.doubled[now.Epoch] = true
	}
	w.ledger.restored = true
}

// underWay tells whether a replica holds the beginning of a step. Its cursor is proved, what it has staged beyond that is not:
// where the cursor lies before what was lost, and nobody else proves the loss, the step would go on with other rows
// (ARCHITECTURE.md §5).
func (w *rewound) underWay() bool {
	return slices.ContainsFunc(w.nodes, func(p *handset) bool { return len(p.dev.ctl.StagedAt) > 0 })
}

const silently = "centre put back and nobody said so"

// begin starts an epoch; known says that nobody was served since the centre was put back.
func (w *rewound) begin(atLeast int64, known bool, cause se.Cause) {
	now, confirm := w.now, w.chance(2)
	atLeast = max(atLeast, w.epoch)
	w.do(func(c rewoundCentre) {
		w.must(c.Update(func(tx se.Tx) error {
			head, err := tx.Head()
			if err != nil {
				return err
			}
			last := int64(0)
			if known {
				last = head.Seq
			}
			r, err := w.engine.NewEpoch(tx, atLeast, last, now, cause)
			w.epoch = max(w.epoch, r.Epoch)
			return err
		}))
	})
	w.count("epoch begun: " + string(cause))
	w.year.restarted()
	w.waits = true
	if confirm {
		w.confirm()
	}
}

func (w *rewound) confirm() {
	now := w.now
	w.waits = false
	w.do(func(c rewoundCentre) {
		w.must(c.Update(func(tx se.Tx) error { _, err := w.engine.Confirm(tx, "root", now); return err }))
	})
}

func (w *rewound) must(err error) {
	if err != nil {
		w.wrong("centre: %v", err)
	}
}

// copyOf copies a replica: both live on, or the copy replaces an older or younger self.
//
// Of one replica there are never three copies at once that are not told apart yet: work that two of them hold and neither
// has sent would be sent under two names.
func (w *rewound) copyOf(p *handset) {
	if p.stale {
		return
	}
	for _, q := range w.nodes {
		if q != p && q.dev.ctl.Device == p.dev.ctl.Device {
			return
		}
	}
	q := *p
	q.dev, q.tokens, q.said, q.gone = p.dev.clone(), slices.Clone(p.tokens), map[spot][]string{}, map[int64]bool{}
	for at, texts := range p.said {
		q.said[at] = slices.Clone(texts)
	}
	for n := range p.gone {
		q.gone[n] = true
	}
	q.opens()
	if w.year != nil {
		w.year.copied(p, &q)
		return
	}
	if w.chance(2) && len(w.nodes) < 7 {
		q.no = len(w.nodes)
		w.nodes = append(w.nodes, &q)
		w.count("replica copied")
		return
	}
	for range 1 + w.rng.IntN(4) { // what happens between the backup of the replica and its being put back
		p.work()
		p.sync(w.rng.IntN(12) - 3)
	}
	q.stale = true
	w.nodes[p.no] = &q
	w.count("replica put back")
}

// lose takes bodies out of a journal, as retention or a purge would.
func (p *handset) lose() {
	for n, f := range p.dev.filed {
		if f.cs != nil && f.verdict.Kind.Effective() && n%3 == 0 {
			p.dev.filed[n] = filed{nil, f.verdict}
			p.gone[n] = true
		}
	}
	p.w.count("bodies of the journal gone")
}

// sync has one conversation of at most so many messages; 0 or less lets it come to its end.
func (p *handset) sync(limit int) {
	w := p.w
	if w.stranger(p.dev.ctl.Device) && !p.enrolAgain() {
		return
	}
	if limit <= 0 {
		limit = 1 << 20
	}
	dev, cen := session.NewDevice(p.end), session.NewCentre(w.engine.Limits(), w.now)
	if w.habits.small {
		cen.Portion(w.year.portion())
	}
	p.doubled = false
	w.year.haunt()
	var up, down []session.Message
	dead, err := p.run(func() error {
		hello, err := dev.Start("", "rewound")
		up = append(up, hello)
		return err
	})
	if dead || p.full(err) {
		return
	}
	if err != nil {
		w.wrong("hello: %v", err)
		return
	}
	open := true
	for limit > 0 && len(up)+len(down) > 0 && w.bad == "" {
		limit--
		if len(up) > 0 && (len(down) == 0 || w.chance(2)) {
			m := up[0]
			if !w.year.twice(p) {
				up = up[1:]
			}
			var out []session.Message
			out, open = w.centreTakes(cen, cen.Receive(m, w.now))
			w.framed(p, out)
			down = append(down, out...)
			if !open {
				up = nil
			}
			continue
		}
		m := down[0]
		if !w.year.twice(p) {
			down = down[1:]
		}
		out, over := p.takes(dev, m)
		if over {
			break
		}
		if open {
			up = append(up, out...)
		}
	}
	if open {
		w.year.leave(p, cen, up)
	}
}

// takes gives the replica a message of the centre; over says that the connection ended with it.
func (p *handset) takes(dev *session.Device, m session.Message) (out []session.Message, over bool) {
	w := p.w
	dead, err := p.run(func() (err error) { out, err = dev.Receive(m); return err })
	if d, ok := m.(*session.Delta); ok && d.Done && p.dev.ctl.Base() == d.To {
		p.contained = d.LastN
	}
	if x, ok := m.(*session.Welcome); ok && len(x.Lost) > 0 {
		p.ended = true
		w.count("rewound: heard of an end")
	}
	p.look()
	if dead || p.full(err) {
		return nil, true
	}
	if _, ok := m.(*session.Verdicts); ok && err == nil {
		p.stale = false
	}
	var closed *session.Closed
	var foreign *replica.ErrForeignVerdict
	switch {
	case errors.As(err, &closed):
		w.count("rewound: closed " + string(closed.Code))
		if closed.Code == session.NoticeClone {
			p.fork()
		} else if closed.Code != session.NoticeRestored && closed.Code != session.NoticeGap && closed.Code != session.NoticeQuota && !w.year.rough(p, closed) {
			w.wrong("%s was closed: %v", p.dev.ctl.Device, err)
		}
		return nil, true
	case errors.As(err, &foreign):
		p.fork()
		return nil, true
	case err != nil:
		w.wrong("%s: %v", p.dev.ctl.Device, err)
		return nil, true
	}
	return out, false
}

// centreTakes carries out what the centre's end asks for, at once.
func (w *rewound) centreTakes(cen *session.Centre, effects []session.Effect) (out []session.Message, open bool) {
	open = true
	for len(effects) > 0 {
		e := effects[0]
		effects = effects[1:]
		switch e := e.(type) {
		case *session.Send:
			out = append(out, e.Message)
		case *session.Close:
			open = false
		case *session.Open:
			effects = append(effects, w.opens(cen, e)...)
		case *session.Tell:
			effects = append(effects, w.tells(cen, e)...)
		case *session.Read:
			var part *se.Part
			err := w.store.View(func(tx se.ReadTx) (err error) { part, err = w.engine.Next(tx, e.Request); return err })
			if err != nil && !errors.Is(err, se.ErrUnconfirmed) {
				w.wrong("next: %v", err)
			}
			effects = append(effects, cen.Advanced(part, w.now)...)
		case *session.Submit:
			more, alive := w.submits(cen, e)
			if !alive {
				return nil, false
			}
			effects = append(effects, more...)
		default:
			w.wrong("this world's centre does not do %T", e)
		}
	}
	return out, open
}

func (w *rewound) opens(cen *session.Centre, e *session.Open) []session.Effect {
	w.night.heard[e.Hello.Device] = se.HeardFrom(&e.Hello, w.now)
	welcome, err := w.greet(e.Hello)
	code := session.NoticeCode("")
	var lost *se.LostError
	if err == nil && w.waits {
		w.wrong("P13: %s was served before anybody confirmed", e.Hello.Device)
	}
	switch {
	case errors.As(err, &lost):
		w.count("loss proved by a device")
		w.begin(lost.Epoch, false, se.CauseProof)
		w.silent = false
		code = session.NoticeRestored
	case errors.Is(err, se.ErrUnconfirmed):
		code = session.NoticeRestored
		w.count("not served before it is confirmed")
		if w.chance(2) {
			w.confirm()
		}
	case err != nil:
		w.wrong("welcome: %v", err)
	}
	return cen.Opened(welcome, code, "rewound", w.now)
}

// submits commits what a device sent. The centre's process may end before that, or after it: then nobody hears of it.
func (w *rewound) submits(cen *session.Centre, e *session.Submit) (effects []session.Effect, alive bool) {
	now, ends := w.now, w.year.ends()
	if ends == crashBefore {
		return nil, false
	}
	subs := make([]se.Submission, len(e.Changesets))
	for i, cs := range e.Changesets {
		subs[i] = se.Submission{Changeset: cs, Contact: e.Contact, Now: now}
	}
	var results []se.Result
	w.do(func(c rewoundCentre) { results = w.engine.Commit(c, subs) })
	var verdicts []se.Verdict
	code := session.NoticeCode("")
	for _, r := range results {
		switch {
		case r.Err == nil:
			if w.waits {
				w.wrong("P13: a changeset was judged before anybody confirmed")
			}
			verdicts = append(verdicts, r.Verdict)
			w.judged(r.Verdict)
			w.promised(e.Changesets[len(verdicts)-1], &r.Verdict)
			continue
		case errors.Is(r.Err, se.ErrGap):
			code = session.NoticeGap
		case errors.Is(r.Err, se.ErrClone):
			code = session.NoticeClone
		case errors.Is(r.Err, se.ErrUnconfirmed):
			code = session.NoticeRestored
		case errors.Is(r.Err, se.ErrQuota):
			code = session.NoticeQuota
			w.count("held back by a quota")
		default:
			w.wrong("commit: %v", r.Err)
		}
		break
	}
	if ends == crashAfter {
		return nil, false
	}
	return cen.Committed(len(subs), verdicts, code, "rewound", now), true
}

func (w *rewound) judged(v se.Verdict) {
	w.print.mix(v.N, int64(v.Kind), v.Seq)
	w.count("rewound: verdict " + v.Kind.String())
	if v.Reason != nil {
		w.count("rewound: refused " + string(v.Reason.Code))
		switch v.Reason.Code {
		case se.CodeBaseAhead, se.CodeInternal, se.CodeMissing, se.CodeBadValue, se.CodeBadRow:
			w.wrong("changeset %d was refused: %+v", v.N, *v.Reason)
		}
	}
}

// look checks what must hold at every moment: the cursor never goes back within an epoch, nor the epoch.
func (p *handset) look() {
	at := p.dev.ctl.Base()
	if at.Less(p.at) {
		p.w.wrong("the cursor of %s went back from %v to %v", p.dev.ctl.Device, p.at, at)
	}
	if at.Epoch > p.at.Epoch && p.at.Epoch > 0 {
		p.w.count("replica went over to a new epoch")
		if len(p.dev.outbox) > 0 {
			p.w.count("with work to be offered again")
		}
	}
	p.at = at
	p.w.print.mix(int64(p.no), at.Epoch, at.Seq)
	p.overlaid()
}
