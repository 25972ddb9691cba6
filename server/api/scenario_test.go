package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScenarios(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	w.tokens["device"] = p.token().want(200).str("token")
	list := w.call("GET", "/v1/assignments?account="+w.ids["wang"], "admin", nil).want(200)
	assignment := list.str("assignments", 0, "id")
	adminAssignment := w.call("GET", "/v1/assignments?account="+w.ids["admin"], "admin", nil).str("assignments", 0, "id")
	admin := w.ids["admin"]
	long := strings.Repeat("x", 300<<10)

	for _, c := range []struct {
		name, method, url, token, body string
		status                         int
		must, mustNot                  string
	}{
		{"who am I", "GET", "/v1/me", "sun", "", 200, `"console":true`, `"admin":true`},
		{"a device may ask too", "GET", "/v1/me", "device", "", 200, `"login":"wang"`, "password\":\""},
		{"no token", "GET", "/v1/me", "", "", 401, "token_missing", ""},
		{"bad token", "GET", "/v1/me", "x.y.z", "", 401, "token_invalid", ""},
		{"token in the query", "GET", "/v1/me?token=abc", "sun", "", 400, "token_in_url", "abc"},
		{"token in the query of a path without route", "GET", "/nothing?access_token=abc", "", "", 400, "token_in_url", "abc"},
		{"no such path", "GET", "/v1/nothing", "", "", 404, "no_such_path", ""},
		{"no docs page", "GET", "/docs", "", "", 404, "no_such_path", "script"},
		{"wrong method", "DELETE", "/v1/org", "admin", "", 405, "method_not_allowed", ""},
		{"OpenAPI 3.1", "GET", "/openapi.json", "", "", 200, `"openapi":"3.1.0"`, ""},
		{"OpenAPI as YAML", "GET", "/openapi.yaml", "", "", 200, "openapi: 3.1.0", ""},
		{"OpenAPI 3.0", "GET", "/openapi-3.0.json", "", "", 200, `"openapi":"3.0.3"`, ""},
		{"schema", "GET", "/v1/schema", "device", "", 200, "矛盾纠纷", ""},

		{"not JSON", "POST", "/v1/login", "", "{", 400, "bad_request", "unexpected end"},
		{"no body", "POST", "/v1/login", "", "", 400, "请求缺少内容", ""},
		{"missing field", "POST", "/v1/login", "", `{"login":"x"}`, 422, "缺少“password”", ""},
		{"unknown field", "POST", "/v1/login", "", `{"login":"x","password":"secret-value","role":"admin"}`, 422, "没有这一项", "secret-value"},
		{"wrong type", "POST", "/v1/login", "", `{"login":1,"password":"x"}`, 422, "应为文字", ""},
		{"too long a field", "POST", "/v1/login", "", `{"login":"` + strings.Repeat("x", 65) + `","password":"x"}`, 422, "至多 64 个字符", "xxxx"},
		{"too large a body", "POST", "/v1/login", "", `{"login":"` + long + `"}`, 413, "请求内容太大", "xxxx"},
		{"deep JSON", "POST", "/v1/login", "", strings.Repeat("[", 100_000), 400, "bad_request", ""},
		{"unknown query parameter", "GET", "/v1/org?paren=3701", "admin", "", 422, "没有这个查询参数", ""},
		{"wrong password", "POST", "/v1/login", "", `{"login":"wang","password":"wrong-canary"}`, 401, "login_wrong", "wrong-canary"},
		{"second bootstrap", "POST", "/v1/bootstrap", "", `{"code":"00000-00000","login":"evil","name":"x","password":"long enough password"}`, 409, "bootstrap_done", ""},

		{"org for a worker", "GET", "/v1/org?parent=" + wanghe, "wang", "", 200, grid1, grid9},
		{"org pages", "GET", "/v1/org?level=street&limit=2", "admin", "", 200, `"next":"`, ""},
		{"unknown level", "GET", "/v1/org?level=village", "admin", "", 422, "应为其中之一", ""},
		{"limit too large", "GET", "/v1/org?limit=5000", "admin", "", 422, "不得大于 1000", ""},
		{"limit not a number", "GET", "/v1/org?limit=x", "admin", "", 422, "应为整数", ""},
		{"org unit with its path", "GET", "/v1/org/" + grid1, "sun", "", 200, `"name":"崔寨街道"`, ""},
		{"no such unit", "GET", "/v1/org/999", "sun", "", 404, "unit_not_found", ""},

		{"accounts for a worker", "GET", "/v1/accounts", "wang", "", 403, "admin_only", "login"},
		{"accounts for a supervisor", "GET", "/v1/accounts", "sun", "", 403, "admin_only", "login"},
		{"accounts for a device", "GET", "/v1/accounts", "device", "", 401, "token_invalid", ""},
		{"accounts", "GET", "/v1/accounts?limit=2", "admin", "", 200, `"next":"li"`, "argon2"},
		{"account by login", "GET", "/v1/accounts?login=SUN", "admin", "", 200, w.ids["sun"], "argon2"},
		{"no such login", "GET", "/v1/accounts?login=nobody", "admin", "", 404, "account_not_found", ""},
		{"taken login", "POST", "/v1/accounts", "admin", `{"login":"Sun","name":"x"}`, 409, "login_taken", ""},
		{"bad login", "POST", "/v1/accounts", "admin", `{"login":"a b","name":"x"}`, 422, "login_shape", ""},
		{"short password", "POST", "/v1/accounts", "admin", `{"login":"ab","name":"x","password":"short"}`, 422, "至少 10 个字符", `"short"`},
		{"account by a supervisor", "POST", "/v1/accounts", "sun", `{"login":"ab","name":"x"}`, 403, "admin_only", ""},
		{"disable the last administrator", "POST", "/v1/accounts/" + admin + "/disable", "admin", "", 409, "last_admin", ""},
		{"disable nobody", "POST", "/v1/accounts/x/disable", "admin", "", 404, "account_not_found", ""},
		{"password by a worker", "POST", "/v1/accounts/" + admin + "/password", "wang", `{"password":"long enough password"}`, 403, "admin_only", ""},

		{"role unknown", "POST", "/v1/assignments", "admin", `{"account":"` + admin + `","role":"king","scope":"` + wanghe + `"}`, 422, "supervisor", ""},
		{"scope unknown", "POST", "/v1/assignments", "admin", `{"account":"` + admin + `","role":"supervisor","scope":"999"}`, 404, "unit_not_found", ""},
		{"door invalid", "POST", "/v1/assignments", "admin", `{"account":"` + admin + `","role":"steward","scope":"` + grid1 + `","doors":["1-2-301"]}`, 422, "door_invalid", ""},
		{"date invalid", "POST", "/v1/assignments", "admin", `{"account":"` + admin + `","role":"supervisor","scope":"` + wanghe + `","to":"tomorrow"}`, 422, "bad_request", ""},
		{"raise oneself", "POST", "/v1/assignments", "wang", `{"account":"` + w.ids["wang"] + `","role":"admin"}`, 403, "admin_only", ""},
		{"assignments for a worker", "GET", "/v1/assignments", "wang", "", 403, "admin_only", ""},
		{"end by a worker", "POST", "/v1/assignments/" + assignment + "/end", "wang", "", 403, "admin_only", ""},
		{"end the last administrator", "POST", "/v1/assignments/" + adminAssignment + "/end", "admin", "", 409, "last_admin", ""},
		{"end nothing", "POST", "/v1/assignments/x/end", "admin", "", 404, "assignment_not_found", ""},

		{"devices for a supervisor", "GET", "/v1/devices", "sun", "", 403, "admin_only", ""},
		{"devices", "GET", "/v1/devices?account=" + w.ids["wang"], "admin", "", 200, p.id, "public_key"},
		{"revoke by a worker", "POST", "/v1/devices/" + p.id + "/revoke", "wang", "", 403, "admin_only", ""},
		{"revoke nothing", "POST", "/v1/devices/x/revoke", "admin", "", 404, "device_not_found", ""},
		{"code by a supervisor", "POST", "/v1/codes", "sun", `{"account":"` + admin + `"}`, 403, "admin_only", ""},
		{"code for nobody", "POST", "/v1/codes", "admin", `{"account":"x"}`, 404, "account_not_found", ""},
		{"enrol with a guess", "POST", "/v1/enrol", "", `{"code":"AAAAA-AAAAA","public_key":"AAAA","proof":"AAAA","label":"x"}`, 422, "public_key_invalid", ""},
		{"challenge for nonsense", "POST", "/v1/token/challenge", "", `{"device":"x"}`, 401, "signature_invalid", ""},
		{"challenge for a device that is not there", "POST", "/v1/token/challenge", "", `{"device":"0190163d-8694-739b-aea5-966c26f8ad90"}`, 200, "challenge", ""},

		{"staffing for an administrator", "GET", "/v1/staffing?scope=370115", "admin", "", 200, `"flagged":2`, ""},
		{"staffing for a supervisor", "GET", "/v1/staffing", "sun", "", 200, `"flagged":1`, grid9},
		{"staffing for a worker", "GET", "/v1/staffing", "wang", "", 403, "console_only", ""},
		{"staffing nowhere", "GET", "/v1/staffing?scope=999", "admin", "", 404, "unit_not_found", ""},

		{"conflicts for a worker", "GET", "/v1/conflicts", "wang", "", 403, "console_only", ""},
		{"conflicts for an administrator, who sees no records", "GET", "/v1/conflicts", "admin", "", 403, "console_only", ""},
		{"no conflict yet", "GET", "/v1/conflicts", "sun", "", 200, `"conflicts":[]`, ""},
		{"no such conflict", "GET", "/v1/conflicts/1-1", "sun", "", 404, "conflict_not_found", ""},
		{"no such status", "GET", "/v1/conflicts?status=lost", "sun", "", 422, "应为其中之一", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.send(c.method, c.url, c.token, "application/json", c.body).want(c.status)
			require.Contains(t, r.body, c.must)
			if c.mustNot != "" {
				require.NotContains(t, r.body, c.mustNot)
			}
			if c.status >= 400 {
				require.Equal(t, "application/problem+json", r.header.Get("Content-Type"))
				require.NotContains(t, r.body, "%!")
				en := w.send(c.method, c.url, c.token, "application/json", c.body, "Accept-Language", "en").want(c.status)
				require.Regexp(t, `"detail":"[\x20-\x7e“”]+"`, en.body, "in English too")
				require.Equal(t, "en", en.header.Get("Content-Language"))
			}
			require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
		})
	}
}

