package api_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

func historyOf(table string, id syncengine.RowID, more string) string {
	return fmt.Sprintf("/v1/history/%s/%s%s", table, id, more)
}

// lines gives the writes of an answer, shortened to what tells them apart.
func (r reply) lines() (out []string) {
	for _, x := range r.want(200).get("writes").([]any) {
		m := x.(map[string]any)
		text := ""
		for _, v := range m["values"].([]any) {
			text += v.(map[string]any)["text"].(string)
		}
		get := func(k string) string { s, _ := m[k].(string); return s }
		out = append(out, strings.Join([]string{fmt.Sprint(m["seq"]), get("operation"), get("cell"), text, get("fate"), get("now"), get("base"), get("choice")}, " "))
	}
	return out
}

// Who wrote what, when by which clock, having seen what, and what became of it, newest first and in pages.
func TestHistoryOfACell(t *testing.T) {
	w := peopled(t)
	a, b, id := disputed(w)
	r := w.call("GET", historyOf("dispute", rowID(1), "?column=demands"), "sun", nil)
	require.Equal(t, []string{
		"3 update demands 装隔音板 won stands 1:1 ",
		"2 update demands 赔礼道歉 " + phoneNo + " stands waits 1:1 ",
		"1 insert demands 安静 stands replaced 0:0 ",
	}, r.lines())
	require.Equal(t, []any{"li" + person, "li的手机", "2026-03-02T08:02:00Z", "2026-03-02T08:02:00Z", "2026-03-02T08:02:00Z", b.id},
		[]any{r.get("writes", 0, "author_name"), r.get("writes", 0, "device_label"), r.get("writes", 0, "effective_at"), r.get("writes", 0, "device_clock"),
			r.get("writes", 0, "received_at"), r.get("writes", 0, "id", "device")})

	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", with(with(decision(shown, "set"), "values", map[string]any{"demands": "两样都要"}), "reason", "双方同意")).want(200)
	r = w.call("GET", historyOf("dispute", rowID(1), "?column=demands"), "sun", nil)
	require.Equal(t, []string{"4 decide demands 两样都要 " + " stands 1:3 set", "3 update demands 装隔音板 won replaced 1:1 "}, r.lines()[:2])
	require.Equal(t, "双方同意", r.get("writes", 0, "reason"))

	a.commit(syncengine.Change{Table: "dispute", Row: rowID(1), Op: syncengine.OpUpdate, Cells: []syncengine.CellWrite{{Cell: "parties", In: []string{string(rowID(8)), string(rowID(9))}}}})
	r = w.call("GET", historyOf("dispute", rowID(1), "?limit=1"), "sun", nil)
	require.Equal(t, []string{"5 update parties  combined  0:0 "}, r.lines())
	require.Len(t, r.get("writes", 0, "added"), 2)
	require.Equal(t, 5.0, r.get("next"))
	var all []string
	for before := "0"; before != ""; {
		page := w.call("GET", historyOf("dispute", rowID(1), "?limit=1&before="+before), "sun", nil)
		all = append(all, page.lines()...)
		before = ""
		if next, ok := page.get().(map[string]any)["next"]; ok {
			before = fmt.Sprint(next)
		}
	}
	require.Equal(t, w.call("GET", historyOf("dispute", rowID(1), ""), "sun", nil).lines(), all)

	boss := w.enrol("sun")
	boss.commit(syncengine.Change{Table: "dispute", Row: rowID(1), Op: syncengine.OpDelete, Base: syncengine.Base{Epoch: 1, Seq: 5}})
	r = w.call("GET", historyOf("dispute", rowID(1), ""), "sun", nil)
	require.Equal(t, "6 delete   stands  1:5 ", r.lines()[0])
	require.Len(t, r.lines(), len(all)+1, "what was deleted keeps its past")

	w.call("GET", historyOf("dispute", rowID(1), "?column=no"), "sun", nil).problem(422, "column_not_found")
	w.call("GET", historyOf("disputes", rowID(1), ""), "sun", nil).problem(404, "record_not_found")
	w.call("GET", historyOf("dispute", "x", ""), "sun", nil).problem(404, "record_not_found")
	w.call("GET", historyOf("dispute", rowID(1), ""), "", nil).want(401)
}

