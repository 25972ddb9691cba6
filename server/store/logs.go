package store

import (
	"fmt"
	"strings"

	"github.com/doorstep-sync/doorstep/syncengine"
)

const conflictColumns = "id, kind, tbl, row_id, cell, scope, door, opened, changed, closed, outcome, decided_by, reason, candidates, told"

func toConflict(r row) (*syncengine.Conflict, error) {
	c := &syncengine.Conflict{
		ID: r.str(0),
		Key: syncengine.ConflictKey{
			Kind: syncengine.ConflictKind(r.str(1)), Table: r.str(2), Row: syncengine.RowID(r.str(3)), Cell: r.str(4),
		},
		Scope: r.str(5), Door: r.str(6), Opened: r.int(7), Changed: r.int(8), Closed: r.int(9),
		Outcome: syncengine.Outcome(r.str(10)), DecidedBy: r.str(11), Reason: r.str(12),
	}
	var err error
	if c.Candidates, err = decodeCandidates(r.blob(13)); err != nil {
		return nil, fmt.Errorf("read conflict %s: %w", c.ID, err)
	}
	if told := r.str(14); told != "" {
		c.Told = strings.Split(told, " ")
	}
	return c, nil
}

func (t *readTx) conflict(query string, args ...any) (out *syncengine.Conflict, err error) {
	_, err = t.one(func(r row) (err error) { out, err = toConflict(r); return err }, "SELECT "+conflictColumns+" FROM conflict "+query, args...)
	return out, err
}

// Conflict implements syncengine.ReadTx.
func (t *readTx) Conflict(id string) (*syncengine.Conflict, error) {
	return t.conflict(`WHERE county = $1 AND id = $2`, t.s.county, id)
}

// OpenConflict implements syncengine.ReadTx.
func (t *readTx) OpenConflict(k syncengine.ConflictKey) (*syncengine.Conflict, error) {
	return t.conflict(`WHERE county = $1 AND tbl = $2 AND row_id = $3 AND kind = $4 AND cell = $5 AND closed = 0`,
		t.s.county, k.Table, string(k.Row), string(k.Kind), k.Cell)
}

// DismissedConflict implements syncengine.ReadTx.
func (t *readTx) DismissedConflict(k syncengine.ConflictKey) (*syncengine.Conflict, error) {
	return t.conflict(`WHERE county = $1 AND tbl = $2 AND row_id = $3 AND kind = $4 AND cell = $5 AND closed > 0 AND outcome = $6
		ORDER BY closed DESC, id DESC LIMIT 1`,
		t.s.county, k.Table, string(k.Row), string(k.Kind), k.Cell, string(syncengine.ChoiceBoth))
}

// PutConflict implements syncengine.Tx. An index refuses a second open one with the same key.
func (t *tx) PutConflict(c *syncengine.Conflict) error {
	err := t.exec(`INSERT INTO conflict (county, id, kind, tbl, row_id, cell, scope, door, opened, changed, closed, outcome,
		decided_by, reason, candidates, told) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (county, id) DO UPDATE SET kind = excluded.kind, tbl = excluded.tbl, row_id = excluded.row_id,
		cell = excluded.cell, scope = excluded.scope, door = excluded.door, opened = excluded.opened, changed = excluded.changed,
		closed = excluded.closed, outcome = excluded.outcome, decided_by = excluded.decided_by, reason = excluded.reason,
		candidates = excluded.candidates, told = excluded.told`,
		t.s.county, c.ID, string(c.Key.Kind), c.Key.Table, string(c.Key.Row), c.Key.Cell, c.Scope, c.Door, c.Opened, c.Changed,
		c.Closed, string(c.Outcome), c.DecidedBy, c.Reason, encodeCandidates(c.Candidates), strings.Join(c.Told, " "))
	if err != nil {
		return fmt.Errorf("put conflict %s: %w", c.ID, err)
	}
	return nil
}

const inboxQuery = `SELECT number, kind, seq, conflict, ckind, tbl, row_id, cell, author, choice, n, reason FROM inbox
	WHERE county = CAST($1 AS INTEGER) AND device = CAST($2 AS TEXT) AND number > CAST($3 AS INTEGER) ORDER BY number LIMIT CAST($4 AS INTEGER)`