// A steward without doors sees nothing: that is said, and doors can be given afterwards.
func TestDoorsOfAnAssignment(t *testing.T) {
	w := peopled(t)
	give := func(login string, more ...string) reply {
		in := map[string]any{"account": w.ids[login], "role": "steward", "scope": grid1}
		if more != nil {
			in["doors"] = more
		}
		return w.call("POST", "/v1/assignments", "admin", in, "Accept-Language", "en")
	}
	r := give("wang").want(201)
	require.Equal(t, []any{"No doors yet: this person sees nothing until doors are given."}, r.get("notes"))
	require.NotContains(t, give("li", string(rowID(1))).want(201).body, "notes")
	again := give("wang", string(rowID(1))).problem(409, "already_assigned")
	require.Contains(t, again.body, r.str("id"), "it names the assignment to change")
	url := "/v1/assignments/" + r.str("id")
	r = w.call("POST", url+"/doors", "admin", map[string]any{"doors": []string{string(rowID(2)), string(rowID(1)), string(rowID(2))}}).want(200)
	require.Equal(t, []any{string(rowID(1)), string(rowID(2))}, r.get("doors"))
	require.NotContains(t, r.body, "notes")
	rights, err := w.dir.Rights(ctx, w.ids["wang"])
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(rights.Assignments), rowID(2))
	require.Contains(t, w.call("POST", url+"/doors", "admin", map[string]any{"doors": []string{}}).want(200).str("notes", 0), "什么也看不到")
	w.call("POST", url+"/doors", "admin", map[string]any{"doors": []string{"1-302"}}).problem(422, "door_invalid")
	w.call("POST", url+"/doors", "admin", map[string]any{}).problem(422, "bad_request")
	w.call("POST", url+"/doors", "sun", map[string]any{"doors": []string{}}).problem(403, "admin_only")
	w.call("POST", "/v1/assignments/none/doors", "admin", map[string]any{"doors": []string{}}).problem(404, "assignment_not_found")
	suns := w.call("GET", "/v1/assignments?account="+w.ids["sun"], "admin", nil).str("assignments", 0, "id")
	w.call("POST", "/v1/assignments/"+suns+"/doors", "admin", map[string]any{"doors": []string{}}).problem(422, "role_has_no_doors")
	w.call("POST", url+"/end", "admin", nil).want(200)
	w.call("POST", url+"/doors", "admin", map[string]any{"doors": []string{}}).problem(409, "assignment_ended")
	give("wang").want(201) // the one before has ended

	file := "login,name,role,scope\nqian,钱,steward," + grid2 + "\n"
	require.Equal(t, "no_doors_yet", w.csv("/v1/accounts/import", "admin", file).want(200).str("hints", 0, "code"))
	require.Equal(t, []any{1.0, []any{}}, []any{w.csv("/v1/accounts/import", "admin", file).want(200).get("unchanged"), w.csv("/v1/accounts/import", "admin", file).get("hints")})
}

