package badinput

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/messages"
)

var dialer = websocket.DefaultDialer

// call is a REST call that is refused.
type call struct {
	class, name  string
	method, path string
	who          string // whose token; "" for none
	token        string // instead
	kind         string // content type; "" is JSON
	body         string
	status       int
	key          messages.Key
	location     string // of the field that is wrong, "" if it is about none
}

// rested makes a call without a socket and through one, in both languages, and checks the problem that comes back.
func (w *twins) rested(t *testing.T, c *call) {
	t.Helper()
	for _, lang := range []string{"zh-CN", "en"} {
		ask := func(base string) *http.Request {
			r, err := http.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			kind := c.kind
			if kind == "" {
				kind = "application/json"
			}
			if c.body != "" {
				r.Header.Set("Content-Type", kind)
			}
			r.Header.Set("Accept-Language", lang)
			if token := c.token; token != "" || c.who != "" {
				if token == "" {
					token = w.tokens[c.who]
				}
				r.Header.Set("Authorization", "Bearer "+token)
			}
			return r
		}
		alone := httptest.NewRecorder()
		w.costs(c.class+": "+c.name, func() { w.rest.ServeHTTP(alone, ask("")) })
		began := time.Now()
		resp, err := w.server.Client().Do(ask(w.server.URL))
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		w.timed(c.class+": "+c.name, began)
		require.NoError(t, err)
		require.Equal(t, c.status, resp.StatusCode, "%s", text)
		require.Equal(t, alone.Code, resp.StatusCode)
		require.Equal(t, alone.Body.String(), string(text), "through the socket and alone")
		requireProblem(t, c, lang, text)
	}
}

// requireProblem wants an RFC 9457 problem in the caller's language that names the field.
func requireProblem(t *testing.T, c *call, lang string, text []byte) {
	t.Helper()
	var p struct {
		Type, Title, Detail string
		Errors              []struct{ Message, Location string }
	}
	require.NoError(t, json.Unmarshal(text, &p), "%s", text)
	require.Equal(t, "urn:doorstep:problem:"+string(c.key), p.Type, "%s", text)
	require.NotEmpty(t, p.Detail)
	if lang == "zh-CN" {
		require.Regexp(t, `^[^A-Za-z]*\p{Han}.*。$`, p.Detail)
	} else {
		require.NotRegexp(t, `\p{Han}`, p.Detail)
	}
	remedy := len(p.Errors) > 0 || regexp.MustCompile(`请|Check |Please |Sign in|sign in|try again|get a new`).MatchString(p.Detail)
	require.True(t, remedy, "it does not say what to do: %s", p.Detail)
	named := c.location == ""
	for _, e := range p.Errors {
		named = named || e.Location == c.location || strings.HasPrefix(e.Location, c.location) || strings.Contains(e.Message, c.location[strings.LastIndex(c.location, ".")+1:])
		require.NotEmpty(t, e.Message)
		if lang == "zh-CN" {
			require.Regexp(t, `\p{Han}`, e.Message, "who reads Chinese is told in Chinese")
			require.NotContains(t, e.Message, "expected")
		}
	}
	require.True(t, named, "no word of %s: %s", c.location, text)
	require.NotRegexp(t, regexp.MustCompile(`canary`), string(text), "what was handed in is not said again: it may be a password")
}

// operation is one of the API's, as its OpenAPI document has it.
type operation struct {
	method, path, who string
	body              map[string]any // schema of its JSON body, nil for none
	csv               bool
	query             []map[string]any
}

// operations reads the document: what comes to be offered is in the corpus by itself.
func operations(t *testing.T) (out []operation) {
	text, err := api.OpenAPI(false)
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(text, &doc))
	dig := func(v any, keys ...string) any {
		for _, k := range keys {
			m, _ := v.(map[string]any)
			v = m[k]
		}
		return v
	}
	resolve := func(v any) map[string]any {
		m, _ := v.(map[string]any)
		if ref, ok := m["$ref"].(string); ok {
			m, _ = dig(doc, "components", "schemas", ref[strings.LastIndex(ref, "/")+1:]).(map[string]any)
		}
		return m
	}
	all := doc["paths"].(map[string]any)
	for _, path := range sorted(all) {
		methods := all[path].(map[string]any)
		for _, method := range sorted(methods) {
			op, ok := methods[method].(map[string]any)
			if !ok || op["operationId"] == nil {
				continue
			}
			o := operation{method: strings.ToUpper(method), path: path, csv: dig(op, "requestBody", "content", "text/csv") != nil}
			if list, _ := op["security"].([]any); len(list) > 0 {
				o.who = "admin"
			}
			o.body = resolve(dig(op, "requestBody", "content", "application/json", "schema"))
			if fields, ok := dig(o.body, "properties").(map[string]any); ok {
				for k, v := range fields {
					fields[k] = resolve(v)
				}
			}
			if list, ok := op["parameters"].([]any); ok {
				for _, q := range list {
					p := q.(map[string]any)
					p["schema"] = resolve(p["schema"])
					switch {
					case p["in"] == "query":
						o.query = append(o.query, p)
					case p["in"] == "path" && dig(p, "schema", "type") == "integer":
						o.path = strings.Replace(o.path, "{"+p["name"].(string)+"}", "1", 1)
					case p["in"] == "path":
						o.path = strings.Replace(o.path, "{"+p["name"].(string)+"}", "0190163d-8694-739b-aea5-966c26f8ad90", 1)
					}
				}
			}
			out = append(out, o)
		}
	}
	return out
}

