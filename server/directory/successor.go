package directory

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

const auditClosed syncengine.AuditKind = "unit.closed"

// MakeUnit makes an org unit by the rules of an import; with dryRun it only checks. The error is the first thing that is
// wrong with it. Making the same one again changes nothing.
func (d *Directory) MakeUnit(ctx context.Context, u Unit, dryRun bool) error {
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	err := w.WriteAll([][]string{{"code", "name", "level", "parent", "grid_type"}, {u.Code, u.Name, string(u.Level), u.Parent, u.GridType}})
	if err != nil {
		return fmt.Errorf("write unit: %w", err)
	}
	r, err := d.ImportOrg(ctx, &file, dryRun)
	if err == nil && r.Errors > 0 {
		err = messages.Refuse(messages.UnitUnfit, u.Code, r.Findings[0].Text)
	}
	return err
}

// CloseUnit ends a unit and names the one that takes it over, with all assignments to it. ready is asked in the same
// transaction, and nothing happens unless it says so.
func (d *Directory) CloseUnit(ctx context.Context, code, successor string, ready func(context.Context, *sql.Tx) (bool, error)) (closed bool, err error) {
	err = d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		u, err := d.unit(ctx, tx, code)
		if err != nil || u.To != 0 {
			closed = u.To != 0
			return err
		}
		if closed, err = ready(ctx, tx); err != nil || !closed {
			return err
		}
		now := d.millis()
		_, err = tx.ExecContext(ctx, `UPDATE org_unit SET valid_to = $1, successor = $2 WHERE county = $3 AND code = $4`, now, successor, d.county, code)
		_, also := tx.ExecContext(ctx, `UPDATE assignment SET valid_to = $1 WHERE county = $2 AND scope = $3 AND coalesce(valid_to, $1 + 1) > $1`, now, d.county, code)
		return errors.Join(err, also, d.note(ctx, tx, auditClosed, facts{"unit": code, "successor": successor}))
	})
	return closed, err
}

// AssignmentsAt lists the assignments that hold now and cover a unit: to it, or to one above.
func (d *Directory) AssignmentsAt(ctx context.Context, code string) ([]Assignment, error) {
	chain, err := d.Chain(ctx, code)
	if err != nil {
		return nil, err
	}
	above := map[string]bool{}
	for _, u := range chain {
		above[u.Code] = true
	}
	all, err := d.Assignments(ctx, "")
	if err != nil {
		return nil, err
	}
	now := d.millis()
	var out []Assignment
	for _, a := range all {
		if a.Scope != "" && above[a.Scope] && a.Active(now) {
			out = append(out, a)
		}
	}
	return out, nil
}