func TestDisabledAccountIsNamedSo(t *testing.T) {
	w := peopled(t)
	w.call("POST", "/v1/accounts/"+w.ids["li"]+"/disable", "admin", nil).want(200)
	r := w.call("POST", "/v1/codes", "admin", map[string]string{"account": w.ids["li"]}, "Accept-Language", "en").problem(409, "account_is_disabled")
	require.Contains(t, r.body, "The account is disabled")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["li"], "role": "grid_worker", "scope": grid2}).problem(409, "account_is_disabled")
}

func TestOrgImportOverREST(t *testing.T) {
	w := peopled(t)
	good := "code,name,level,parent\n" + wanghe + "003,三网格,grid," + wanghe + "\n"
	w.csv("/v1/org/import", "sun", good).problem(403, "admin_only")
	w.csv("/v1/org/import", "", good).problem(401, "token_missing")
	r := w.csv("/v1/org/import?dry_run=true", "admin", good).want(200)
	require.Equal(t, []any{true, true, 1.0}, []any{r.get("ok"), r.get("dry_run"), r.get("new")})
	w.call("GET", "/v1/org/"+wanghe+"003", "admin", nil).want(404)
	w.csv("/v1/org/import", "admin", good).want(200)
	w.call("GET", "/v1/org/"+wanghe+"003", "admin", nil).want(200)
	r = w.csv("/v1/org/import", "admin", good).want(200)
	require.Equal(t, 1.0, r.get("unchanged"))

	r = w.csv("/v1/org/import", "admin", good+"370115003240,甲,village,370115003\n").want(422)
	require.Equal(t, []any{false, 3.0, "level", "village", "unit_level_unknown"},
		[]any{r.get("ok"), r.get("findings", 0, "line"), r.get("findings", 0, "column"), r.get("findings", 0, "value"), r.get("findings", 0, "code")})
	w.csv("/v1/org/import", "admin", strings.Repeat("x", 17<<20)).want(413)
	for _, path := range []string{"/v1/org/import", "/v1/accounts/import"} {
		r = w.csv(path, "admin", "").want(422)
		require.Equal(t, []any{false, 1.0, "file_empty"}, []any{r.get("ok"), r.get("errors"), r.get("findings", 0, "code")})
		require.Contains(t, r.str("findings", 0, "message"), "文件是空的")
		require.Equal(t, "file_binary", w.csv(path, "admin", "\x7fELF\x02\x01\x01\x00").want(422).str("findings", 0, "code"))
	}

	r = w.csv("/v1/accounts/import", "admin", "login,name,role,scope\nqian,钱,grid_worker,"+grid2+"\n").want(200)
	require.Equal(t, 1.0, r.get("new"))
	w.csv("/v1/accounts/import", "admin", "login,name,role,scope\nqian,钱,king,"+grid2+"\n").want(422)
}

