package badinput

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

func sorted[V any](x map[string]V) []string { return slices.Sorted(maps.Keys(x)) }

// twins are a county behind a socket and an engine alone, which hear the same in the same order: what one answers the
// other has to answer too.
type twins struct {
	*county
	maker  *maker
	alone  *se.Engine
	memory *memstore.Store
	phones map[string]*phone
	probe  map[string]se.Change // by person: a good change, which must be accepted after each bad one
	longest
}

// longest is the slowest answer of all, and the one that took the most memory.
type longest struct {
	took    time.Duration
	name    string
	bytes   uint64
	costing string
}

func (l *longest) timed(name string, began time.Time) {
	if d := time.Since(began); d > l.took {
		l.took, l.name = d, name
	}
}

// costs counts what judging a case allocates, alone: without what the socket's other end does in this process.
func (l *longest) costs(name string, judge func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	judge()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > l.bytes {
		l.bytes, l.costing = n, name
	}
}

// ring has one key of every sealed column.
func ring(s *schema.Schema) *seal.Ring {
	var keys []seal.Key
	for _, p := range places(s, func(p place) bool { return p.col.Type == schema.TypeSealed }) {
		keys = append(keys, seal.Key{Table: p.t.Name, Column: p.col.Name, ID: 1, Secret: [32]byte{1}})
	}
	return seal.NewRing(keys)
}

func openTwins(t testing.TB, s *schema.Schema) *twins {
	t.Helper()
	w := &twins{county: openCounty(t, s), maker: &maker{s: s}, alone: engineOf(s), memory: memstore.New(s), phones: map[string]*phone{}, probe: map[string]se.Change{}}
	for _, who := range []string{"worker", "supervisor", "other", "stranger", "mediator"} {
		w.join(who)
	}
	for who, grid := range map[string]string{"worker": grid1, "other": grid2, "stranger": grid9} {
		w.seed(who, grid)
	}
	w.give(seedID(s, grid1, "dwelling"))
	w.join("steward")
	for _, who := range []string{"worker", "steward", "supervisor", "mediator"} {
		w.probes(who)
	}
	return w
}

// join enrols a phone and makes it known to the engine alone.
func (w *twins) join(who string) {
	p := w.enrol(who)
	w.phones[who] = p
	w.memory.SetPrincipal(p.id, w.principal(p.id))
	p.greet(wire.Binary)
}

// seed makes one row of each record type in a grid. Those that a worker may not make, the supervisor makes.
func (w *twins) seed(who, grid string) {
	if who == "stranger" { // of another community: what only a supervisor may make is not there
		w.supervise()
	}
	done := map[string]bool{}
	for len(done) < len(w.schema.Tables) {
		before := len(done)
		for _, t := range w.schema.Tables {
			ready := !done[t.Name]
			for _, c := range t.Columns {
				ready = ready && (c.Type != schema.TypeRef || !c.Required || done[c.Ref])
			}
			if !ready {
				continue
			}
			by := who
			if inserter(t) == "supervisor" {
				by = "supervisor"
			}
			w.maker.next++
			w.accept(w.phones[by], w.maker.insert(t, seedID(w.schema, grid, t.Name), grid, "", nil))
			done[t.Name] = true
		}
		require.Greater(w.t, len(done), before, "references in a circle")
	}
}

// supervise gives the supervisor the other community too, for the time being: its buildings are his to make.
func (w *twins) supervise() {
	w.post("/v1/assignments", "admin", map[string]string{"account": w.accounts["supervisor"], "role": "supervisor", "scope": elsewhere}, nil)
	p := w.phones["supervisor"]
	w.memory.SetPrincipal(p.id, w.principal(p.id))
	p.greet(wire.Binary)
}

