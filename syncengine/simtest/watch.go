package simtest

import (
	"errors"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// watched is a store whose commits the oracle hears of: what was put, in order, without what was rolled back.
type watched struct {
	Centre
	heard  func(*record)
	poison map[se.WriteID]bool // changesets that the store cannot take, for a reason of their own
}

var errPoison = errors.New("simtest: this changeset cannot be stored")

// record is what one committed transaction put.
type record struct {
	rows      []replica.RowKey
	lain      []lain
	conflicts []*se.Conflict
	verdicts  []judged
	quarant   []se.Quarantined
	history   []se.Entry
	messages  []se.Message
	stood     []stood
	head      se.Head
}

// lain is where a row was put: a later write of the same transaction may have moved or deleted it.
type lain struct {
	key                 replica.RowKey
	scope, door, author string
}

type judged struct {
	device  string
	verdict se.Verdict
}

// Update implements se.Store.
func (s watched) Update(fn func(se.Tx) error) error {
	var r *record
	if err := s.Centre.Update(func(tx se.Tx) error {
		r = &record{}
		if err := fn(&watchedTx{tx, r, s.poison}); err != nil {
			return err
		}
		head, err := tx.Head()
		r.head = head
		return err
	}); err != nil {
		return err
	}
	s.heard(r)
	return nil
}

type watchedTx struct {
	se.Tx
	r      *record
	poison map[se.WriteID]bool
}

func (t *watchedTx) Savepoint(fn func() error) error {
	before := *t.r
	err := t.Tx.Savepoint(fn)
	if err != nil {
		*t.r = before
	}
	return err
}

func (t *watchedTx) row(table string, id se.RowID) {
	t.r.rows = append(t.r.rows, replica.RowKey{Table: table, Row: id})
}

func (t *watchedTx) PutRow(r *se.Row) error {
	t.row(r.Table, r.ID)
	t.r.lain = append(t.r.lain, lain{replica.RowKey{Table: r.Table, Row: r.ID}, r.Scope, r.Door, r.Author})
	return t.Tx.PutRow(r)
}

func (t *watchedTx) Kill(d *se.Dead) error {
	t.row(d.Table, d.ID)
	return t.Tx.Kill(d)
}

func (t *watchedTx) Revive(table string, id se.RowID) error {
	t.row(table, id)
	return t.Tx.Revive(table, id)
}

func (t *watchedTx) PutVerdict(device string, v se.Verdict) error {
	t.r.verdicts = append(t.r.verdicts, judged{device, v})
	return t.Tx.PutVerdict(device, v)
}

func (t *watchedTx) PutQuarantined(q *se.Quarantined) error {
	t.r.quarant = append(t.r.quarant, *q)
	return t.Tx.PutQuarantined(q)
}

func (t *watchedTx) PutConflict(c *se.Conflict) error {
	k := *c
	k.Candidates = append([]se.Candidate(nil), c.Candidates...)
	t.r.conflicts = append(t.r.conflicts, &k)
	return t.Tx.PutConflict(c)
}

func (t *watchedTx) PutMessage(m se.Message) error {
	t.r.messages = append(t.r.messages, m)
	return t.Tx.PutMessage(m)
}

func (t *watchedTx) AppendHistory(e se.Entry) error {
	if t.poison[e.Changeset.ID()] {
		return errPoison
	}
	t.r.history = append(t.r.history, e)
	if err := t.stand(&e); err != nil {
		return err
	}
	return t.Tx.AppendHistory(e)
}
