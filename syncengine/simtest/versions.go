package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Versions gives the small schema in three versions, each with more at the end of what the one before had: columns of
// several policies, a group, a record type, and a right on it.
func Versions() [3]*schema.Schema { return versions(func(*schema.Schema) {}) }

func versions(edit func(*schema.Schema)) [3]*schema.Schema {
	var out [3]*schema.Schema
	for i := range out {
		s := Schema()
		edit(s)
		s.Version += i
		family := s.Table("family")
		add := func(t *schema.Table, cols ...*column) {
			for _, c := range cols {
				t.Columns = append(t.Columns, (*schema.Column)(c))
			}
		}
		if i >= 1 {
			add(family, col("extra", schema.TypeText, schema.PolicyLWW), col("paper", schema.TypeText, schema.PolicyReview).group("doc"),
				col("until", schema.TypeText, schema.PolicyReview).group("doc"))
			pet := declare("pet", schema.Table{Door: "family_id"}, col("family_id", schema.TypeRef, schema.PolicyLWW).ref("family").required(),
				col("name", schema.TypeText, schema.PolicyLWW))
			grant(pet, schema.View{Rows: schema.RowsDoors}, schema.Right{Insert: true, Update: []string{"name"}},
				schema.Right{Insert: true, Delete: true, Update: []string{schema.AllCells}})
			s.Tables = append(s.Tables, pet)
		}
		if i >= 2 {
			add(family, col("langs", schema.TypeSet, schema.PolicyUnion))
			add(s.Tables[len(s.Tables)-1], col("weight", schema.TypeInt, schema.PolicyMax).required())
		}
		s.Index()
		if i > 0 {
			carried, err := schema.Carry(out[i-1], s)
			if err != nil {
				panic(err)
			}
			s = carried
		}
		out[i] = s
	}
	return out
}

// Updater is a Device that can be opened with newer declarations, as an updated app does.
type Updater interface {
	Device
	Upgrade(s *schema.Schema, clock replica.Clock) error
}

// mixed is a small world of phones of several versions under one centre. Cuts, snapshots, moves, programs that know
// nothing of the SDK, updates over full outboxes and a minimum are drawn from the seed; in every other world also the
// troubles of versions_fault.go. Its oracle compares what a replica shows and keeps with its own projection of the
// centre's rows.
type mixed struct {
	rng      *rand.Rand
	versions [3]*schema.Schema
	store    Centre
	engine   *se.Engine
	phones   []*phoneOf
	now      int64
	ids      []replica.RowKey
	words    int
	finding  string
	counts   map[string]int
	trouble  trouble
	closing  closing
	ring     *seal.Ring
	steps    int
	print    fingerprint
}

type phoneOf struct {
	dev       Updater
	clock     clock
	version   int
	principal *se.Principal
	outdated  bool // it was told that it is below the minimum
	synced    bool // it holds the head, and nothing was written since
}