// Inbox implements syncengine.ReadTx.
func (t *readTx) Inbox(device string, after int64, limit int) (out []syncengine.Message, err error) {
	if t.known != nil {
		if none := t.known.of(device, t.began).noneAfter; none >= 0 && after >= none {
			return nil, nil
		}
	}
	err = t.query(func(r row) error {
		out = append(out, syncengine.Message{
			Device: device, Number: r.int(0), Kind: syncengine.MessageKind(r.str(1)), Seq: r.int(2),
			Conflict: syncengine.ConflictRef{ID: r.str(3), Key: syncengine.ConflictKey{
				Kind: syncengine.ConflictKind(r.str(4)), Table: r.str(5), Row: syncengine.RowID(r.str(6)), Cell: r.str(7),
			}},
			Author: r.str(8), Choice: syncengine.Choice(r.str(9)), N: r.int(10), Reason: r.str(11),
		})
		return nil
	}, inboxQuery, t.s.county, device, after, int64(max(limit, 0)))
	if err == nil && len(out) == 0 && limit > 0 && after >= 0 && t.known != nil {
		t.known.keep(device, partInbox, t.began, func(a *acquaintance) { a.noneAfter = after })
	}
	return out, err
}

// PutMessage implements syncengine.Tx.
func (t *tx) PutMessage(m syncengine.Message) error {
	t.about[m.Device] |= partInbox
	k := m.Conflict.Key
	return t.exec(`INSERT INTO inbox (county, device, number, kind, seq, conflict, ckind, tbl, row_id, cell, author, choice, n, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (county, device, number) DO UPDATE SET kind = excluded.kind, seq = excluded.seq, conflict = excluded.conflict,
		ckind = excluded.ckind, tbl = excluded.tbl, row_id = excluded.row_id, cell = excluded.cell, author = excluded.author,
		choice = excluded.choice, n = excluded.n, reason = excluded.reason`,
		t.s.county, m.Device, m.Number, string(m.Kind), m.Seq, m.Conflict.ID, string(k.Kind), k.Table, string(k.Row), k.Cell, m.Author, string(m.Choice), m.N, m.Reason)
}

// History implements syncengine.ReadTx.
func (t *readTx) History(after int64, limit int) (out []syncengine.Entry, err error) {
	err = t.query(func(r row) error {
		e, err := toEntry(r)
		out = append(out, e)
		return err
	}, `SELECT seq, epoch, author, at, received, suspect, prev, hash, body FROM history
		WHERE county = $1 AND seq > $2 ORDER BY seq LIMIT $3`, t.s.county, after, int64(max(limit, 0)))
	return out, err
}

// Received implements syncengine.ReadTx.
func (t *readTx) Received(after int64, limit int) (out []syncengine.Reception, err error) {
	err = t.query(func(r row) error {
		out = append(out, syncengine.Reception{Seq: r.int(0), At: r.int(1)})
		return nil
	}, `SELECT seq, received FROM history WHERE county = $1 AND seq > $2 ORDER BY seq LIMIT $3`, t.s.county, after, int64(max(limit, 0)))
	return out, err
}

// AppendHistory implements syncengine.Tx.
func (t *tx) AppendHistory(e syncengine.Entry) error {
	if t.history < 0 {
		if _, err := t.one(func(r row) error { t.history = r.int(0); return nil },
			`SELECT seq FROM history WHERE county = $1 ORDER BY seq DESC LIMIT 1`, t.s.county); err != nil {
			return err
		}
		t.history = max(t.history, 0)
	}
	if e.Seq <= t.history {
		return fmt.Errorf("append history of seq %d: the last entry is of seq %d", e.Seq, t.history)
	}
	device, n := "", int64(0)
	if e.Changeset != nil {
		device, n = e.Changeset.Device, e.Changeset.N
	}
	if err := t.exec(`INSERT INTO history (county, seq, epoch, device, n, author, at, received, suspect, prev, hash, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		t.s.county, e.Seq, e.Epoch, device, n, e.Author, e.At, e.Received, toInt(e.Suspect), e.Prev[:], e.Hash[:],
		encodeChangeset(e.Changeset, e.Outcomes)); err != nil {
		return fmt.Errorf("append history of seq %d: %w", e.Seq, err)
	}
	if err := t.indexHistory(&e); err != nil {
		return err
	}
	old := t.history
	t.history = e.Seq
	t.undo = append(t.undo, func() { t.history = old })
	return nil
}