// probes makes the row that a person's good changes are about.
func (w *twins) probes(who string) {
	p := w.phones[who]
	t, cell, id := w.schema.Table("hazard"), "location", rowID(0x80, len(w.probe)+1)
	if who == "mediator" {
		t, cell, id = w.schema.Table("dispute"), "notes", seedID(w.schema, grid1, "dispute")
	} else {
		w.accept(p, w.maker.insert(t, id, grid1, "", nil))
	}
	w.probe[who] = se.Change{Table: t.Name, Row: id, Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: cell, Values: []schema.Value{schema.Text("")}}}}
}

// good gives the next good changeset of a person, with n and prev after cs if that is counted.
func (w *twins) good(p *phone) *se.Changeset {
	c := w.probe[p.who]
	w.maker.next++
	c.Cells = []se.CellWrite{{Cell: c.Cells[0].Cell, Base: p.base(), Values: []schema.Value{schema.Text(fmt.Sprint("好", w.maker.next))}}}
	return p.make(c)
}

// accept pushes a good change to both.
func (w *twins) accept(p *phone, c se.Change) {
	w.t.Helper()
	cs := p.make(c)
	v := p.push(cs)[0]
	require.True(w.t, v.Kind.Effective(), "%s %s: %+v", c.Table, p.who, v.Reason)
	w.same(v, w.direct(cs), cs)
	p.took(cs)
}

// direct lets the engine alone judge.
func (w *twins) direct(cs *se.Changeset) se.Result {
	now := time.Now().UnixMilli()
	return w.alone.Commit(w.memory, []se.Submission{{Changeset: cs, Contact: se.Contact{Boot: "b", Mono: now, At: now, Acked: w.head().Seq}, Now: now}})[0]
}

func (w *twins) same(v se.Verdict, r se.Result, cs *se.Changeset) {
	w.t.Helper()
	require.NoError(w.t, r.Err)
	require.Equal(w.t, v.Kind, r.Verdict.Kind, "%+v, alone %+v", v.Reason, r.Verdict.Reason)
	require.Equal(w.t, v.Seq, r.Verdict.Seq)
	require.Equal(w.t, cs.Hash(), v.Hash)
	if v.Reason != nil {
		require.Equal(w.t, r.Verdict.Reason.Code, v.Reason.Code)
		a, b := *v.Reason, *r.Verdict.Reason
		a.Current, b.Current = nil, nil
		require.Equal(w.t, b, a, "through the socket and alone")
	}
}

// remembers is everything of the engine alone that may not change when a changeset is refused.
func (w *twins) remembers() string {
	out := sha256.New()
	require.NoError(w.t, w.memory.View(func(tx se.ReadTx) error {
		h, err := tx.Head()
		fmt.Fprintln(out, h)
		for _, scope := range append([]string{""}, grids...) {
			items, err := tx.Changed(scope, se.Position{}, 100_000)
			if err != nil {
				return err
			}
			for _, it := range items {
				fmt.Fprintln(out, scope, it.Key, it.Seq, it.Move, it.Dead)
				if it.Row != nil {
					fmt.Fprintln(out, *it.Row)
				}
			}
		}
		return err
	}))
	return fmt.Sprintf("%x", out.Sum(nil))
}

// run hands in one case and checks everything about the answer.
func (w *twins) run(c *changesetCase) (*se.Changeset, *se.Verdict) {
	w.t.Helper()
	p := w.phones[c.who]
	if p.ws == nil {
		p.greet(wire.Binary)
	}
	cs := c.make(p)
	began := time.Now()
	if c.want.notice != "" {
		w.refusedUnread(p, cs, c.want.notice)
		w.timed(c.class+": "+c.name, began)
		return cs, nil
	}
	head, before := w.head(), w.remembers()
	after := *p
	after.took(cs)
	good := w.good(&after)
	verdicts := p.push(cs, good)
	w.timed(c.class+": "+c.name, began)
	v := verdicts[0]
	var alone se.Result
	w.costs(c.class+": "+c.name, func() { alone = w.direct(cs) })
	unchanged := w.remembers()
	aloneGood := w.direct(good)
	p.took(good)
	w.judged(c, v)
	w.same(v, alone, cs)
	took := int64(1)
	if v.Kind.Effective() {
		took++
	} else {
		require.Equal(w.t, before, unchanged, "what is refused changes nothing")
	}
	require.Equal(w.t, se.Accepted, verdicts[1].Kind, "a good changeset after it: %+v", verdicts[1].Reason)
	w.same(verdicts[1], aloneGood, good)
	require.Equal(w.t, head.Seq+took, w.head().Seq)
	require.LessOrEqual(w.t, w.head().HLC, hlc.Make(time.Now().Add(21*365*24*time.Hour).UnixMilli(), 0), "no device moves the centre's clock to the end of time")
	return cs, &v
}

