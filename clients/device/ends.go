package device

import (
	"context"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Session gives the replica to the device's end of a conversation: each method is one durable transaction. Programs
// call Sync or Run; this is for those that bring their own transport.
func (r *Replica) Session() session.Replica { return &link{r: r, ctx: context.Background()} }

// link implements session.Replica. An error of a method leaves the replica as it was.
type link struct {
	r      *Replica
	ctx    context.Context
	filed  func([]se.Verdict)              // called with verdicts newly filed
	taking func(d *se.Delta) session.Taken // how far the step's snapshots have come with a frame; it may be asked twice
	stage  func(d *se.Delta, applied bool) // called with frames that were taken
}

// Hello seals what other programs wrote and tells where the replica stands.
func (l *link) Hello() (h se.Hello, err error) {
	clock := l.r.opts.Clock.Read()
	err = l.r.transact(l.ctx, func(p *port) error {
		c, err := p.sealForeign(clock)
		if err != nil {
			return err
		}
		if c.Device == "" {
			return say(CodeNotEnrolled, nil)
		}
		h = se.Hello{
			Device: c.Device, Schema: c.Schema, Epoch: c.Epoch, Cursor: c.Cursor, View: c.View,
			Staged: c.StagedAt, StagedView: c.StagedView, StagedReset: c.StagedReset,
			LastN: c.LastN, LastHash: c.Hash, Acked: c.Acked, Inbox: c.Inbox,
			Wall: clock.Wall, Boot: clock.Boot, Mono: clock.Mono, HLC: c.HLC, Unpacks: l.r.unpacks(),
			FreeBytes: freeBytes(l.r.path),
		}
		replica.Prove(&h, &c)
		if h.Checked, h.Repaired, err = replica.Checkup(p, clock.Wall); err != nil {
			return err
		}
		h.Waiting, h.Oldest, err = p.waiting()
		return err
	})
	return h, err
}

// Greet takes over a Welcome.
func (l *link) Greet(w *se.Welcome) (drain *se.Drain, err error) {
	if err := l.r.setAside(l.ctx, w.Epoch); err != nil {
		return nil, err
	}
	err = l.r.update(l.ctx, func(p *port) error {
		drain, err = replica.Greet(p, l.r.schema, l.r.opts.Clock.Read(), w)
		return err
	})
	if err == nil {
		err = l.r.keepKeys(w.Keys)
	}
	return drain, err
}

// Salvage seals what a restored centre still lacks.
func (l *link) Salvage() error {
	var any bool
	if err := l.r.read.QueryRowContext(l.ctx, `SELECT EXISTS(SELECT 1 FROM ds_lost)`).Scan(&any); err != nil || !any {
		return storage(err)
	}
	return l.r.update(l.ctx, func(p *port) error { return replica.Salvage(p, l.r.schema, l.r.opts.Clock.Read()) })
}

// Outbox lists what waits for a verdict.
func (l *link) Outbox(after int64, limit int) (list []*se.Changeset, err error) {
	list, err = (&port{conn: l.r.read, schema: l.r.schema, ctx: l.ctx}).Outbox(after, limit)
	return list, storage(err)
}

// Stage keeps a frame; with the step's last one it becomes visible.
func (l *link) Stage(d *se.Delta) (applied bool, err error) {
	err = l.r.update(l.ctx, func(p *port) error {
		if applied, err = replica.Stage(p, l.r.schema, l.r.opts.Clock.Read(), d); err != nil || applied || l.taking == nil {
			return err
		}
		return p.putTaken(l.taking(d))
	})
	if applied {
		l.r.spoiled.Store(0)
	}
	if err == nil && l.stage != nil {
		l.stage(d, applied)
	}
	return applied, err
}

// File stores verdicts.
func (l *link) File(verdicts []se.Verdict) error {
	var filed []se.Verdict
	err := l.r.update(l.ctx, func(p *port) (err error) {
		filed, err = replica.FileVerdicts(p, l.r.schema, l.r.opts.Clock.Read(), verdicts)
		return err
	})
	if err == nil && l.filed != nil {
		l.filed(filed)
	}
	return err
}

// Receive stores messages of the inbox.
func (l *link) Receive(messages []se.Message) error {
	return l.r.update(l.ctx, func(p *port) error { return replica.Receive(p, messages) })
}

// Broken makes the next Hello ask for a snapshot.
func (l *link) Broken() error {
	return l.r.update(l.ctx, func(p *port) error {
		if err := replica.Forget(p); err != nil {
			return err
		}
		c, err := p.Control()
		if err != nil {
			return err
		}
		c.View = ""
		return p.PutControl(c)
	})
}

// Unpack reads the items of a chunk of a snapshot.
func (l *link) Unpack(encoding string, packed []byte, size int) ([]se.DeltaItem, error) {
	return wire.Unpack(encoding, packed, size)
}

// Spoiled notes a chunk that was not what its manifest says.
func (l *link) Spoiled(scope string) error {
	n := l.r.spoiled.Add(1)
	l.r.opts.Log.Warn().Str("scope", scope).Int32("times", n).Msg("a chunk of a snapshot came damaged and was not taken")
	return nil
}

// unpacks tells which packed chunks are taken: none any more after two that came damaged, so that a snapshot that is
// wrong at its source, or a proxy that changes what it carries, cannot keep this device from its rows.
func (r *Replica) unpacks() []string {
	if r.spoiled.Load() >= 2 {
		return nil
	}
	return wire.Unpackable()
}

// Seen tells how far the replica has durably come.
func (l *link) Seen() (session.Seen, error) {
	seen, _, err := l.r.standing(l.ctx)
	return seen, err
}

// Scopes mends what the replica can mend by itself, and lists the scopes to compare with the centre.
func (l *link) Scopes() (scopes []string, local int, err error) {
	err = l.r.update(l.ctx, func(p *port) error {
		if local, err = replica.Reshow(p, l.r.schema, l.r.opts.Clock.Read()); err != nil {
			return err
		}
		scopes, err = replica.CheckScopes(p, l.r.schema)
		return err
	})
	return scopes, local, err
}

// Digest reads beside all writers. What they leave unsealed meanwhile is sealed, and read again once.
func (l *link) Digest(scope string) (*se.Check, error) {
	check, unsealed, err := l.digest(scope)
	if err != nil || !unsealed {
		return check, err
	}
	if _, err := l.r.Seal(l.ctx); err != nil {
		return nil, err
	}
	check, _, err = l.digest(scope)
	return check, err
}

func (l *link) digest(scope string) (check *se.Check, unsealed bool, err error) {
	tx, err := l.r.read.BeginTx(l.ctx, nil)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = tx.Rollback() }()
	return replica.Digest(&port{conn: tx, schema: l.r.schema, ctx: l.ctx}, l.r.schema, scope)
}

// Repair puts the centre's rows where others are held.
func (l *link) Repair(check *se.Check, items []se.DeltaItem, covered []se.Covered) (n int, current bool, err error) {
	err = l.r.update(l.ctx, func(p *port) error {
		n, current, err = replica.Repair(p, l.r.schema, l.r.opts.Clock.Read(), check, items, covered)
		return err
	})
	return n, current, err
}

// Checked keeps how a check ended.
func (l *link) Checked(r se.CheckReport) (out se.CheckReport, err error) {
	err = l.r.update(l.ctx, func(p *port) error {
		out, err = replica.EndCheck(p, r, l.r.opts.Clock.Read().Wall)
		return err
	})
	return out, err
}
