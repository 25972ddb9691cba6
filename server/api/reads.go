package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// auditRead is the kind of the audit log's lines about what people saw.
const auditRead syncengine.AuditKind = "read"

// reads collects which sensitive columns one request shows unmasked. route writes it into the audit log before the
// answer goes out, so every operation that renders values with a painter is covered.
type reads struct {
	rows    []syncengine.RowKey
	columns map[syncengine.RowKey][]string
}

func (r *reads) saw(table string, row syncengine.RowID, col *schema.Column) {
	if r == nil || col.Sensitivity < schema.SensitiveFrom {
		return
	}
	k := syncengine.RowKey{Table: table, Row: row}
	if r.columns == nil {
		r.columns = map[syncengine.RowKey][]string{}
	}
	list, known := r.columns[k]
	if !known {
		r.rows = append(r.rows, k)
	}
	if !slices.Contains(list, col.Name) {
		r.columns[k] = append(list, col.Name)
	}
}

// ReasonHeader says why a person reads, percent-encoded UTF-8 of at most maxReason characters.
const ReasonHeader = "Doorstep-Reason"

const maxReason = 200

// reason reads the header; what is not in its form is no reason.
func reason(h http.Header) string {
	text, err := url.PathUnescape(h.Get(ReasonHeader))
	if err != nil || !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxReason {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}

// audit writes what a request showed. What cannot be noted is not shown.
func (a *API) audit(ctx context.Context, operation string, r *reads) error {
	if len(r.rows) == 0 {
		return nil
	}
	list := make([]map[string]any, len(r.rows))
	for i, k := range r.rows {
		slices.Sort(r.columns[k])
		list[i] = map[string]any{"record": k.Table, "row": string(k.Row), "columns": r.columns[k]}
	}
	what := map[string]any{"operation": operation, "rows": list}
	if why, _ := ctx.Value(keyReason).(string); why != "" {
		what["reason"] = why
	}
	c, _ := ctx.Value(keyCaller).(caller)
	return a.Directory.Note(ctx, auditRead, c.Device, what)
}
