package api

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// SQLQueue lists conflicts from the store's tables. It reads only the columns that people and BI tools may read too.
type SQLQueue struct {
	DB     *sql.DB
	County int64
}

// fewUnits is how many units are asked for one by one: a page of them costs the same however much waits in them and
// elsewhere. Of somebody who sees more units than that, most of what waits in the county is his: there it is gone through
// in its order until the page is full.
const fewUnits = 32

// waiting is one entry of a list: its place in the order, and which it is.
type waiting struct {
	at int64 // seq at which a conflict was opened; time at which a changeset was received
	id string
	n  int64
}

func (w waiting) compare(other waiting) int {
	return cmp.Or(cmp.Compare(w.at, other.at), cmp.Compare(w.id, other.id), cmp.Compare(w.n, other.n))
}

// The lists are written out so that each can be read from an index alone: of what waits, or of what has ended.
const (
	conflictsOf    = `SELECT opened, id, 0 FROM conflict WHERE county = $1 AND %s AND scope = $2 AND (opened, id) > ($3, $4) ORDER BY opened, id LIMIT $5`
	conflictsOfAll = `SELECT opened, id, 0 FROM conflict WHERE county = $1 AND %s AND scope || '' IN (SELECT value FROM json_each($2))
		AND (opened, id) > ($3, $4) ORDER BY opened, id LIMIT $5`
	quarantineOf = `SELECT received, device, n FROM quarantine WHERE county = $1 AND %s AND scope = $2 AND $3 IN (0, kind)
		AND (received, device, n) > ($4, $5, $6) ORDER BY received, device, n LIMIT $7`
	quarantineOfAll = `SELECT received, device, n FROM quarantine WHERE county = $1 AND %s AND scope || '' IN (SELECT value FROM json_each($2))
		AND $3 IN (0, kind) AND (received, device, n) > ($4, $5, $6) ORDER BY received, device, n LIMIT $7`
)

// Conflicts implements Queue.
func (q SQLQueue) Conflicts(ctx context.Context, scopes []string, open bool, after string, limit int) ([]string, error) {
	from := waiting{id: after}
	if after != "" {
		err := q.DB.QueryRowContext(ctx, `SELECT opened FROM conflict WHERE county = $1 AND id = $2`, q.County, after).Scan(&from.at)
		if errors.Is(err, sql.ErrNoRows) {
			return []string{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list conflicts: %w", err)
		}
	}
	list, err := q.list(ctx, conflictsOf, conflictsOfAll, scopes, open, limit, from.at, from.id, limit)
	if err != nil {
		return nil, fmt.Errorf("list conflicts: %w", err)
	}
	ids := make([]string, len(list))
	for i, w := range list {
		ids[i] = w.id
	}
	return ids, nil
}

// Open counts the open conflicts of the county, for metrics.
func (q SQLQueue) Open(ctx context.Context) (n int, err error) {
	err = q.DB.QueryRowContext(ctx, `SELECT count(*) FROM conflict WHERE county = $1 AND closed = 0`, q.County).Scan(&n)
	return n, err
}

// Quarantine implements Queue.
func (q SQLQueue) Quarantine(ctx context.Context, scopes []string, open bool, kind syncengine.VerdictKind, after syncengine.WriteID, limit int) ([]syncengine.WriteID, error) {
	from := waiting{id: after.Device, n: after.N}
	if after.Device != "" {
		err := q.DB.QueryRowContext(ctx, `SELECT received FROM quarantine WHERE county = $1 AND device = $2 AND n = $3`, q.County, after.Device, after.N).Scan(&from.at)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list quarantine: %w", err)
		}
	}
	list, err := q.list(ctx, quarantineOf, quarantineOfAll, scopes, open, limit, int64(kind), from.at, from.id, from.n, limit)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	out := make([]syncengine.WriteID, len(list))
	for i, w := range list {
		out[i] = syncengine.WriteID{Device: w.id, N: w.n}
	}
	return out, nil
}

// list gives a page of some units; args are what the statements want behind county and units.
func (q SQLQueue) list(ctx context.Context, ofOne, ofAll string, scopes []string, open bool, limit int, args ...any) ([]waiting, error) {
	state := "closed <> 0"
	if open {
		state = "closed = 0"
	}
	if len(scopes) > fewUnits {
		text, err := json.Marshal(scopes)
		if err != nil {
			return nil, err
		}
		return q.read(ctx, fmt.Sprintf(ofAll, state), append([]any{q.County, string(text)}, args...))
	}
	var all []waiting
	for _, scope := range scopes {
		list, err := q.read(ctx, fmt.Sprintf(ofOne, state), append([]any{q.County, scope}, args...))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, waiting.compare)
	return all[:min(limit, len(all))], nil
}

func (q SQLQueue) read(ctx context.Context, text string, args []any) (out []waiting, err error) {
	rows, err := q.DB.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var w waiting
		if err := rows.Scan(&w.at, &w.id, &w.n); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, rows.Err()
}
