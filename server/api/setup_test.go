package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/store"
	"github.com/doorstep-sync/doorstep/server/territory"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

var ctx = context.Background()

const (
	wanghe = "370115003239" // 王河
	grid1  = wanghe + "001"
	grid2  = wanghe + "002"
	other  = "370115003201" // another community of the same street
	grid9  = other + "001"

	password = "canary-password-7Q" // looked for in logs
	person   = "王丽娟canary"
	phoneNo  = "13912345678"
)

// world is a centre on a real store, with people, and a clock moved by hand.
type world struct {
	t      testing.TB
	http   *httptest.Server
	dir    *directory.Directory
	auth   *auth.Service
	schema *schema.Schema
	store  *store.Store
	centre *centre.Centre
	log    bytes.Buffer
	cut    []string // devices whose connections were closed
	tokens map[string]string
	ids    map[string]string // accounts by login

	mu sync.Mutex
	at time.Time
}

func (w *world) Now() time.Time          { w.mu.Lock(); defer w.mu.Unlock(); return w.at }
func (w *world) Advance(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.at = w.at.Add(d) }

// lockedWriter lets many goroutines log into one buffer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// newWorld opens a store and an API without anybody in it.
func newWorld(t testing.TB, change ...func(*api.Config)) *world {
	t.Helper()
	w := &world{t: t, at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), tokens: map[string]string{"": ""}, ids: map[string]string{}}
	var err error
	w.schema, err = load.Default()
	require.NoError(t, err)
	w.schema.Roles["watcher"] = &schema.Role{Name: "watcher", Console: true, Label: schema.Label{ZH: "旁观", EN: "Watcher"}}
	w.schema.Table("dispute").Views["watcher"] = &schema.View{Rows: schema.RowsAll, Hidden: []string{"facts"}, Masks: map[string]schema.Mask{"demands": schema.MaskAll, "location": schema.MaskName}}
	w.store, err = store.Open(filepath.Join(t.TempDir(), "centre.db"), w.schema)
	require.NoError(t, err)
	random := rand.New(rand.NewSource(7))
	keys, err := auth.OpenKeys(filepath.Join(t.TempDir(), "keys.pem"), random)
	require.NoError(t, err)
	w.dir = directory.New(directory.Config{DB: w.store, County: 1, Roles: w.schema.Roles, Now: w.Now, Random: rand.New(rand.NewSource(8))})
	w.auth, err = auth.New(auth.Config{Directory: w.dir, Keys: keys, County: 1, Now: w.Now, Random: random, Argon: auth.Argon{Memory: 8, Time: 1, Threads: 1}})
	require.NoError(t, err)
	w.centre = centre.New(syncengine.New(w.schema, syncengine.DefaultLimits), w.store, centre.Options{Now: w.Now})
	households := func(context.Context) (map[string]int, error) {
		return map[string]int{grid1: 250, grid2: 320, grid9: 501}, nil
	}
	config := api.Config{
		Territory: territory.New(territory.Config{DB: w.store, County: 1, Directory: w.dir, Schema: w.schema, State: w.store, Queue: api.SQLQueue{DB: w.store.Reader(), County: 1}, Household: "household", Now: w.Now}),
		Auth:      w.auth, Directory: w.dir, Schema: w.schema, Decider: w.centre, State: w.store, Restorer: w.centre, Forker: w.centre, Queue: api.SQLQueue{DB: w.store.Reader(), County: 1},
		Households: households, Revoked: func(d string) { w.cut = append(w.cut, d) }, Log: zerolog.New(&lockedWriter{w: &w.log}).Level(zerolog.DebugLevel),
		Now: w.Now, Boot: "boot", Version: "test",
	}
	for _, f := range change {
		f(&config)
	}
	w.http = httptest.NewServer(api.New(config))
	t.Cleanup(func() {
		w.http.Close()
		w.centre.Close()
		require.NoError(t, w.store.Close())
	})
	return w
}

// peopled is a world with the real divisions, an administrator and people.
func peopled(t testing.TB, change ...func(*api.Config)) *world {
	t.Helper()
	w := newWorld(t, change...)
	code, err := w.auth.BootstrapCode(ctx)
	require.NoError(t, err)
	w.tokens["admin"] = w.call("POST", "/v1/bootstrap", "", map[string]string{"code": code, "login": "admin", "name": person, "password": password}).want(201).str("token")
	w.ids["admin"] = w.call("GET", "/v1/me", "admin", nil).want(200).str("account", "id")
	data, err := os.ReadFile("../../data/divisions.csv")
	require.NoError(t, err)
	data = append(data, grid1+",一网格,grid,"+wanghe+"\n"+grid2+",二网格,grid,"+wanghe+"\n"+grid9+",九网格,grid,"+other+"\n"...)
	w.csv("/v1/org/import", "admin", string(data)).want(200)
	for _, p := range []struct{ login, role, scope string }{
		{"sun", "supervisor", wanghe}, {"zhou", "supervisor", other}, {"watch", "watcher", wanghe}, {"wang", "grid_worker", grid1}, {"li", "grid_worker", grid1},
	} {
		w.ids[p.login] = w.call("POST", "/v1/accounts", "admin", map[string]string{"login": p.login, "name": p.login + person, "password": password}).want(201).str("id")
		w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids[p.login], "role": p.role, "scope": p.scope}).want(201)
		w.tokens[p.login] = w.call("POST", "/v1/login", "", map[string]string{"login": p.login, "password": password}).want(200).str("token")
	}
	return w
}

// reply is an answer of the API.
type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

func (w *world) send(method, url, token, contentType, body string, headers ...string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.http.URL+url, strings.NewReader(body))
	require.NoError(w.t, err)
	if body != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		if t, ok := w.tokens[token]; ok {
			token = t
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.http.Client().Do(req)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return reply{w.t, method + " " + url, resp.StatusCode, resp.Header, string(b)}
}

