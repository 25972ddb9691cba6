package api

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// SQLQueue lists conflicts from the store's table. It reads only the columns that people and BI tools may read too.
type SQLQueue struct {
	DB     *sql.DB
	County int64
}

// Conflicts implements Queue.
func (q SQLQueue) Conflicts(ctx context.Context, scopes []string, open bool, after string, limit int) ([]string, error) {
	list, err := json.Marshal(scopes)
	if err != nil {
		return nil, fmt.Errorf("list conflicts: %w", err)
	}
	rows, err := q.DB.QueryContext(ctx, `SELECT id FROM conflict WHERE county = $1 AND scope IN (SELECT value FROM json_each($2))
		AND (closed = 0) = $3 AND ($4 = '' OR (opened, id) > (SELECT opened, id FROM conflict WHERE county = $1 AND id = $4))
		ORDER BY opened, id LIMIT $5`, q.County, string(list), open, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list conflicts: %w", err)
	}
	defer rows.Close()
	ids := []string{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list conflicts: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Open counts the open conflicts of the county, for metrics.
func (q SQLQueue) Open(ctx context.Context) (n int, err error) {
	err = q.DB.QueryRowContext(ctx, `SELECT count(*) FROM conflict WHERE county = $1 AND closed = 0`, q.County).Scan(&n)
	return n, err
}

// Quarantine implements Queue.
func (q SQLQueue) Quarantine(ctx context.Context, scopes []string, open bool, kind syncengine.VerdictKind, after syncengine.WriteID, limit int) ([]syncengine.WriteID, error) {
	list, err := json.Marshal(scopes)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	rows, err := q.DB.QueryContext(ctx, `SELECT device, n FROM quarantine WHERE county = $1 AND scope IN (SELECT value FROM json_each($2))
		AND (closed = 0) = $3 AND ($4 = 0 OR kind = $4)
		AND ($5 = '' OR (received, device, n) > (SELECT received, device, n FROM quarantine WHERE county = $1 AND device = $5 AND n = $6))
		ORDER BY received, device, n LIMIT $7`, q.County, string(list), open, int64(kind), after.Device, after.N, limit)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	defer rows.Close()
	var out []syncengine.WriteID
	for rows.Next() {
		var id syncengine.WriteID
		if err := rows.Scan(&id.Device, &id.N); err != nil {
			return nil, fmt.Errorf("list quarantine: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
