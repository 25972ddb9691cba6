package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Versions gives the small schema in three versions, each with more at the end of what the one before had: columns of
// several policies, a group, a record type, and a right on it.
func Versions() [3]*schema.Schema {
	var out [3]*schema.Schema
	for i := range out {
		s := Schema()
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

// mixed is a small world of phones of several versions under one centre, on a perfect clock. Cuts, snapshots, moves,
// programs that know nothing of the SDK, updates over full outboxes and a minimum are drawn from the seed. Its oracle
// compares what a replica shows and keeps with its own projection of the centre's rows.
type mixed struct {
	rng      *rand.Rand
	versions [3]*schema.Schema
	store    *memstore.Store
	engine   *se.Engine
	phones   []*phoneOf
	now      int64
	ids      []replica.RowKey
	words    int
	finding  string
	counts   map[string]int
}

type phoneOf struct {
	dev       *MemDevice
	version   int
	principal *se.Principal
	synced    bool // it holds the head, and nothing was written since
}

// RunVersions makes the world of a seed; it gives the first broken promise, "" for none, and what the world reached.
func RunVersions(seed uint64) (finding string, counts map[string]int) {
	m := &mixed{rng: rand.New(rand.NewPCG(seed, 0x7e510)), versions: Versions(), now: start, counts: map[string]int{}}
	defer func() {
		if r := recover(); r != nil {
			finding, counts = fmt.Sprintf("panic: %v\n%s", r, stack()), m.counts
		}
	}()
	newest := m.versions[2]
	m.store, m.engine = memstore.New(newest), se.New(newest, se.DefaultLimits)
	for i := range 6 {
		p := &phoneOf{version: []int{0, 2, 1, 0, 2, 1}[i]}
		id := fmt.Sprintf("%08d-0000-7000-8000-000000000000", i+1)
		p.dev = NewMemDevice(m.versions[p.version], id, id[:8])
		p.principal = &se.Principal{Account: id[:8], Device: id, Grants: m.grants(i)}
		m.store.SetPrincipal(id, p.principal)
		m.phones = append(m.phones, p)
	}
	for range 4 {
		m.write(m.phones[1], "place", Insert)
	}
	for range 90 {
		m.step()
	}
	m.finish()
	return m.finding, m.counts
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
		p.principal = &se.Principal{Account: p.principal.Account, Device: p.principal.Device, Grants: m.grants(i), Minimum: p.principal.Minimum}
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
	ids := p.dev.ids[table]
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
		if v, ok := m.value(p, c); ok && verb != Delete && (whole && c.Required || m.rng.IntN(3) == 0 && (c.Name != schema.ColScope || m.rng.IntN(4) == 0)) {
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
	if err := p.dev.Exec(Transaction{Foreign: foreign, Statements: []Statement{st}}, m.clock()); err != nil {
		m.bad("write: %v", err)
	}
}

func (m *mixed) value(p *phoneOf, c *schema.Column) (schema.Value, bool) {
	m.words++
	switch {
	case c.Type == schema.TypeID, c.Policy == schema.PolicyCentral, c.Derived:
		return schema.Null(), false
	case c.Name == schema.ColScope:
		return text([]string{"A", "A", "B"}[m.rng.IntN(3)]), true
	case c.Ref != "":
		ids := p.dev.ids[c.Ref]
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
	}
	return text(fmt.Sprint("w", m.words)), true
}

func (m *mixed) clock() replica.Clock {
	m.now += 1000
	return replica.Clock{Wall: m.now, Boot: "b", Mono: m.now - start}
}

var errCutOff = errors.New("cut")

// sync talks with the centre; with cut, only until so many messages have come down.
func (m *mixed) sync(p *phoneOf, cut int) {
	c := &mixedLink{m: m, p: p, cut: cut, cen: session.NewCentre(se.DefaultLimits, m.now)}
	c.cen.Portion(400, se.Pages{Items: 3, Frame: 300})
	c.dev = session.NewDevice(&end{dev: p.dev, schema: m.versions[p.version], clock: m.clock})
	hello, err := c.dev.Start("", "simtest")
	if err == nil {
		err = c.up(hello)
	}
	if errors.Is(err, errCutOff) {
		m.counts["cut"]++
		return
	}
	if err != nil {
		m.bad("%s of version %d: %v", p.principal.Account, p.version, err)
		return
	}
	if c.drained {
		m.counts["drained"]++
		if len(p.dev.outbox) > 0 {
			m.bad("%s is below the minimum and could not drain", p.principal.Account)
		}
		return
	}
	p.synced = len(p.dev.outbox) == 0 && len(p.dev.pending) == 0
	if !p.synced {
		m.bad("%s synchronised and still has %d changesets", p.principal.Account, len(p.dev.outbox))
	}
	m.compare(p, "after a round")
}

// update gives a phone the next version of its app, offline, whatever waits in it.
func (m *mixed) update(p *phoneOf) {
	if p.version == 2 {
		return
	}
	if len(p.dev.kept) > 0 {
		m.counts["update with something kept"]++
	}
	if len(p.dev.outbox) > 0 || len(p.dev.captured) > 0 {
		m.counts["update over a full outbox"]++
	}
	if len(p.dev.staged) > 0 {
		m.counts["update over a staged step"]++
	}
	p.version++
	if err := p.dev.Upgrade(m.versions[p.version], m.clock()); err != nil {
		m.bad("update: %v", err)
	}
	p.synced = p.synced && len(p.dev.outbox) == 0
	if p.synced {
		m.atLast(p)
	}
}

// atLast compares a phone that held the head when it was last asked, if the centre has not moved since.
func (m *mixed) atLast(p *phoneOf) {
	_ = m.store.View(func(tx se.ReadTx) error {
		head, _ := tx.Head()
		if p.dev.ctl.Cursor == head.Seq {
			m.counts["adopted at the head"]++
			m.compare(p, "after an update, offline")
		}
		return nil
	})
}

// finish lifts the minimum, brings everybody to the head, updates everybody offline and compares.
func (m *mixed) finish() {
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
		if len(p.dev.kept) > 0 {
			m.bad("%s is of the newest version and still keeps %d rows aside", p.principal.Account, len(p.dev.kept))
		}
		m.sync(p, 0)
	}
	m.honest()
}

// honest: no changeset holds what its version does not know.
func (m *mixed) honest() {
	_ = m.store.View(func(tx se.ReadTx) error {
		list, err := tx.History(0, 100_000)
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
			got := p.dev.whole(t, m.versions[p.version], k)
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
			if got == nil && len(p.dev.kept[k]) > 0 {
				m.bad("%s of version %d %s: %s %s is gone and cells of it are kept", p.principal.Account, p.version, when, k.Table, k.Row)
			}
		}
		return nil
	})
}
