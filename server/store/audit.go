package store

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/server/auditlog"
	"github.com/doorstep-sync/doorstep/syncengine"
)

func toAudit(r row) syncengine.AuditEvent {
	return syncengine.AuditEvent{
		I: r.int(0), At: r.int(1), Kind: syncengine.AuditKind(r.str(2)), Who: r.str(3), Device: r.str(4), What: r.str(5),
		Prev: toHash(r.blob(6)), Hash: toHash(r.blob(7)),
	}
}

// Audit implements syncengine.ReadTx.
func (t *readTx) Audit(after int64, limit int) (out []syncengine.AuditEvent, err error) {
	err = t.query(func(r row) error { out = append(out, toAudit(r)); return nil }, auditlog.List, t.s.county, after, int64(max(limit, 0)))
	return out, err
}

// LastAudit implements syncengine.ReadTx.
func (t *readTx) LastAudit() (last *syncengine.AuditEvent, err error) {
	_, err = t.one(func(r row) error { x := toAudit(r); last = &x; return nil }, auditlog.Last, t.s.county)
	return last, err
}

// AppendAudit implements syncengine.Tx.
func (t *tx) AppendAudit(e syncengine.AuditEvent) error {
	last, err := t.LastAudit()
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	e = syncengine.AuditLink(last, e)
	if err := t.exec(auditlog.Insert, t.s.county, e.I, e.At, string(e.Kind), e.Who, e.Device, e.What, e.Prev[:], e.Hash[:]); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	return nil
}