// sample gives a value that a field's schema takes.
func sample(s map[string]any) any {
	if list, ok := s["enum"].([]any); ok {
		return list[0]
	}
	switch kindOf(s) {
	case "string":
		if s["format"] == "date-time" {
			return "2026-03-02T08:00:00Z"
		}
		return "x"
	case "integer", "number":
		return 1
	case "array":
		return []any{}
	case "boolean":
		return true
	}
	out := map[string]any{}
	if list, ok := s["required"].([]any); ok {
		for _, name := range list {
			field, _ := s["properties"].(map[string]any)[name.(string)].(map[string]any)
			out[name.(string)] = sample(field)
		}
	}
	return out
}

func kindOf(s map[string]any) string {
	switch k := s["type"].(type) {
	case string:
		return k
	case []any:
		return k[0].(string)
	}
	return "object"
}

// restCalls are made from the API's own document.
func restCalls(ops []operation) []call {
	var out []call
	for _, make := range []func(operation) []call{notJSON, absent, unknownField, wrongTypes, tooLongField, beyond, otherContent, tooLargeBody, noToken, unknownQuery, wrongQuery} {
		var list []call
		for i := range ops {
			list = append(list, make(ops[i])...)
		}
		for from := 0; len(list) > 0; from++ {
			n := min(len(list), 1<<20)
			out = append(out, spread(list[:n], most, 0)...)
			list = list[n:]
		}
	}
	return out
}

func (o *operation) call(class, name, body string, status int, location string) call {
	return call{class: class, name: o.method + " " + o.path + name, method: o.method, path: o.path, who: o.who, body: body, status: status, key: messages.BadRequest, location: location}
}

// with gives a good body with one field changed.
func (o *operation) with(field string, v any) string {
	b := sample(o.body).(map[string]any)
	if b[field] = v; v == nil {
		delete(b, field)
	}
	return string(textOf(b))
}

func (o *operation) fields() map[string]any {
	m, _ := o.body["properties"].(map[string]any)
	return m
}

func notJSON(o operation) (out []call) {
	if o.body == nil {
		return nil
	}
	for _, s := range []string{"{", "canary", `{"a":1}}`, strings.Repeat("[", 20_000)} {
		out = append(out, o.call("REST: a body that is no JSON", fmt.Sprintf(" %.10s", s), s, http.StatusBadRequest, ""))
	}
	return append(out, o.call("REST: a body that is no JSON", " nothing", "", http.StatusBadRequest, ""))
}

func absent(o operation) (out []call) {
	list, _ := o.body["required"].([]any)
	for _, name := range list {
		out = append(out, o.call("REST: a required field left out", " "+name.(string), o.with(name.(string), nil), http.StatusUnprocessableEntity, "body."+name.(string)))
	}
	return out
}

func unknownField(o operation) (out []call) {
	if o.body == nil {
		return nil
	}
	for _, name := range []string{"rolle", "id_", "is_admin"} {
		out = append(out, o.call("REST: a field that nobody knows", " "+name, o.with(name, "canary"), http.StatusUnprocessableEntity, "body."+name))
	}
	return out
}

func wrongTypes(o operation) (out []call) {
	fields := o.fields()
	for _, name := range sorted(fields) {
		wrong := any("canary")
		if s := fields[name].(map[string]any); kindOf(s) == "string" {
			wrong = 17
		}
		out = append(out, o.call("REST: a field of another type", " "+name, o.with(name, wrong), http.StatusUnprocessableEntity, "body."+name))
	}
	return out
}