// RunVersions makes the world of a seed and lets it live to its end.
func RunVersions(seed uint64, opts Options) (report Report) {
	m := &mixed{rng: rand.New(rand.NewPCG(seed, 0x7e510)), print: newFingerprint(), versions: Versions(), now: start, counts: map[string]int{}}
	m.ring = seal.NewRing([]seal.Key{{Table: sealedTable, Column: sealedColumn, ID: 1}})
	defer func() {
		if r := recover(); r != nil {
			m.bad("panic: %v\n%s", r, stack())
		}
		report = Report{Seed: seed, Trace: uint64(m.print), Devices: len(m.phones), Commits: m.words, Faults: m.trouble.faults, Steps: m.steps, Simulated: m.now - start, Sometimes: m.counts}
		if m.finding != "" {
			report.Finding = fmt.Sprintf("seed %d: %s\nreplay: go run ./scripts/sim -versions -seed %d", seed, m.finding, seed)
		}
	}()
	newest := m.versions[2]
	if opts.Make == nil {
		opts.Make = func(s *schema.Schema) Centre { return NewMemCentre(s) }
	}
	if opts.Device == nil {
		opts.Device = func(s *schema.Schema, id, account string) Device { return NewMemDevice(s, id, account) }
	}
	m.store, m.engine = opts.Make(newest), se.New(newest, se.DefaultLimits)
	for i := range 6 {
		p := &phoneOf{version: []int{0, 2, 1, 0, 2, 1}[i]}
		id := fmt.Sprintf("%08d-0000-7000-8000-000000000000", i+1)
		p.dev = opts.Device(m.versions[p.version], id, id[:8]).(Updater)
		p.clock.bootAt = start
		p.principal = &se.Principal{Account: id[:8], Device: id, Grants: m.grants(i)}
		m.store.SetPrincipal(id, p.principal)
		m.phones = append(m.phones, p)
	}
	for range 4 {
		m.write(m.phones[1], "place", Insert)
	}
	m.begin(seed)
	m.beginClosing(seed)
	for range 90 {
		m.step()
	}
	m.finish()
	return report
}

func (m *mixed) bad(format string, args ...any) {
	if m.finding == "" {
		m.finding = fmt.Sprintf(format, args...)
	}
}

func (m *mixed) grants(i int) []se.Grant {
	both := []se.Grant{{Scope: "A", Role: roleWorker}, {Scope: "B", Role: roleWorker}}
	if i != 3 {
		return both[m.rng.IntN(2)*m.rng.IntN(2):]
	}
	g := se.Grant{Scope: "A", Role: roleSteward}
	for _, k := range m.ids {
		if k.Table == "place" && m.rng.IntN(2) == 0 {
			g.Doors = append(g.Doors, string(k.Row))
		}
	}
	slices.Sort(g.Doors)
	return []se.Grant{g}
}

func (m *mixed) step() {
	i := m.rng.IntN(len(m.phones))
	p := m.phones[i]
	m.steps++
	m.print.mix(int64(i), m.now)
	m.strike()
	m.closeScope()
	switch n := m.rng.IntN(20); {
	case n < 9:
		tables := []string{"place", "family", "family", "family", "pet", "pet"}
		m.write(p, tables[m.rng.IntN(len(tables))], []Verb{Insert, Insert, Update, Update, Update, Replace, Upsert, Delete}[m.rng.IntN(8)])
	case n < 12:
		m.sync(p, 1+m.rng.IntN(6))
	case n < 17:
		m.sync(p, 0)
	case n < 18:
		m.update(p)
	case n < 19:
		p.principal = &se.Principal{Account: p.principal.Account, Device: p.principal.Device, Grants: m.grants(i), Minimum: p.principal.Minimum, Successors: m.successors()}
		p.synced = false
		m.store.SetPrincipal(p.principal.Device, p.principal)
	default:
		q := *p.principal
		q.Minimum = se.Minimum{Schema: m.versions[m.rng.IntN(3)].Version, From: m.now + int64(m.rng.IntN(3)-1)*20_000}
		p.principal = &q
		m.store.SetPrincipal(q.Device, p.principal)
	}
}

