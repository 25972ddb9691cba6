package device

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// The lists of the control row are kept as JSON, so that a person with a sqlite3 shell can read them.
type (
	storedGrant struct {
		Scope string       `json:"scope"`
		Name  string       `json:"name,omitempty"`
		Level schema.Level `json:"level,omitempty"`
		Role  string       `json:"role"`
		Doors []string     `json:"doors,omitempty"`
		From  int64        `json:"from,omitempty"`
		To    int64        `json:"to,omitempty"`
		// Offline is how long it may be used without contact, ms; 0 = as long as one likes.
		Offline int64 `json:"offline,omitempty"`
	}
	storedLimits struct {
		MaxChangeset int `json:"max_changeset"`
		MaxChanges   int `json:"max_changes"`
		MaxFrame     int `json:"max_frame"`
		Window       int `json:"window"`
	}
	storedScope struct {
		Scope    string `json:"scope"`
		Seq      int64  `json:"seq"`
		Key      string `json:"key,omitempty"`
		Snapshot string `json:"snapshot,omitempty"`
		Read     int64  `json:"read,omitempty"`
	}
)

// querier is what reading needs of a connection, a transaction or a pool.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// execer is a querier that writes too.
type execer interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func readControl(ctx context.Context, q querier) (replica.Control, error) {
	var c replica.Control
	var device sql.NullString
	var stamp int64
	var hash, history, mac []byte
	var grants, live, limits, staged, unseen, minimum, lease, leaving string
	err := q.QueryRowContext(ctx, `SELECT c.device, c.epoch, c.cursor, s.account, s.view, s.schema, s.hlc, s.last_n, s.hash, s.acked, s.inbox,
		s.grants, s.live, s.limits, s.staged_view, s.staged_reset, s.staged_at, s.lease, s.leaving,
		c.proof_epoch, c.proof_seq, c.history, c.mac, s.epoch_met, s.met_n, s.reoffer,
		e.keeps, e.unseen, e.minimum, e.drain FROM ds_control c JOIN ds_state s ON s.k = c.k JOIN ds_evolution e ON e.k = c.k`).
		Scan(&device, &c.Epoch, &c.Cursor, &c.Account, &c.View, &c.Schema, &stamp, &c.LastN, &hash, &c.Acked, &c.Inbox,
			&grants, &live, &limits, &c.StagedView, &c.StagedReset, &staged, &lease, &leaving,
			&c.ProofAt.Epoch, &c.ProofAt.Seq, &history, &mac, &c.Met, &c.MetN, &c.Reoffer,
			&c.Keeps, &unseen, &minimum, &c.Drain)
	if err != nil {
		return c, fmt.Errorf("read control row: %w", err)
	}
	c.Device, c.HLC = device.String, hlc.Timestamp(stamp)
	copy(c.Hash[:], hash)
	copy(c.History[:], history)
	copy(c.MAC[:], mac)
	var l storedLimits
	var at []storedScope
	for _, err := range []error{
		readGrants(grants, &c.Grants), readGrants(live, &c.Live),
		json.Unmarshal([]byte(limits), &l), json.Unmarshal([]byte(staged), &at), readEvolution(unseen, minimum, &c),
		json.Unmarshal([]byte(lease), &c.Lease), json.Unmarshal([]byte(leaving), &c.Leaving),
	} {
		if err != nil {
			return c, fmt.Errorf("%w: control row: %w", errDamaged, err)
		}
	}
	c.Limits = se.Limits(l)
	for _, s := range at {
		c.StagedAt = append(c.StagedAt, se.StagedScope{Scope: s.Scope, After: se.Position{Seq: s.Seq, Key: s.Key}, Snapshot: s.Snapshot, Read: s.Read})
	}
	return c, nil
}

// standing is what of the control row is asked for after every message: where the replica stands, and what of it is to go.
func (r *Replica) standing(ctx context.Context) (at session.Seen, leaving replica.Leaving, err error) {
	var text string
	err = r.read.QueryRowContext(ctx, `SELECT c.epoch, c.cursor, s.view, s.inbox, s.acked, s.leaving FROM ds_control c JOIN ds_state s ON s.k = c.k`).
		Scan(&at.Epoch, &at.Cursor, &at.View, &at.Inbox, &at.Acked, &text)
	if err != nil {
		return at, leaving, fmt.Errorf("read control row: %w", storage(err))
	}
	if err := json.Unmarshal([]byte(text), &leaving); err != nil {
		return at, leaving, fmt.Errorf("%w: control row: %w", errDamaged, err)
	}
	return at, leaving, nil
}

// Control gives the replica's one row of state.
func (p *port) Control() (replica.Control, error) { return readControl(p.ctx, p.conn) }

// PutControl replaces it.
func (p *port) PutControl(c replica.Control) error {
	if err := p.exec(`UPDATE ds_control SET device = nullif(?, ''), epoch = ?, cursor = ?, proof_epoch = ?, proof_seq = ?, history = ?, mac = ?, readonly = ?`,
		c.Device, c.Epoch, c.Cursor, c.ProofAt.Epoch, c.ProofAt.Seq, c.History[:], c.MAC[:], ddl.ReadOnly(readOnly(&c.Leaving))); err != nil {
		return fmt.Errorf("write control row: %w", err)
	}
	at := make([]storedScope, 0, len(c.StagedAt))
	for _, s := range c.StagedAt {
		at = append(at, storedScope{s.Scope, s.After.Seq, s.After.Key, s.Snapshot, s.Read})
	}
	err := p.exec(`UPDATE ds_state SET account = ?, view = ?, schema = ?, hlc = ?, last_n = ?, hash = ?, acked = ?, inbox = ?,
		grants = ?, live = ?, limits = ?, staged_view = ?, staged_reset = ?, staged_at = ?, lease = ?, leaving = ?,
		epoch_met = ?, met_n = ?, reoffer = ?`,
		c.Account, c.View, c.Schema, int64(c.HLC), c.LastN, c.Hash[:], c.Acked, c.Inbox,
		grantsJSON(c.Grants), grantsJSON(c.Live), asJSON(storedLimits(c.Limits)), c.StagedView, c.StagedReset, asJSON(at), asJSON(c.Lease), asJSON(c.Leaving),
		c.Met, c.MetN, c.Reoffer)
	if err != nil {
		return fmt.Errorf("write state row: %w", err)
	}
	return p.putEvolution(&c)
}

// readOnly gives the scopes and the doors whose rows nobody may write any more.
func readOnly(l *replica.Leaving) []string {
	out := slices.Clone(l.Scopes)
	for _, d := range l.Doors {
		out = append(out, replica.DoorOf(d))
	}
	return out
}

func readGrants(text string, out *[]se.Grant) error {
	var list []storedGrant
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return err
	}
	for _, g := range list {
		*out = append(*out, se.Grant(g))
	}
	return nil
}

func grantsJSON(grants []se.Grant) string {
	list := make([]storedGrant, 0, len(grants))
	for _, g := range grants {
		list = append(list, storedGrant(g))
	}
	return asJSON(list)
}

func asJSON(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		panic("bug: control row cannot be written as JSON: " + err.Error())
	}
	return string(b)
}
