package device

import (
	"database/sql"
	"errors"
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// one reads at most one row; ok is false if there is none.
func (p *port) one(query string, args []any, dest ...any) (ok bool, err error) {
	err = p.conn.QueryRowContext(p.ctx, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// sound decodes a stored changeset and checks it against its hash: a damaged one must not be sent.
func sound(n int64, hash, body []byte) (*se.Changeset, error) {
	cs, err := decodeChangeset(body)
	if err != nil {
		return nil, fmt.Errorf("changeset %d: %w", n, err)
	}
	if h := cs.Hash(); cs.N != n || string(h[:]) != string(hash) {
		return nil, fmt.Errorf("changeset %d: %w: its hash does not fit", n, errDamaged)
	}
	return cs, nil
}

// Outbox lists sealed changesets without a verdict with n > after, in order of n, at most limit.
func (p *port) Outbox(after int64, limit int) ([]*se.Changeset, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT n, hash, body FROM ds_outbox WHERE n > ? ORDER BY n LIMIT CAST(? AS INTEGER)`, after, limit) //nolint:sqlclosecheck // collect closes them
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return collect(rows, func() (*se.Changeset, error) {
		var n int64
		var hash, body []byte
		if err := rows.Scan(&n, &hash, &body); err != nil {
			return nil, err
		}
		return sound(n, hash, body)
	})
}

// PutOutbox keeps a sealed changeset until its verdict is here, and notes which rows it is about.
func (p *port) PutOutbox(cs *se.Changeset) error {
	body := encodeChangeset(cs)
	hash := cs.Hash()
	if err := p.exec(`INSERT INTO ds_outbox(n, hash, wall, body) VALUES(?, ?, ?, ?)`, cs.N, hash[:], p.wall, body); err != nil {
		return err
	}
	for i := range cs.Changes {
		c := &cs.Changes[i]
		if err := p.exec(`INSERT OR IGNORE INTO ds_touched(tbl, row, n) VALUES(?, ?, ?)`, c.Table, string(c.Row), cs.N); err != nil {
			return err
		}
	}
	return nil
}

// Sealed gives a changeset that is in the outbox.
func (p *port) Sealed(n int64) (*se.Changeset, error) {
	var hash, body []byte
	ok, err := p.one(`SELECT hash, body FROM ds_outbox WHERE n = ?`, []any{n}, &hash, &body)
	if err != nil || !ok {
		return nil, err
	}
	return sound(n, hash, body)
}

// File moves a changeset out of the outbox with its verdict.
func (p *port) File(v se.Verdict) error {
	var reason se.Reason
	var code any
	var current []byte
	if v.Reason != nil {
		reason, code = *v.Reason, string(v.Reason.Code)
		if reason.Current != nil {
			current = encodeValues(reason.Current)
		}
	}
	err := p.exec(`INSERT INTO ds_journal(n, hash, kind, epoch, seq, code, tbl, row, col, rule, current, filed, body)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT body FROM ds_outbox WHERE n = ? AND ?))`,
		v.N, v.Hash[:], int64(v.Kind), v.Epoch, v.Seq, code, reason.Table, string(reason.Row), reason.Column, reason.Rule, current, p.wall,
		v.N, v.Kind.Effective())
	if err != nil {
		return err
	}
	for i, c := range v.Conflicts {
		if err := p.exec(`INSERT INTO ds_conflict_ref(n, i, id, kind, tbl, row, cell) VALUES(?, ?, ?, ?, ?, ?, ?)`,
			v.N, i, c.ID, string(c.Key.Kind), c.Key.Table, string(c.Key.Row), c.Key.Cell); err != nil {
			return err
		}
	}
	if v.Kind.Effective() {
		if err := p.exec(`DELETE FROM ds_touched WHERE n = ?`, v.N); err != nil {
			return err
		}
	} else if err := p.exec(`INSERT INTO ds_quarantine(n, body, filed) SELECT n, body, ? FROM ds_outbox WHERE n = ?`, p.wall, v.N); err != nil {
		return err
	}
	return p.exec(`DELETE FROM ds_outbox WHERE n = ?`, v.N)
}

// Verdict gives a filed verdict.
func (p *port) Verdict(n int64) (*se.Verdict, error) {
	v := se.Verdict{N: n}
	var hash, current []byte
	var code sql.NullString
	var why se.Reason
	ok, err := p.one(`SELECT hash, kind, epoch, seq, code, tbl, row, col, rule, current FROM ds_journal WHERE n = ?`, []any{n},
		&hash, &v.Kind, &v.Epoch, &v.Seq, &code, &why.Table, &why.Row, &why.Column, &why.Rule, &current)
	if err != nil || !ok {
		return nil, err
	}
	copy(v.Hash[:], hash)
	if code.Valid {
		why.Code = se.Code(code.String)
		if current != nil {
			if why.Current, err = decodeValues(current); err != nil {
				return nil, err
			}
		}
		v.Reason = &why
	}
	v.Conflicts, err = p.conflictRefs(n)
	return &v, err
}

func (p *port) conflictRefs(n int64) ([]se.ConflictRef, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT id, kind, tbl, row, cell FROM ds_conflict_ref WHERE n = CAST(? AS INTEGER) ORDER BY i`, n)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (c se.ConflictRef, err error) {
		err = rows.Scan(&c.ID, &c.Key.Kind, &c.Key.Table, &c.Key.Row, &c.Key.Cell)
		return c, err
	})
}