func (w *world) call(method, url, token string, body any, headers ...string) reply {
	w.t.Helper()
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(w.t, err)
		text = string(b)
	}
	return w.send(method, url, token, "application/json", text, headers...)
}

func (w *world) csv(url, token, body string) reply {
	w.t.Helper()
	return w.send("POST", url, token, "text/csv", body)
}

func (r reply) want(status int) reply {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s: %s", r.what, r.body)
	return r
}

// problem checks an RFC 9457 problem with this key.
func (r reply) problem(status int, key string) reply {
	r.t.Helper()
	r.want(status)
	require.Equal(r.t, "application/problem+json", r.header.Get("Content-Type"), r.what)
	require.Contains(r.t, r.body, `"urn:doorstep:problem:`+key+`"`, r.what)
	return r
}

func (r reply) get(path ...any) any {
	r.t.Helper()
	var v any
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &v), r.body)
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			require.True(r.t, ok, "%v in %s", path, r.body)
			v = m[p]
		case int:
			l, ok := v.([]any)
			require.True(r.t, ok && p < len(l), "%v in %s", path, r.body)
			v = l[p]
		}
	}
	return v
}

func (r reply) str(path ...any) string {
	r.t.Helper()
	s, ok := r.get(path...).(string)
	require.True(r.t, ok, "%v in %s", path, r.body)
	return s
}

// phone is a device, enrolled over the API, that submits changesets to the committer.
type phone struct {
	w       *world
	key     ed25519.PrivateKey
	id      string
	account string
	n       int64
	prev    syncengine.Hash
	clock   hlc.Clock
	ago     int64 // ms since it wrote what it commits
}

var b64 = base64.RawURLEncoding.EncodeToString

func (w *world) enrol(login string) *phone {
	w.t.Helper()
	p := &phone{w: w, account: w.ids[login], key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(len(w.ids) + len(login))}, 32))}
	code := w.call("POST", "/v1/codes", "admin", map[string]string{"account": p.account}).want(201).str("code")
	public := b64(p.key.Public().(ed25519.PublicKey))
	in := map[string]string{"code": code, "public_key": public, "label": login + "的手机", "app": "test/1",
		"proof": b64(ed25519.Sign(p.key, auth.ProofText(auth.NormalCode(code), public)))}
	p.id = w.call("POST", "/v1/enrol", "", in).want(201).str("device")
	require.Equal(w.t, p.id, w.call("POST", "/v1/enrol", "", in).want(201).str("device"), "an answer that was lost can be asked for again")
	thief := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{255}, 32))
	in["public_key"] = b64(thief.Public().(ed25519.PublicKey))
	in["proof"] = b64(ed25519.Sign(thief, auth.ProofText(auth.NormalCode(code), in["public_key"])))
	w.call("POST", "/v1/enrol", "", in).problem(401, "enrolment_code_wrong")
	return p
}

func (p *phone) token() reply {
	p.w.t.Helper()
	ch := p.w.call("POST", "/v1/token/challenge", "", map[string]string{"device": p.id}).want(200).str("challenge")
	return p.w.call("POST", "/v1/token", "", map[string]string{"device": p.id, "challenge": ch, "signature": b64(ed25519.Sign(p.key, auth.SignedText(p.id, ch)))})
}

// commit submits one change and wants it to take effect.
func (p *phone) commit(c ...syncengine.Change) syncengine.Verdict {
	p.w.t.Helper()
	p.n++
	now := p.w.Now().UnixMilli()
	cs := &syncengine.Changeset{Device: p.id, N: p.n, Prev: p.prev, HLC: p.clock.Now(now), Wall: now - p.ago, Boot: "b", Mono: now - p.ago, Schema: p.w.schema.Version, Author: p.account, Changes: c}
	res, err := p.w.centre.Submit(ctx, []*syncengine.Changeset{cs}, syncengine.Contact{Boot: "b", Mono: now, At: now})
	require.NoError(p.w.t, err)
	require.NoError(p.w.t, res[0].Err)
	require.True(p.w.t, res[0].Verdict.Kind.Effective(), "%+v", res[0].Verdict.Reason)
	p.prev = cs.Hash()
	return res[0].Verdict
}

// insert makes a row; cells that are not given are NULL.
func (p *phone) insert(table, scope string, id syncengine.RowID, cells map[string][]schema.Value) syncengine.Verdict {
	p.w.t.Helper()
	return p.commit(p.w.inserted(table, scope, id, cells))
}

// inserted is the change that makes a row.
func (w *world) inserted(table, scope string, id syncengine.RowID, cells map[string][]schema.Value) syncengine.Change {
	c := syncengine.Change{Table: table, Row: id, Op: syncengine.OpInsert}
	cells["scope"] = []schema.Value{schema.Text(scope)}
	for _, def := range w.schema.Table(table).Cells {
		if v, ok := cells[def.Name]; ok {
			c.Cells = append(c.Cells, syncengine.CellWrite{Cell: def.Name, Values: v})
		}
	}
	return c
}

func (p *phone) update(table string, id syncengine.RowID, base int64, cell string, values ...schema.Value) syncengine.Verdict {
	p.w.t.Helper()
	return p.commit(syncengine.Change{Table: table, Row: id, Op: syncengine.OpUpdate,
		Cells: []syncengine.CellWrite{{Cell: cell, Base: syncengine.Base{Epoch: 1, Seq: base}, Values: values}}})
}

func rowID(n int) syncengine.RowID {
	return syncengine.RowID(fmt.Sprintf("0190163d-8694-739b-aea5-%012d", n))
}
