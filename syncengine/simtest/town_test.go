package simtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// town is a centre and devices without network, scheduler and faults: what the simulation found, told step by step.
type town struct {
	t      *testing.T
	schema *schema.Schema
	engine *se.Engine
	store  MemCentre
	now    int64
	n      int
}

// phone is a device of a town.
type phone struct {
	*MemDevice
	town *town
	id   string
}

func newTown(t *testing.T) *town {
	s := Schema()
	return &town{t: t, schema: s, engine: se.New(s, se.DefaultLimits), store: NewMemCentre(s), now: start}
}

func at(n int) se.RowID { return se.RowID(fmt.Sprintf("%08d-0000-7000-8000-000000000000", n)) }

func (w *town) phone(account string, grants ...se.Grant) *phone {
	w.n++
	p := &phone{NewMemDevice(w.schema, string(at(900+w.n)), account), w, string(at(900 + w.n))}
	p.grant(grants...)
	p.pull()
	return p
}

func (p *phone) grant(grants ...se.Grant) {
	p.town.store.SetPrincipal(p.id, &se.Principal{Account: p.ctl.Account, Device: p.id, Grants: grants})
}

func worker(scope string) se.Grant { return se.Grant{Scope: scope, Role: roleWorker} }

func steward(scope string, doors ...se.RowID) se.Grant {
	g := se.Grant{Scope: scope, Role: roleSteward}
	for _, d := range doors {
		g.Doors = append(g.Doors, string(d))
	}
	return g
}

func (p *phone) clock() replica.Clock {
	p.town.now += 10
	return replica.Clock{Wall: p.town.now, Boot: "boot", Mono: p.town.now - start}
}

// does carries out statements as the SDK does.
func (p *phone) does(statements ...Statement) {
	p.town.t.Helper()
	require.NoError(p.town.t, p.Exec(Transaction{Statements: statements}, p.clock()))
}

// foreign carries out statements as another program does.
func (p *phone) foreign(statements ...Statement) {
	p.town.t.Helper()
	require.NoError(p.town.t, p.Exec(Transaction{Foreign: true, Statements: statements}, p.clock()))
}

// push sends the outbox and files the verdicts; it gives them.
func (p *phone) push() []se.Verdict {
	p.town.t.Helper()
	verdicts := p.send()
	require.NoError(p.town.t, p.Update(func(tx replica.Tx) error {
		_, err := replica.FileVerdicts(tx, p.schema, p.clock(), verdicts)
		return err
	}))
	return verdicts
}

// send sends the outbox, and the verdicts are lost.
func (p *phone) send() (verdicts []se.Verdict) {
	p.town.t.Helper()
	require.NoError(p.town.t, p.Update(func(tx replica.Tx) error {
		_, err := replica.Seal(tx, p.schema, p.clock(), true)
		return err
	}))
	list, _ := p.Outbox(0, 100)
	for _, cs := range list {
		contact := se.Contact{Boot: "boot", Mono: p.town.now - start, At: p.town.now}
		for _, r := range p.town.engine.Commit(p.town.store, []se.Submission{{Changeset: cs, Contact: contact, Now: p.town.now}}) {
			require.NoError(p.town.t, r.Err)
			verdicts = append(verdicts, r.Verdict)
		}
	}
	return verdicts
}

// part says Hello, and asks the centre what the phone lacks.
func (p *phone) part(budget int, pages se.Pages) *se.Part {
	p.town.t.Helper()
	p.greeted()
	var part *se.Part
	require.NoError(p.town.t, p.town.store.View(func(tx se.ReadTx) (err error) {
		part, err = p.town.engine.Next(tx, se.NextRequest{
			Device: p.id, Cursor: p.ctl.Base(), View: p.ctl.View, Staged: p.ctl.StagedAt, Now: p.town.now, Budget: budget, Pages: pages,
		})
		return err
	}))
	return part
}

// greeted takes a Welcome, and answers it where grants have ended.
func (p *phone) greeted() {
	p.town.t.Helper()
	w, err := p.town.engine.Open(p.town.store, se.Hello{Device: p.id, View: p.ctl.View, Epoch: p.ctl.Epoch, Cursor: p.ctl.Cursor}, p.town.now)
	require.NoError(p.town.t, err)
	require.NoError(p.town.t, p.Update(func(tx replica.Tx) error { _, err := replica.Greet(tx, p.town.schema, p.clock(), w); return err }))
	if len(w.Lost) > 0 {
		_, err = p.town.engine.Record(p.town.store, se.Tell{Device: p.id, View: w.View, N: p.ctl.LastN}, p.town.now)
		require.NoError(p.town.t, err)
	}
}

func (p *phone) stage(d *se.Delta) error {
	return p.Update(func(tx replica.Tx) error {
		_, err := replica.Stage(tx, p.schema, p.clock(), d)
		return err
	})
}

// pull takes everything up to the head.
func (p *phone) pull() {
	p.town.t.Helper()
	for _, d := range p.part(1<<20, se.Pages{}).Frames {
		require.NoError(p.town.t, p.stage(&d))
	}
}

func (p *phone) sync() []se.Verdict {
	p.town.t.Helper()
	v := p.push()
	p.pull()
	return v
}

// shows gives what programs see of a column, "gone" if the row is not there.
func (p *phone) shows(table string, id se.RowID, column string) string {
	row := p.rows[replica.RowKey{Table: table, Row: id}]
	if row == nil {
		return "gone"
	}
	return value(p.schema.Table(table), row, column).String()
}

// row gives a row of the centre.
func (w *town) row(table string, id se.RowID) (row *se.Row) {
	_ = w.store.View(func(tx se.ReadTx) error { row, _ = tx.Row(table, id); return nil })
	return row
}

// cell gives what a row of the centre shows in a cell, and how many writes wait there.
func (w *town) cell(table string, id se.RowID, cell string) (shows string, candidates int) {
	t := w.schema.Table(table)
	row := w.row(table, id)
	require.NotNil(w.t, row, "%s %s is not at the centre", table, id)
	c := row.Cells[t.CellIndex(cell)]
	return c.Values(t.Cell(cell))[0].String(), len(c.Candidates())
}

// queue gives the open conflict of a key.
func (w *town) queue(kind se.ConflictKind, table string, id se.RowID, cell string) (con *se.Conflict) {
	_ = w.store.View(func(tx se.ReadTx) error {
		con, _ = tx.OpenConflict(se.ConflictKey{Kind: kind, Table: table, Row: id, Cell: cell})
		return nil
	})
	return con
}

func place(id se.RowID, scope string) Statement {
	return Statement{Insert, "place", id, []Assign{{"scope", text(scope)}, {"address", text("house " + string(id[:8]))}}}
}

func family(id, place se.RowID, scope, head string) Statement {
	return Statement{Insert, "family", id, []Assign{{"scope", text(scope)}, {"place_id", text(string(place))}, {"head", text(head)}}}
}

func set1(table string, id se.RowID, column string, v schema.Value) Statement {
	return Statement{Update, table, id, []Assign{{column, v}}}
}

func gone(table string, id se.RowID) Statement { return Statement{Verb: Delete, Table: table, Row: id} }
