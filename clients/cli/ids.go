package cli

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// idStart is what may begin an id. Nothing in it sorts after "g".
var idStart = regexp.MustCompile(`^[0-9a-f][0-9a-f-]{0,35}$`)

// row finds the one row whose id begins as a person typed it.
func (a *app) row(ctx context.Context, r *device.Replica, t *schema.Table, typed string) (se.RowID, error) {
	id := strings.ToLower(strings.TrimSpace(typed))
	if !idStart.MatchString(id) {
		return "", wrong("id_form", clean(typed))
	}
	if schema.IsUUID(id) {
		return se.RowID(id), nil
	}
	rows, err := r.Query(ctx, `SELECT "id" FROM "`+t.Name+`" WHERE "id" >= ?1 AND "id" < ?1 || 'g' LIMIT 2`, id)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var found []se.RowID
	for rows.Next() {
		var x se.RowID
		if err := rows.Scan(&x); err != nil {
			return "", err
		}
		found = append(found, x)
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", wrong("id_unknown", a.label(t.Label), id)
	case 1:
		return found[0], nil
	}
	return "", wrong("id_ambiguous", a.label(t.Label), id)
}

// reference makes whole ids of what a person typed into a ref column, or a set of refs.
func (a *app) reference(ctx context.Context, r *device.Replica, c *schema.Column, text string) (string, error) {
	to := r.Schema().Table(c.Ref)
	if to == nil || text == "" {
		return text, nil
	}
	if c.Type != schema.TypeSet {
		id, err := a.refer(ctx, r, c, to, text)
		return string(id), err
	}
	list, ok := elements(text)
	if !ok {
		return text, nil // parse says what is wrong
	}
	for i := range list {
		id, err := a.refer(ctx, r, c, to, list[i])
		if err != nil {
			return "", err
		}
		list[i] = string(id)
	}
	return schema.FormatSet(list), nil
}

// refer finds the row that a reference names. A whole id that this device does not hold passes, the centre may; one
// that it holds as another record type is a slip.
func (a *app) refer(ctx context.Context, r *device.Replica, c *schema.Column, to *schema.Table, typed string) (se.RowID, error) {
	id, err := a.row(ctx, r, to, typed)
	if f := (*fault)(nil); err != nil && (!errors.As(err, &f) || f.code != "id_unknown") {
		return id, err
	}
	start := strings.ToLower(strings.TrimSpace(typed))
	if err == nil {
		var there bool
		if e := r.QueryRow(ctx, `SELECT EXISTS(SELECT 1 FROM "`+to.Name+`" WHERE "id" = ?)`, string(id)).Scan(&there); e != nil || there {
			return id, e
		}
	}
	for _, t := range r.Schema().Tables {
		var there bool
		if e := r.QueryRow(ctx, `SELECT EXISTS(SELECT 1 FROM "`+t.Name+`" WHERE "id" >= ?1 AND "id" < ?1 || 'g')`, start).Scan(&there); e != nil {
			return id, e
		}
		if there {
			return id, wrong("ref_other_type", c.Name, a.label(to.Label), start, a.label(t.Label))
		}
	}
	return id, err
}

// brief gives the shortest beginning of an id, 8 characters at least, that no other row of the record type shares.
func brief(ctx context.Context, r *device.Replica, t *schema.Table, id se.RowID) (string, error) {
	n := 8
	for _, q := range []string{`max("id") FROM "` + t.Name + `" WHERE "id" < ?`, `min("id") FROM "` + t.Name + `" WHERE "id" > ?`} {
		var other *string
		if err := r.QueryRow(ctx, "SELECT "+q, string(id)).Scan(&other); err != nil {
			return "", err
		}
		if other != nil {
			n = max(n, shared(string(id), *other)+1)
		}
	}
	if n < len(id) && id[n-1] == '-' {
		n++
	}
	return string(id[:min(n, len(id))]), nil
}

func shared(x, y string) int {
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}