// write runs a statement on a phone, as its SDK or as another program.
func (m *mixed) write(p *phoneOf, table string, verb Verb) {
	s := m.versions[p.version]
	t := s.Table(table)
	if t == nil {
		return
	}
	ids := p.holds(t)
	st := Statement{Verb: verb, Table: table}
	if verb == Insert {
		m.words++
		st.Row = se.RowID(fmt.Sprintf("%08x-0000-7000-8000-%012x", m.rng.Uint32(), m.words))
		m.ids = append(m.ids, replica.RowKey{Table: table, Row: st.Row})
	} else if len(ids) == 0 {
		return
	} else {
		st.Row = ids[m.rng.IntN(len(ids))]
	}
	for _, c := range t.Columns {
		whole := verb == Insert || verb == Replace
		if v, ok := m.value(p, c, st.Row); ok && verb != Delete && (whole && c.Required || m.rng.IntN(3) == 0 && (c.Name != schema.ColScope || m.rng.IntN(4) == 0)) {
			st.Set = append(st.Set, Assign{c.Name, v})
		} else if c.Required && whole && c.Type == schema.TypeRef {
			return // nothing to refer to
		}
	}
	if verb != Delete && len(st.Set) == 0 {
		return
	}
	foreign := m.rng.IntN(3) == 0
	p.synced = false
	if s, ok := p.dev.(Sealer); ok && !foreign && p.state().captured > 0 {
		if dead, err := m.run(p, func() error { return s.Seal(m.clock(p)) }); dead || err != nil {
			m.failed(p, "seal", err)
			return
		}
	}
	_, err := m.run(p, func() error {
		return p.dev.Exec(Transaction{Foreign: foreign, Statements: []Statement{st}}, m.clock(p))
	})
	if errors.Is(err, ErrNoRight) {
		m.counts["an app refused what its role may not write by its declarations"]++
		return
	}
	m.failed(p, "write", err)
}

func (m *mixed) value(p *phoneOf, c *schema.Column, row se.RowID) (schema.Value, bool) {
	m.words++
	switch {
	case c.Type == schema.TypeID, c.Policy == schema.PolicyCentral, c.Derived:
		return schema.Null(), false
	case c.Name == schema.ColScope:
		return text([]string{"A", "A", "B"}[m.rng.IntN(3)]), true
	case c.Ref != "":
		ids := p.holds(m.versions[p.version].Table(c.Ref))
		if len(ids) == 0 {
			return schema.Null(), false
		}
		return text(string(ids[m.rng.IntN(len(ids))])), true
	case c.Type == schema.TypeSet:
		return text(schema.FormatSet([]string{"zh", fmt.Sprint("l", m.rng.IntN(3))})), true
	case c.Type == schema.TypeInt:
		return schema.Int(int64(m.rng.IntN(9))), true
	case c.Type == schema.TypeReal:
		return schema.Real(float64(m.rng.IntN(9))), true
	case c.Type == schema.TypeSealed:
		b, err := m.ring.Seal(sealedTable, c.Name, string(row), fmt.Sprint("w", m.words))
		if err != nil {
			m.bad("seal: %v", err)
		}
		return schema.Blob(b), true
	}
	return text(fmt.Sprint("w", m.words)), true
}

func (m *mixed) clock(p *phoneOf) replica.Clock {
	m.now += 1000
	return p.clock.read(m.now)
}

// sync talks with the centre; with cut, only until so many messages have come down.
func (m *mixed) sync(p *phoneOf, cut int) {
	m.haunt()
	c := m.dial(p, cut)
	links := []*mixedLink{c}
	if m.trouble.often(8) {
		m.counts["two connections at once"]++
		links = append(links, m.dial(p, 0))
	}
	for m.talk(links) {
		continue
	}
	for _, c := range links {
		m.leave(c)
	}
	if c.err != nil || c.gone {
		if errors.Is(c.err, errCutOff) {
			m.counts["cut"]++
		} else if c.err != nil {
			m.bad("%s of version %d: %v", p.principal.Account, p.version, c.err)
		}
		return
	}
	if c.drained {
		m.counts["drained"]++
		if p.state().outbox > 0 {
			m.bad("%s is below the minimum and could not drain", p.principal.Account)
		}
		return
	}
	st := p.state()
	m.print.mix(st.ctl.Cursor, st.ctl.LastN)
	p.synced = st.outbox == 0 && st.pending == 0
	if !p.synced {
		m.bad("%s synchronised and still has %d changesets", p.principal.Account, st.outbox)
	}
	m.compare(p, "after a round")
}