func tooLongField(o operation) (out []call) {
	fields := o.fields()
	for _, name := range sorted(fields) {
		s := fields[name].(map[string]any)
		if n, ok := s["maxLength"].(float64); ok {
			out = append(out, o.call("REST: a text that is too long", " "+name, o.with(name, strings.Repeat("长", int(n)+1)), http.StatusUnprocessableEntity, "body."+name))
		}
		if n, ok := s["maxItems"].(float64); ok && n < 5000 {
			list := make([]any, int(n)+1)
			for i := range list {
				list[i] = sample(s["items"].(map[string]any))
			}
			out = append(out, o.call("REST: a text that is too long", " "+name, o.with(name, list), http.StatusUnprocessableEntity, "body."+name))
		}
	}
	return out
}

func beyond(o operation) (out []call) {
	fields := o.fields()
	for _, name := range sorted(fields) {
		s := fields[name].(map[string]any)
		var wrong []any
		if _, ok := s["enum"]; ok {
			wrong = append(wrong, "canary", "", "KEEP")
		}
		if n, ok := s["minimum"].(float64); ok {
			wrong = append(wrong, n-1, -1e15)
		}
		if n, ok := s["maximum"].(float64); ok {
			wrong = append(wrong, n+1)
		}
		if s["format"] == "date-time" {
			wrong = append(wrong, "canary", "2026-02-30T00:00:00Z", "05.03.2026", "")
		}
		for _, v := range wrong {
			out = append(out, o.call("REST: a value beyond what there is", fmt.Sprint(" ", name, " ", v), o.with(name, v), http.StatusUnprocessableEntity, "body."+name))
		}
	}
	return out
}

func otherContent(o operation) (out []call) {
	if o.body == nil {
		return nil
	}
	for _, kind := range []string{"text/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"} {
		c := o.call("REST: a body of another kind", " "+kind, "canary=1", http.StatusUnsupportedMediaType, "")
		c.kind = kind
		out = append(out, c)
	}
	return out
}

func tooLargeBody(o operation) []call {
	if o.body == nil || o.path == "/v1/enrol" || o.path == "/v1/devices/fork" { // those take what a copied replica has to tell
		return nil
	}
	return []call{o.call("REST: a body that is too large", "", `{"a":"`+strings.Repeat("x", 3<<20)+`"}`, http.StatusRequestEntityTooLarge, "")}
}

func noToken(o operation) []call {
	if o.who == "" {
		return nil
	}
	c := o.call("REST: no token", "", "", http.StatusUnauthorized, "")
	c.who, c.key = "", messages.TokenMissing
	if o.body != nil {
		c.body = o.with("", nil)
	}
	return []call{c}
}

func unknownQuery(o operation) []call {
	c := o.call("REST: a parameter that nobody knows", "", "", http.StatusUnprocessableEntity, "query.canari")
	c.path += "?canari=1"
	if o.body != nil {
		c.body = o.with("", nil)
	}
	if o.csv {
		c.body, c.kind = "code\n", "text/csv"
	}
	return []call{c}
}

func wrongQuery(o operation) (out []call) {
	for _, p := range o.query {
		s := p["schema"].(map[string]any)
		var wrong []string
		switch {
		case s["enum"] != nil:
			wrong = []string{"canary", "OPEN"}
		case kindOf(s) == "integer":
			wrong = []string{"canary", "-1", "1.5", "99999999999999999999"}
		case kindOf(s) == "boolean":
			wrong = []string{"canary", "yes"}
		case s["maxLength"] != nil:
			wrong = []string{strings.Repeat("x", int(s["maxLength"].(float64))+1)}
		}
		for _, v := range wrong {
			c := o.call("REST: a parameter that is wrong", fmt.Sprint(" ", p["name"], " ", v), "", http.StatusUnprocessableEntity, "query."+p["name"].(string))
			c.path += fmt.Sprint("?", p["name"], "=", v)
			if o.csv {
				c.body, c.kind = "code\n", "text/csv"
			}
			out = append(out, c)
		}
	}
	return out
}

func (w *twins) restRun(t *testing.T, c *corpus) {
	list := restCalls(operations(t))
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].class == list[0].class {
			n++
		}
		same := list[:n]
		list = list[n:]
		t.Run(same[0].class, func(t *testing.T) {
			defer w.on(t)()
			before, head := w.digest(), w.head()
			for i := range same {
				t.Run(same[i].name, func(t *testing.T) { w.rested(t, &same[i]) })
				c.note(same[i].class, "REST", fmt.Sprintf("%d `%s`", same[i].status, same[i].key))
			}
			require.Equal(t, before, w.digest(), "nothing at the centre has changed")
			require.Equal(t, head, w.head())
		})
	}
}