// Stage keeps a frame's items durably.
func (p *port) Stage(d *se.Delta) error {
	for i := range d.Items {
		it := &d.Items[i]
		if err := p.exec(`INSERT INTO ds_staged(scope, seq, kind, tbl, row, item) VALUES(?, ?, ?, ?, ?, ?)`,
			d.Scope, it.Seq, int64(it.Kind), it.Table, string(it.Row), encodeItem(it)); err != nil {
			return err
		}
	}
	return nil
}

// ClearStaged forgets them.
func (p *port) ClearStaged() error {
	if err := p.exec(`UPDATE ds_state SET taken = ''`); err != nil {
		return err
	}
	return p.exec(`DELETE FROM ds_staged`)
}

// putTaken notes how much of the snapshots of an unfinished step is staged, for whoever asks beside the program that takes
// them.
func (p *port) putTaken(t session.Taken) error {
	if t == (session.Taken{}) {
		return nil
	}
	return p.exec(`UPDATE ds_state SET taken = ?`, asJSON(t))
}

// PutMessage keeps a message of the inbox. One that says how a refused changeset ended takes it off the person's hands.
func (p *port) PutMessage(m se.Message) error {
	if m.Kind == se.MessageReleased || m.Kind == se.MessageDismissed {
		if err := p.exec(`INSERT INTO ds_settled(n, outcome, reason, author, seq) VALUES(?, ?, ?, ?, ?) ON CONFLICT(n) DO NOTHING`,
			m.N, string(m.Kind), m.Reason, m.Author, m.Seq); err != nil {
			return err
		}
		if err := p.exec(`UPDATE ds_quarantine SET handled = 1 WHERE n = ?`, m.N); err != nil {
			return err
		}
	}
	why := ""
	if m.Kind == se.MessageDecided {
		why = m.Reason
	}
	// A recovered replica holds what it could read of its inbox, and is told all of it again: what is the same stays as it is.
	return p.exec(`INSERT INTO ds_inbox(number, kind, seq, id, about, tbl, row, cell, author, choice, wall, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT(number) DO UPDATE SET kind = excluded.kind, seq = excluded.seq, id = excluded.id, about = excluded.about, tbl = excluded.tbl,
			row = excluded.row, cell = excluded.cell, author = excluded.author, choice = excluded.choice, wall = excluded.wall, reason = excluded.reason
		WHERE kind <> excluded.kind OR seq <> excluded.seq OR id <> excluded.id`,
		m.Number, string(m.Kind), m.Seq, m.Conflict.ID, string(m.Conflict.Key.Kind), m.Conflict.Key.Table, string(m.Conflict.Key.Row),
		m.Conflict.Key.Cell, m.Author, string(m.Choice), p.wall, why)
}
