package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// What is not one's own and what is not there get one answer, to the letter: conflicts, refused work, decisions on both,
// and the history of records, dead ones and such as lie in a stranger's quarantine; to supervisors and to phones (S23).
func TestNotYoursIsNotThere(t *testing.T) {
	w := peopled(t)
	p, q, conflict := disputed(w)
	far := w.enrolled("far", grid9)
	w.tokens["far"] = far.token().want(200).str("token")
	p.insert("dispute", grid1, rowID(3), map[string][]schema.Value{"kind_code": {schema.Text("neighbour")}, "facts": {schema.Text("漏水")}})
	boss := w.enrol("sun")
	boss.commit(syncengine.Change{Table: "dispute", Row: rowID(3), Op: syncengine.OpDelete, Base: syncengine.Base{Epoch: 1, Seq: w.seq()}})
	refused := p.refusedAt(grid1+"x", rowID(4))
	there := map[string]string{
		"GET /v1/conflicts/" + conflict:                            "GET /v1/conflicts/1-999",
		"POST /v1/conflicts/" + conflict + "/decision":             "POST /v1/conflicts/1-999/decision",
		"GET " + refused:                                           "GET /v1/quarantine/" + p.id + "/999",
		"GET " + refused + "/export":                               "GET /v1/quarantine/" + string(rowID(777)) + "/1/export",
		"POST " + refused + "/decision":                            "POST /v1/quarantine/" + p.id + "/999/decision",
		"GET " + historyOf("dispute", rowID(1), ""):                "GET " + historyOf("dispute", rowID(999), ""),
		"GET " + historyOf("dispute", rowID(1), "?column=demands"): "GET " + historyOf("dispute", rowID(999), "?column=demands"),
		"GET " + historyOf("dispute", rowID(3), ""):                "GET " + historyOf("dispute", rowID(999), ""),
		"GET " + historyOf("hazard", rowID(4), ""):                 "GET " + historyOf("hazard", rowID(999), ""),
	}
	body := func(path string) any {
		switch {
		case strings.HasPrefix(path, "GET"):
			return nil
		case strings.Contains(path, "conflicts"):
			return map[string]any{"choice": "keep", "epoch": 1, "read_at": 1, "shown": []any{map[string]any{"device": p.id, "n": 1}}, "reason": "x"}
		}
		return map[string]any{"choice": "dismiss", "reason": "x"}
	}
	ask := func(call, who string) (int, string, string) {
		method, path, _ := strings.Cut(call, " ")
		r := w.call(method, path, who, body(call))
		text := r.body
		for _, word := range []string{path, string(rowID(1)), string(rowID(3)), string(rowID(4)), string(rowID(999)), string(rowID(777)), conflict, "1-999", p.id} {
			text = strings.ReplaceAll(text, word, "…")
		}
		return r.status, text, r.header.Get("Content-Type")
	}
	hidden := 0
	for _, who := range []string{"zhou", "far"} {
		for real, made := range there {
			s1, b1, h1 := ask(real, who)
			s2, b2, h2 := ask(made, who)
			require.Equal(t, []any{s2, b2, h2}, []any{s1, b1, h1}, "%s asks %s", who, real)
			for _, word := range []string{"噪音", "安静", "赔礼", "三号楼", phoneNo, "漏水"} {
				require.NotContains(t, b1, word)
			}
		}
	}
	// In one's own unit too, where the role sees nothing of the record type.
	v := p.insert("hazard", grid1, rowID(5), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text("漏水")}})
	p.update("hazard", rowID(5), v.Seq, "description", schema.Text("漏水，已垫高"))
	q.update("hazard", rowID(5), v.Seq, "description", schema.Text("漏水不止"))
	hazard := w.call("GET", "/v1/conflicts?scope="+grid1, "sun", nil).want(200)
	for i := range hazard.get("conflicts").([]any) {
		if id := hazard.str("conflicts", i, "id"); id != conflict {
			s1, b1, _ := ask("GET /v1/conflicts/"+id, "watch")
			s2, b2, _ := ask("GET /v1/conflicts/1-999", "watch")
			require.Equal(t, []any{s2, b2}, []any{s1, strings.ReplaceAll(b1, id, "…")})
			hidden++
		}
	}
	require.Equal(t, 1, hidden)
	status, text, _ := ask("GET /v1/conflicts/"+conflict, "sun")
	require.Equal(t, 200, status, text)
	require.Contains(t, text, "赔礼")
}

