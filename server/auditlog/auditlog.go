// Package auditlog writes the audit log for whoever works with database/sql: the directory of people, and the REST
// interface when somebody reads what is sensitive. The engine writes its own lines over syncengine.Tx; both make one
// chain (syncengine.AuditLink).
package auditlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

const columns = "i, at, kind, who, device, what, prev, hash"

// The statements on table audit; the county is the first argument of each.
const (
	Last   = "SELECT " + columns + " FROM audit WHERE county = $1 ORDER BY i DESC LIMIT 1"
	List   = "SELECT " + columns + " FROM audit WHERE county = $1 AND i > $2 ORDER BY i LIMIT $3"
	Insert = "INSERT INTO audit (county, " + columns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)

// Tx is the part of a transaction (*sql.Tx) that Append needs.
type Tx interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Append adds an event as the next line of the county's log, in tx.
func Append(ctx context.Context, tx Tx, county int64, e syncengine.AuditEvent) error {
	var last syncengine.AuditEvent
	var prev, hash []byte
	before := &last
	err := tx.QueryRowContext(ctx, Last, county).Scan(&last.I, &last.At, &last.Kind, &last.Who, &last.Device, &last.What, &prev, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		before, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	copy(last.Hash[:], hash)
	e = syncengine.AuditLink(before, e)
	if _, err := tx.ExecContext(ctx, Insert, county, e.I, e.At, string(e.Kind), e.Who, e.Device, e.What, e.Prev[:], e.Hash[:]); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	return nil
}