func (w *twins) judged(c *changesetCase, v se.Verdict) {
	w.t.Helper()
	require.Equal(w.t, c.want.kind, v.Kind, "%+v", v.Reason)
	if c.want.code == "" {
		require.Nil(w.t, v.Reason)
		return
	}
	got := want{kind: v.Kind, code: v.Reason.Code, table: v.Reason.Table, column: v.Reason.Column, rule: v.Reason.Rule}
	if got.rule != c.want.rule && c.want.rule == "" && v.Kind == se.Parked {
		got.rule = ""
	}
	require.Equal(w.t, c.want, got)
}

// refusedUnread hands in what cannot be judged: the connection ends, nothing is kept, and a new one works.
func (w *twins) refusedUnread(p *phone, cs *se.Changeset, code session.NoticeCode) {
	w.t.Helper()
	head, before := w.head(), w.remembers()
	alone := w.direct(cs)
	p.say(&session.Push{Changesets: []*se.Changeset{cs}})
	notice, closeCode := p.closed()
	require.NotNil(w.t, notice)
	require.Equal(w.t, code, notice.Code, notice.Text)
	require.Equal(w.t, wire.CloseCode(code), closeCode)
	w.noticed(notice)
	err := map[session.NoticeCode]error{session.NoticeGap: se.ErrGap, session.NoticeClone: se.ErrClone}[code]
	require.ErrorIs(w.t, alone.Err, err)
	require.Equal(w.t, before, w.remembers())
	require.Equal(w.t, head, w.head())
	n, prev := p.n, p.prev
	p.greet(wire.Binary)
	require.Equal(w.t, n, p.n)
	require.Equal(w.t, prev, p.prev)
	good := w.good(p)
	v := p.push(good)[0]
	require.Equal(w.t, se.Accepted, v.Kind, "%+v", v.Reason)
	w.same(v, w.direct(good), good)
	p.took(good)
}

// changesets runs every case that is a changeset.
func (w *twins) changesets(t *testing.T, c *corpus) {
	var all []changesetCase
	all = append(all, w.maker.valueCases()...)
	all = append(all, w.maker.writeCases()...)
	all = append(all, w.maker.rightsCases()...)
	all = append(all, w.maker.chainCases()...)
	probes := w.probeRows()
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].class == all[0].class {
			n++
		}
		same := all[:n]
		all = all[n:]
		t.Run(same[0].class, func(t *testing.T) {
			defer w.on(t)()
			before, effective := w.digest(probes...), false
			for i := range same {
				x := &same[i]
				ok := t.Run(x.name, func(t *testing.T) {
					defer w.on(t)()
					cs, v := w.run(x)
					if v != nil && v.Reason != nil {
						requireSentence(t, w.schema, cs, v)
					}
					effective = effective || v != nil && v.Kind.Effective()
				})
				if !ok {
					w.resync(x.who)
				}
				c.note(x.class, "changeset", x.want.String())
				c.covered(x.covers)
			}
			if !effective {
				require.Equal(t, before, w.digest(probes...), "nothing else at the centre has changed")
			}
		})
	}
}

// on makes a test the one that fails.
func (w *twins) on(t testing.TB) func() {
	was := w.t
	w.t = t
	return func() { w.t = was }
}

// resync lets the rest run after a case that failed.
func (w *twins) resync(who string) { w.phones[who].hangUp() }
