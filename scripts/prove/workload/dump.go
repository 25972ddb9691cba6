package workload

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// Dump gives a hash over all rows of each record type that has any, every column that is captured or sent. Two
// replicas of the same grants, and the centre's typed tables (prefix "rec_"), must agree; with scopes, on the rows there.
func Dump(q Querier, s *schema.Schema, prefix string, scopes ...string) (map[string]string, error) {
	where := ""
	if len(scopes) > 0 {
		where = ` WHERE "scope" IN ('` + strings.Join(scopes, "', '") + `')`
	}
	out := map[string]string{}
	for _, t := range s.Tables {
		columns := []string{`quote("id")`}
		for _, cell := range t.Cells {
			for _, c := range cell.Columns {
				if !cell.Derived {
					columns = append(columns, `quote("`+c.Name+`")`)
				}
			}
		}
		rows, sum := 0, sha256.New()
		err := q.Each(func(r *sql.Rows) error {
			var line string
			rows++
			err := r.Scan(&line)
			fmt.Fprintln(sum, line)
			return err
		}, `SELECT `+strings.Join(columns, ` || '|' || `)+` FROM "`+prefix+t.Name+`"`+where+` ORDER BY "id"`)
		if err != nil {
			return nil, err
		}
		if rows > 0 {
			out[t.Name] = fmt.Sprintf("%d rows %x", rows, sum.Sum(nil)[:8])
		}
	}
	return out, nil
}