// update gives a phone the next version of its app, offline, whatever waits in it.
func (m *mixed) update(p *phoneOf) {
	if p.version == 2 {
		return
	}
	st := p.state()
	if st.kept > 0 {
		m.counts["update with something kept"]++
	}
	if st.outbox > 0 || st.captured > 0 {
		m.counts["update over a full outbox"]++
	}
	if st.staged > 0 {
		m.counts["update over a staged step"]++
	}
	next := m.versions[p.version+1]
	dead, err := m.run(p, func() error { return p.dev.Upgrade(next, m.clock(p)) })
	if dead || err != nil {
		m.counts["an update was cut off"]++
	}
	m.failed(p, "update", err)
	if st = p.state(); st.ctl.Schema == next.Version {
		p.version++
	}
	p.synced = p.synced && st.outbox == 0
	if p.synced {
		m.atLast(p)
	}
}

// atLast compares a phone that held the head when it was last asked, if the centre has not moved since.
func (m *mixed) atLast(p *phoneOf) {
	var head se.Head
	_ = m.store.View(func(tx se.ReadTx) (err error) { head, err = tx.Head(); return err })
	if p.state().ctl.Cursor == head.Seq {
		m.counts["adopted at the head"]++
		m.compare(p, "after an update, offline")
	}
}

// finish lifts the minimum, brings everybody to the head, updates everybody offline and compares.
func (m *mixed) finish() {
	m.calm()
	for _, p := range m.phones {
		q := *p.principal
		q.Minimum = se.Minimum{}
		p.principal = &q
		m.store.SetPrincipal(q.Device, p.principal)
	}
	for range 2 {
		for _, p := range m.phones {
			m.sync(p, 0)
		}
	}
	for _, p := range m.phones {
		for p.version < 2 {
			m.update(p)
		}
		if n := p.state().kept; n > 0 {
			m.bad("%s is of the newest version and still keeps %d rows aside", p.principal.Account, n)
		}
		m.sync(p, 0)
	}
	m.honest()
}

// honest: no changeset holds what its version does not know.
func (m *mixed) honest() {
	_ = m.store.View(func(tx se.ReadTx) error {
		list, err := tx.History(0, 100_000)
		m.closed(tx, list)
		for _, e := range list {
			s := m.versions[e.Changeset.Schema-m.versions[0].Version]
			for _, c := range e.Changeset.Changes {
				t := s.Table(c.Table)
				if t == nil || slices.ContainsFunc(c.Cells, func(w se.CellWrite) bool { return t.Cell(w.Cell) == nil }) {
					m.bad("%v of version %d writes what that version does not know", e.Changeset.ID(), s.Version)
				}
			}
		}
		return err
	})
}

// compare holds what the replica shows of the centre's rows, and keeps, against the projection of the centre's.
func (m *mixed) compare(p *phoneOf, when string) {
	_ = m.store.View(func(tx se.ReadTx) error {
		for _, k := range m.ids {
			t := m.versions[2].Table(k.Table)
			row, err := tx.Row(k.Table, k.Row)
			if err != nil {
				return err
			}
			want := project(t, p.principal, row, m.now)
			got, kept := p.whole(t, m.versions[p.version], k)
			if (got == nil) != (want == nil) {
				m.bad("%s of version %d %s: %s %s is held or kept: %v, should be: %v", p.principal.Account, p.version, when, k.Table, k.Row, got != nil, want != nil)
				return nil
			}
			for i, def := range t.Cells {
				if got != nil && !slices.Equal(got[i], want[i]) {
					m.bad("%s of version %d %s: %s %s.%s is %v, the centre shows %v", p.principal.Account, p.version, when, k.Table, k.Row, def.Name, got[i], want[i])
					return nil
				}
			}
			if got == nil && kept {
				m.bad("%s of version %d %s: %s %s is gone and cells of it are kept", p.principal.Account, p.version, when, k.Table, k.Row)
			}
		}
		return nil
	})
}