// History is under the rights and masks of who asks, those of today, at each place where the record was.
func TestHistoryShowsNoMoreThanTheView(t *testing.T) {
	w := peopled(t)
	a, _, _ := disputed(w)
	r := w.call("GET", historyOf("dispute", rowID(1), ""), "watch", nil).want(200)
	for _, hidden := range []string{"隔音", "赔礼", phoneNo, "噪音", "三号楼", "安静"} {
		require.NotContains(t, r.body, hidden)
	}
	require.Contains(t, r.body, "三**")
	require.NotContains(t, r.body, `"facts"`, "not even that there is such a cell")
	w.call("GET", historyOf("dispute", rowID(1), "?column=facts"), "watch", nil).want(200)
	require.Empty(t, w.call("GET", historyOf("dispute", rowID(1), "?column=facts"), "watch", nil).lines())

	gone := w.call("GET", historyOf("dispute", rowID(7), ""), "zhou", nil).problem(404, "record_not_found")
	his := w.call("GET", historyOf("dispute", rowID(1), ""), "zhou", nil).problem(404, "record_not_found")
	require.Equal(t, gone.body, his.body, "not there and not yours are one answer")
	w.call("GET", historyOf("dispute", rowID(1), ""), "admin", nil).problem(404, "record_not_found")
	require.Contains(t, w.call("GET", historyOf("dispute", rowID(1), ""), a.token().str("token"), nil).want(200).body, "安静", "a device asks as its person")

	// The record moves to the other community: who sees it there does not get what was written before.
	boss := w.enrol("sun")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["sun"], "role": "supervisor", "scope": other}).want(201)
	w.Advance(time.Minute)
	boss.update("dispute", rowID(1), 3, "scope", schema.Text(grid9))
	w.Advance(time.Minute)
	boss.update("dispute", rowID(1), 4, "location", schema.Text("九号楼"))
	require.Equal(t, []string{"5 update location 九号楼 stands stands 1:4 ", "4 update scope " + grid9 + " stands stands 1:3 "},
		w.call("GET", historyOf("dispute", rowID(1), ""), "zhou", nil).lines())
	require.Len(t, w.call("GET", historyOf("dispute", rowID(1), ""), "sun", nil).lines(), len(r.lines())+3, "who works in both sees all; the watcher saw no facts")
	w.call("GET", historyOf("dispute", rowID(1), ""), "watch", nil).problem(404, "record_not_found")
}

// audited lists the audit log's lines of a kind.
func (w *world) audited(kind string) (out []map[string]any) {
	require.NoError(w.t, w.store.View(func(tx syncengine.ReadTx) error {
		log, err := tx.Audit(0, 10_000)
		var prev syncengine.Hash
		for _, e := range log {
			require.Equal(w.t, prev, e.Prev)
			require.Equal(w.t, e.Chain(), e.Hash, "line %d", e.I)
			prev = e.Hash
			what := map[string]any{}
			require.NoError(w.t, json.Unmarshal([]byte(e.What), &what))
			what["who"] = e.Who
			if string(e.Kind) == kind {
				out = append(out, what)
			}
		}
		return err
	}))
	return out
}

// Whoever is shown a sensitive column unmasked is in the audit log before he sees it: who, which rows and columns, and
// why if he said so. Masked and hidden columns, and lists without values, are no reads.
func TestSensitiveReadsAreAudited(t *testing.T) {
	w := peopled(t)
	_, _, id := disputed(w)
	require.Empty(t, w.audited("read"), "a list shows no values")
	w.call("GET", "/v1/conflicts/"+id, "watch", nil).want(200)
	w.call("GET", historyOf("dispute", rowID(1), ""), "watch", nil).want(200)
	require.Empty(t, w.audited("read"), "masked and hidden")
	w.call("GET", historyOf("dispute", rowID(1), "?column=kind_code"), "sun", nil).want(200)
	require.Empty(t, w.audited("read"), "not sensitive")

	w.call("GET", "/v1/conflicts/"+id, "sun", nil, "Doorstep-Reason", "%E5%A4%8D%E6%A0%B8 7").want(200)
	w.call("GET", historyOf("dispute", rowID(1), "?column=demands"), "sun", nil).want(200)
	read := func(columns ...any) []any {
		return []any{map[string]any{"record": "dispute", "row": string(rowID(1)), "columns": columns}}
	}
	require.Equal(t, []map[string]any{
		{"who": w.ids["sun"], "operation": "conflict-show", "rows": read("demands", "facts"), "reason": "复核 7"},
		{"who": w.ids["sun"], "operation": "history", "rows": read("demands")},
	}, w.audited("read"))
	for _, secret := range []string{"赔礼", phoneNo, person} {
		require.NoError(t, w.store.View(func(tx syncengine.ReadTx) error {
			log, err := tx.Audit(0, 10_000)
			require.NotContains(t, fmt.Sprint(log), secret)
			return err
		}))
	}
	// What is done is there too.
	require.Len(t, w.audited("login"), 6)
	require.Len(t, w.audited("assignment.created"), 6)
	require.Equal(t, w.ids["admin"], w.audited("assignment.created")[1]["who"])
	require.NotEmpty(t, w.audited("device.enrolled"))
	require.NotEmpty(t, w.audited("code.created"))
	require.Equal(t, 1, len(w.audited("units.imported")))

	// When the log cannot be written nothing is shown.
	require.NoError(t, w.store.WithTx(ctx, func(tx *sql.Tx) error { _, err := tx.Exec("DROP TABLE audit"); return err }))
	require.NotContains(t, w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(500).body, "隔音")
	w.call("GET", "/v1/conflicts/"+id, "watch", nil).want(200)
}
