package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// start is when every world begins, in ms since 1970 UTC.
const start = 1_700_000_000_000

// Options change what a run does. The zero value is the standard run.
type Options struct {
	Commits int                                               // local commits to make, at least; 0 = 300
	Log     func(at int64, what string, n []int64)            // hears everything that is traced
	Make    func(*schema.Schema) Centre                       // makes the centre; nil = in memory
	Device  func(s *schema.Schema, id, account string) Device // makes a device; nil = in memory
}

// Report is what a run was.
type Report struct {
	Seed      uint64
	Finding   string // the first broken promise with the command that replays it, "" for none
	Trace     uint64 // fingerprint of every event
	Devices   int
	Commits   int // local commits that were sealed
	Faults    int
	Steps     int // scheduler events
	Simulated int64
	Seq       int64
	Lives     []string // what each phone of a year has been through
	Compared  int      // how often an open conflict was held against what the oracle expected
	Years     int      // of phones that have been through all that a year holds; see RunYear
	Sometimes map[string]int
}

// World is one fleet and its centre, on one goroutine.
type World struct {
	opts   Options
	seed   uint64
	rng    *rand.Rand
	seals  *seals
	schema *schema.Schema
	engine *se.Engine
	now    int64
	agenda agenda
	events int64
	steps  int
	print  uint64

	centre  *office
	store   watched
	nodes   []*node
	desk    *desk
	oracle  *oracle
	commits int
	faults  int
	decay   *decay
	moves   bool // rows have moved between scopes or doors
	tiny    bool // rows are read and sent in small portions
	calm    bool // no more faults
	idle    bool // no more work
	counts  map[string]int
	past    []*node    // devices that were replaced
	aged    *rand.Rand // whose program is old
	packing *rand.Rand // what programs unpack
	skipped int64      // ms in which nothing ran
	ids     int64
	words   int64
	places  []se.RowID
	deleted []rowRef
	spoiled map[replica.RowKey]bool // rows of changesets that must be refused
}

// crashed is thrown by a commit hook where a process ends.
type crashed struct{ who string }

var errDisk = errors.New("simtest: the disk is full")

// Run makes the world of a seed and lets it live to its end.
func Run(seed uint64, opts Options) (report Report) {
	if opts.Commits == 0 {
		opts.Commits = 300
	}
	w := &World{
		opts: opts, seed: seed, rng: rand.New(rand.NewPCG(seed, 0x5eed)), schema: Schema(), now: start,
		print: 14695981039346656037, counts: map[string]int{}, spoiled: map[replica.RowKey]bool{},
	}
	defer func() {
		if r := recover(); r != nil {
			w.oracle.bad("panic", "%v\n%s", r, stack())
			report = w.report()
		}
	}()
	w.build()
	w.live()
	return w.report()
}

func (w *World) report() Report {
	r := Report{
		Seed: w.seed, Trace: w.print, Devices: len(w.nodes) + 1, Commits: w.commits, Faults: w.faults, Steps: w.steps,
		Simulated: w.now - start, Seq: w.oracle.head.Seq, Sometimes: w.counts, Compared: w.oracle.compared,
	}
	if f := w.oracle.finding; f != "" {
		r.Finding = fmt.Sprintf("seed %d at %d ms: %s\nreplay: go run ./scripts/sim -seed %d -v", w.seed, w.now-start, f, w.seed)
	}
	return r
}

func (w *World) failed() bool { return w.oracle.finding != "" }

func (w *World) count(what string) { w.counts[what]++ }

// build makes the centre, its people and their devices.
func (w *World) build() {
	w.tiny = w.chance(2)
	w.aged = w.stream("old programs")
	w.decay = newDecay(w)
	w.seals = newSeals(w.seed)
	w.engine = se.New(w.schema, se.DefaultLimits).WithKeys(w.seals.now)
	w.quotas()
	w.oracle = newOracle(w)
	made := w.opts.Make
	if made == nil {
		made = func(s *schema.Schema) Centre { return NewMemCentre(s) }
	}
	w.store = watched{made(w.schema), w.oracle.committed, map[se.WriteID]bool{}}
	w.centre = newOffice(w)
	w.centre.retention = newRetention(w)
	for range 6 {
		w.places = append(w.places, w.newID())
	}
	type person struct {
		name   string
		grants []se.Grant
	}
	worker := func(scopes ...string) (out []se.Grant) {
		for _, s := range scopes {
			out = append(out, se.Grant{Scope: s, Role: roleWorker})
		}
		return out
	}
	doors := func(scope string, places ...se.RowID) []se.Grant {
		g := se.Grant{Scope: scope, Role: roleSteward}
		for _, p := range places {
			g.Doors = append(g.Doors, string(p))
		}
		return []se.Grant{g}
	}
	people := []person{
		{"wei", worker("A")}, {"lan", worker("A")}, {"bo", worker("A", "B")}, {"ming", worker("B")},
		{"hua", doors("A", w.places[0], w.places[1])}, {"qin", doors("A", w.places[1], w.places[2])}, {"jun", doors("B", w.places[3])},
	}
	for i, p := range people {
		n := newNode(w, i, fmt.Sprintf("%08d-0000-7000-8000-000000000000", i+1), p.name)
		w.nodes = append(w.nodes, n)
		w.oracle.watch(n.id, n.account, n)
		w.grant(n, p.grants)
	}
	w.desk = newDesk(w, fmt.Sprintf("%08d-0000-7000-8000-000000000000", 99))
}

// newID gives a row id that no other row of the world has.
func (w *World) newID() se.RowID {
	w.ids++
	return se.RowID(fmt.Sprintf("%08x-0000-7000-8000-%012x", uint32(w.rng.Uint64()), w.ids))
}

// word gives a text that nobody has written before.
func (w *World) word() string {
	w.words++
	return fmt.Sprintf("w%d", w.words)
}

// chance is true in one of n cases.
func (w *World) chance(n int) bool { return w.rng.IntN(n) == 0 }

func (w *World) between(lo, hi int64) int64 { return lo + w.rng.Int64N(hi-lo+1) }

// live lets the world run: work with faults, then quiet, then everything must be where it belongs.
func (w *World) live() {
	w.furnish()
	for _, n := range w.nodes {
		n.begin()
	}
	w.desk.begin()
	w.desk.beginTray()
	w.desk.beginRegister()
	w.beginTwice()
	w.lend(w.stream("lend"))
	w.haul(w.stream("haul"))
	w.endings(w.stream("endings"))
	w.night(w.stream("night"))
	w.stall(w.stream("stall"))
	w.midway(w.stream("midway"))
	w.trespass(w.stream("trespass"))
	w.annex(w.stream("annex"))
	w.retries(w.stream("retries"))
	w.misfortune()
	w.decay.begin()
	for limit := w.now + 4*3600_000; w.commits < w.opts.Commits && w.now < limit+w.skipped && !w.failed(); {
		w.until(w.now + 1000)
	}
	if w.commits < w.opts.Commits {
		w.oracle.bad("liveness", "%d commits after 4 hours, %d wanted", w.commits, w.opts.Commits)
	}
	w.idle = true
	w.rest()
}