func TestEndsTakeEffectAtOnce(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	w.tokens["device"] = p.token().want(200).str("token")
	w.call("GET", "/v1/me", "device", nil).want(200)
	w.call("POST", "/v1/devices/"+p.id+"/revoke", "admin", nil).want(200)
	w.call("GET", "/v1/me", "device", nil).problem(403, "device_revoked")
	w.tokens["device"] = p.token().want(200).str("token") // for the socket alone: to drain and to purge
	w.call("GET", "/v1/me", "device", nil).problem(403, "device_revoked")
	require.NotEmpty(t, w.call("POST", "/v1/devices/"+p.id+"/erase", "admin", nil).want(200).str("erased_at"))
	w.call("POST", "/v1/devices/"+p.id+"/erase", "admin", nil).problem(409, "device_already_revoked")
	require.Equal(t, []string{p.id, p.id}, w.cut, "its connections are closed")

	list := w.call("GET", "/v1/assignments?account="+w.ids["sun"], "admin", nil)
	w.call("POST", "/v1/assignments/"+list.str("assignments", 0, "id")+"/end", "admin", nil).want(200)
	w.call("GET", "/v1/conflicts", "sun", nil).problem(403, "console_only")
	q := w.enrol("li")
	w.call("POST", "/v1/accounts/"+w.ids["li"]+"/disable", "admin", nil).want(200)
	w.call("GET", "/v1/me", "li", nil).problem(403, "account_disabled")
	w.call("POST", "/v1/login", "", map[string]string{"login": "li", "password": password}).problem(401, "login_wrong")
	require.Equal(t, []string{p.id, p.id, q.id}, w.cut)

	w.call("POST", "/v1/me/password", "zhou", map[string]string{"old": "wrong password", "password": "another password"}).problem(401, "login_wrong")
	w.call("POST", "/v1/me/password", "zhou", map[string]string{"old": password, "password": "another password"}).want(204)
	w.call("GET", "/v1/me", "zhou", nil).problem(401, "token_invalid") // of the password before
	w.tokens["zhou"] = w.call("POST", "/v1/login", "", map[string]string{"login": "zhou", "password": "another password"}).want(200).str("token")
	w.call("GET", "/v1/me", "zhou", nil).want(200)
	w.call("POST", "/v1/accounts/"+w.ids["zhou"]+"/password", "admin", map[string]string{"password": "yet another one"}).want(204)
	w.call("GET", "/v1/me", "zhou", nil).problem(401, "token_invalid")
	w.call("POST", "/v1/login", "", map[string]string{"login": "zhou", "password": "yet another one"}).want(200)
}