// seq is the county's head.
func (w *world) seq() (seq int64) {
	require.NoError(w.t, w.store.View(func(tx syncengine.ReadTx) error {
		h, err := tx.Head()
		seq = h.Seq
		return err
	}))
	return seq
}

// Nothing that the interface answers is a page: a browser that is led here runs no word of what people typed (S15).
func TestNoAnswerIsAPage(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	const payload = `<script>alert(1)</script><img src=x onerror=alert(1)>`
	p.insert("hazard", grid1, rowID(1), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text(payload)}})
	paths := []string{"/", "/docs", "/openapi.json", "/index.html", "/v1/" + payload, "/v1/conflicts/" + payload, historyOf("hazard", rowID(1), ""), historyOf(payload, rowID(1), "")}
	for path, ops := range openAPI(t)["paths"].(map[string]any) {
		if _, get := ops.(map[string]any)["get"]; get {
			paths = append(paths, strings.NewReplacer("{", "", "}", "").Replace(path))
		}
	}
	require.Greater(t, len(paths), 20)
	for _, path := range paths {
		for _, who := range []string{"", "sun", "admin"} {
			r := w.call("GET", strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20").Replace(path), who, nil, "Accept", "text/html, image/svg+xml, application/xml")
			require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"), path)
			kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
			if r.body != "" {
				require.Contains(t, []string{"application/json", "application/problem+json", "application/openapi+json"}, kind, path)
			}
		}
	}
	require.Contains(t, w.call("GET", historyOf("hazard", rowID(1), ""), "sun", nil).want(200).body, "onerror", "as a value, for whoever shows it to escape")
}

func openAPI(t *testing.T) (doc map[string]any) {
	t.Helper()
	text, err := api.OpenAPI(false)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &doc))
	return doc
}

// A body that is far too long, far too deep or packed costs its sender an error and the centre next to nothing (S7).
func TestBombsThroughREST(t *testing.T) {
	w := peopled(t)
	send := func(path, who, encoding string, length int64, body io.Reader) int {
		req, err := http.NewRequest(http.MethodPost, w.http.URL+path, body)
		require.NoError(t, err)
		req.ContentLength = length
		req.Header.Set("Content-Type", "application/json")
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		if who != "" {
			req.Header.Set("Authorization", "Bearer "+w.tokens[who])
		}
		resp, err := w.http.Client().Do(req)
		if err != nil {
			return 413 // it was cut off while it still sent
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	deep := strings.Repeat(`{"login":`, 10_000)
	list := strings.Repeat("[", 10_000)
	long := `{"login":"` + strings.Repeat("a", 8<<20) + `"}`
	var before, after runtime.MemStats
	most := uint64(0)
	for _, path := range []string{"/v1/login", "/v1/enrol", "/v1/token/challenge", "/v1/devices/fork", "/v1/accounts", "/v1/codes", "/v1/territory/plans"} {
		for name, x := range map[string]struct {
			encoding, body string
			length         int64
		}{
			"10,000 objects deep": {"", deep, int64(len(deep))}, "10,000 lists deep": {"", list, int64(len(list))}, "8 MB": {"", long, int64(len(long))},
			"8 MB without a length": {"", long, -1}, "said to be gzip": {"gzip", "\x1f\x8b\x08\x00\x00", 5}, "deflated": {"deflate", deep, int64(len(deep))},
		} {
			runtime.ReadMemStats(&before)
			status := send(path, "admin", x.encoding, x.length, strings.NewReader(x.body))
			require.GreaterOrEqual(t, status, 400, "%s: %s", path, name)
			require.Less(t, status, 500, "%s: %s", path, name)
			if len(x.body) > 1<<20 {
				require.Equal(t, http.StatusRequestEntityTooLarge, status, "%s: %s", path, name)
			}
			runtime.ReadMemStats(&after)
			most = max(most, after.TotalAlloc-before.TotalAlloc)
		}
	}
	t.Logf("%d KiB for the dearest, its sender included", most>>10)
	require.Less(t, most, uint64(64<<20))
	require.NotContains(t, w.log.String(), "panicked")
	w.call("POST", "/v1/login", "", map[string]string{"login": "sun", "password": password}).want(200)
}
