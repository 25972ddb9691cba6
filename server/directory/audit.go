package directory

import (
	"context"
	"database/sql"

	"github.com/doorstep-sync/doorstep/server/auditlog"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// What the directory writes into the audit log, in the transaction of the change itself.
const (
	auditAccount    syncengine.AuditKind = "account.created"
	auditRenamed    syncengine.AuditKind = "account.renamed"
	auditDisabled   syncengine.AuditKind = "account.disabled"
	auditPassword   syncengine.AuditKind = "account.password"
	auditLogin      syncengine.AuditKind = "login"
	auditLocked     syncengine.AuditKind = "login.locked"
	auditAssigned   syncengine.AuditKind = "assignment.created"
	auditDoors      syncengine.AuditKind = "assignment.doors"
	auditUnassigned syncengine.AuditKind = "assignment.ended"
	auditUnits      syncengine.AuditKind = "units.imported"
	auditCode       syncengine.AuditKind = "code.created"
	auditDevice     syncengine.AuditKind = "device.enrolled"
	auditRevoked    syncengine.AuditKind = "device.revoked"
	auditSnapshot   syncengine.AuditKind = "device.resnapshot"
)

// facts are what a line of the audit log tells: ids, codes and numbers, no names of people.
type facts = map[string]any

type actor struct{}

// By says who asks for what is done with the context, for the audit log.
func By(ctx context.Context, account string) context.Context {
	return context.WithValue(ctx, actor{}, account)
}

// note adds a line to the audit log, in the transaction q.
func (d *Directory) note(ctx context.Context, q auditlog.Tx, kind syncengine.AuditKind, what facts) error {
	who, _ := ctx.Value(actor{}).(string)
	return auditlog.Append(ctx, q, d.county, syncengine.AuditEvent{At: d.millis(), Kind: kind, Who: who, What: syncengine.AuditWhat(what)})
}

// Note adds a line to the audit log in a transaction of its own, durable on return. device is what it was done with, ""
// for none.
func (d *Directory) Note(ctx context.Context, kind syncengine.AuditKind, device string, what map[string]any) error {
	who, _ := ctx.Value(actor{}).(string)
	return d.db.WithTx(ctx, func(tx *sql.Tx) error {
		return auditlog.Append(ctx, tx, d.county, syncengine.AuditEvent{At: d.millis(), Kind: kind, Who: who, Device: device, What: syncengine.AuditWhat(what)})
	})
}

// codes lists the codes of units.
func codes(units []Unit) []string {
	out := make([]string, len(units))
	for i, u := range units {
		out[i] = u.Code
	}
	return out
}
