package badinput

import (
	"bytes"
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/seal"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/feed"
	"github.com/doorstep-sync/doorstep/server/gateway"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/server/store"
	"github.com/doorstep-sync/doorstep/server/territory"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

var ctx = context.Background()

// Org units. The person of a case works in grid1; in grid2 and grid9 others do.
const (
	street    = "370115003"
	community = "370115003239"
	elsewhere = "370115003201"
	grid1     = community + "001"
	grid2     = community + "002"
	grid9     = elsewhere + "001"

	password = "long enough a password"
)

const units = `code,name,level,parent
37,山东省,province,
3701,济南市,city,37
370115,济阳区,county,3701
` + street + `,崔寨街道,street,370115
` + community + `,王河村,community,` + street + `
` + elsewhere + `,李村,community,` + street + `
` + grid1 + `,一网格,grid,` + community + `
` + grid2 + `,二网格,grid,` + community + `
` + grid9 + `,九网格,grid,` + elsewhere + "\n"

// limits are small, so that what is too large is cheap.
var limits = se.Limits{MaxChangeset: 256 << 10, MaxChanges: 300, MaxFrame: 512 << 10, Window: 16}

// county is the whole surface of a centre on a real store behind a real socket, wired as doorstepd wires it.
type county struct {
	t        testing.TB
	schema   *schema.Schema
	store    *store.Store
	centre   *centre.Centre
	dir      *directory.Directory
	auth     *auth.Service
	keyFile  string
	gate     *gateway.Gateway
	rest     http.Handler
	server   *httptest.Server
	tokens   map[string]string // of people, by login
	accounts map[string]string // ids, by login
}

type authenticator struct{ *auth.Service }

func (a authenticator) Authenticate(ctx context.Context, token string) (gateway.Identity, error) {
	p, err := a.Socket(ctx, token)
	switch {
	case err == nil:
		return gateway.Identity{Account: p.Account, Device: p.Device, Expires: p.Expires}, nil
	case messages.Of(err).Kind() == messages.Unauthenticated:
		return gateway.Identity{}, errors.Join(gateway.ErrUnauthorised, err)
	}
	return gateway.Identity{}, err
}

func openCounty(t testing.TB, s *schema.Schema) *county {
	t.Helper()
	c := &county{t: t, schema: s, keyFile: filepath.Join(t.TempDir(), "keys.pem"), tokens: map[string]string{}, accounts: map[string]string{}}
	var err error
	c.store, err = store.Open(filepath.Join(t.TempDir(), "centre.db"), s)
	require.NoError(t, err)
	keys, err := auth.OpenKeys(c.keyFile, crand.Reader)
	require.NoError(t, err)
	c.dir = directory.New(directory.Config{DB: c.store, County: 1, Roles: s.Roles, Now: time.Now, Random: crand.Reader})
	c.auth, err = auth.New(auth.Config{Directory: c.dir, Keys: keys, County: 1, Now: time.Now, Random: crand.Reader, Argon: auth.Argon{Memory: 8, Time: 1, Threads: 1}})
	require.NoError(t, err)
	bell := feed.New().County(1)
	c.centre = centre.New(engineOf(s), c.store, centre.Options{Now: time.Now, Bell: bell})
	c.gate, err = gateway.New(gateway.Options{
		Auth: authenticator{c.auth}, Centre: c.centre, Bell: bell, Now: time.Now, PushRate: 1e6, PushBurst: 1e6,
	})
	require.NoError(t, err)
	queue := api.SQLQueue{DB: c.store.Reader(), County: 1}
	c.rest = api.New(api.Config{
		Territory: territory.New(territory.Config{DB: c.store, County: 1, Directory: c.dir, Schema: s, State: c.store, Queue: queue, Household: "household", Now: time.Now}),
		Auth:      c.auth, Directory: c.dir, Schema: s, Decider: c.centre, State: c.store, Restorer: c.centre, Forker: c.centre, Queue: queue,
		Households: func(context.Context) (map[string]int, error) { return map[string]int{}, nil }, Log: zerolog.Nop(), Now: time.Now, Boot: "b", Version: "test",
	})
	mux := http.NewServeMux()
	mux.Handle("/", c.rest)
	mux.Handle("/v1/sync", c.gate)
	c.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		within, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		require.NoError(t, c.gate.Shutdown(within))
		c.server.Close()
		c.centre.Close()
		require.NoError(t, c.store.Close())
	})
	c.people()
	return c
}

// engineOf is without quotas: here one phone is refused more than a whole county in a year.
func engineOf(s *schema.Schema) *se.Engine {
	keys := ring(s)
	return se.New(s, limits).WithQuotas(se.Quotas{}).WithKeys(func() *seal.Ring { return keys })
}

// people makes the org units, an administrator and one person of each role.
func (c *county) people() {
	code, err := c.auth.BootstrapCode(ctx)
	require.NoError(c.t, err)
	admin, err := c.auth.Bootstrap(ctx, "test", code, "admin", "管理", password)
	require.NoError(c.t, err)
	c.accounts["admin"] = admin.ID
	c.login("admin")
	report, err := c.dir.ImportOrg(ctx, strings.NewReader(units), false)
	require.NoError(c.t, err)
	require.Zero(c.t, report.Errors, "%+v", report.Findings)
	for _, p := range []struct{ login, role, scope string }{
		{"worker", "grid_worker", grid1}, {"steward", "steward", grid1}, {"mediator", "mediator", grid1}, {"supervisor", "supervisor", community},
		{"other", "grid_worker", grid2}, {"stranger", "grid_worker", grid9},
	} {
		var made struct {
			ID string `json:"id"`
		}
		c.post("/v1/accounts", "admin", map[string]string{"login": p.login, "name": p.login, "password": password}, &made)
		c.accounts[p.login] = made.ID
		c.post("/v1/assignments", "admin", map[string]string{"account": made.ID, "role": p.role, "scope": p.scope}, nil)
		c.login(p.login)
	}
}

func (c *county) login(who string) {
	var out struct {
		Token string `json:"token"`
	}
	c.post("/v1/login", "", map[string]string{"login": who, "password": password}, &out)
	c.tokens[who] = out.Token
}

// post is a call that must succeed.
func (c *county) post(path, who string, in, out any) {
	c.t.Helper()
	body, err := json.Marshal(in)
	require.NoError(c.t, err)
	req, err := http.NewRequest(http.MethodPost, c.server.URL+path, bytes.NewReader(body))
	require.NoError(c.t, err)
	req.Header.Set("Content-Type", "application/json")
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+c.tokens[who])
	}
	resp, err := c.server.Client().Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	require.Less(c.t, resp.StatusCode, 300, "%s: %s", path, text)
	if out != nil {
		require.NoError(c.t, json.Unmarshal(text, out))
	}
}

// give makes the steward look after doors.
func (c *county) give(doors ...se.RowID) {
	list, err := c.dir.Assignments(ctx, c.accounts["steward"])
	require.NoError(c.t, err)
	require.Len(c.t, list, 1)
	c.post("/v1/assignments/"+list[0].ID+"/doors", "admin", map[string]any{"doors": doors}, nil)
}

var b64 = base64.RawURLEncoding.EncodeToString

// phone is a device of a person, driven by hand over a socket.
type phone struct {
	c       *county
	who     string
	id      string
	account string
	token   string
	n       int64
	prev    se.Hash
	ws      *websocket.Conn
	format  wire.Format
	frames  int64
	at      se.Base
	view    string
}

// enrol makes a device for a person.
func (c *county) enrol(who string) *phone {
	c.t.Helper()
	p := &phone{c: c, who: who, account: c.accounts[who]}
	public, private, err := ed25519.GenerateKey(crand.Reader)
	require.NoError(c.t, err)
	var code struct {
		Code string `json:"code"`
	}
	c.post("/v1/codes", "admin", map[string]string{"account": p.account}, &code)
	var made struct {
		Device string `json:"device"`
	}
	c.post("/v1/enrol", "", map[string]string{"code": code.Code, "public_key": b64(public), "label": who,
		"proof": b64(ed25519.Sign(private, auth.ProofText(auth.NormalCode(code.Code), b64(public))))}, &made)
	p.id = made.Device
	var ch struct {
		Challenge string `json:"challenge"`
	}
	c.post("/v1/token/challenge", "", map[string]string{"device": p.id}, &ch)
	var token struct {
		Token string `json:"token"`
	}
	c.post("/v1/token", "", map[string]string{"device": p.id, "challenge": ch.Challenge,
		"signature": b64(ed25519.Sign(private, auth.SignedText(p.id, ch.Challenge)))}, &token)
	p.token = token.Token
	return p
}

// dial opens a socket and says nothing.
func (p *phone) dial(f wire.Format) {
	p.c.t.Helper()
	p.hangUp()
	url := strings.Replace(p.c.server.URL, "http", "ws", 1) + "/v1/sync"
	ws, resp, err := websocket.DefaultDialer.Dial(url, http.Header{"Authorization": {"Bearer " + p.token}, "Sec-Websocket-Protocol": {f.Subprotocol()}})
	if err != nil && resp != nil {
		b, _ := io.ReadAll(resp.Body)
		require.NoError(p.c.t, err, "%s: %s", resp.Status, b)
	}
	require.NoError(p.c.t, err)
	p.ws, p.format, p.frames = ws, f, 0
}

func (p *phone) hangUp() {
	if p.ws != nil {
		_ = p.ws.Close()
		p.ws = nil
	}
}

// greet opens a socket and goes through the greeting up to the end of the first step.
func (p *phone) greet(f wire.Format) {
	p.c.t.Helper()
	p.dial(f)
	p.say(&session.Hello{Hello: p.hello()})
	w := hear[*session.Welcome](p)
	p.n, p.prev = w.LastN, w.Hash
	if w.Reset {
		p.at = se.Base{}
	}
	hear[*session.Delta](p)
}

func (p *phone) hello() se.Hello {
	return se.Hello{Device: p.id, App: "test", Schema: 1, Wall: time.Now().UnixMilli(), Boot: "b", Mono: 1, Epoch: p.at.Epoch, Cursor: p.at.Seq, View: p.view}
}

func (p *phone) say(m session.Message) {
	p.c.t.Helper()
	b, err := wire.Marshal(m, p.format)
	require.NoError(p.c.t, err)
	require.NoError(p.c.t, p.send(b))
}

func (p *phone) send(b []byte) error {
	kind := websocket.BinaryMessage
	if p.format == wire.JSON {
		kind = websocket.TextMessage
	}
	return p.ws.WriteMessage(kind, b)
}

// next takes a message. A Delta is acknowledged at once, as far as it is one of a step that is whole.
func (p *phone) next() (session.Message, error) {
	_ = p.ws.SetReadDeadline(time.Now().Add(30 * time.Second))
	_, b, err := p.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	m, err := wire.Unmarshal(b, p.format, se.DefaultLimits)
	require.NoError(p.c.t, err, "%s", b)
	if d, ok := m.(*session.Delta); ok {
		p.frames++
		if d.Done {
			p.at, p.view = d.To, d.View
		}
		b, err := wire.Marshal(&session.Seen{Frames: p.frames, Epoch: p.at.Epoch, Cursor: p.at.Seq, View: p.view}, p.format)
		require.NoError(p.c.t, err)
		_ = p.send(b)
	}
	return m, nil
}

// hear takes messages until one of a kind comes. A Delta is heard when its step is whole.
func hear[M session.Message](p *phone) M {
	p.c.t.Helper()
	for {
		m, err := p.next()
		require.NoError(p.c.t, err)
		if d, ok := m.(*session.Delta); ok && !d.Done {
			continue
		}
		if m, ok := m.(M); ok {
			return m
		}
		if n, ok := m.(*session.Notice); ok && n.Close {
			require.Failf(p.c.t, "closed", "%s: %s", n.Code, n.Text)
		}
	}
}

// closed takes everything up to the end of the connection.
func (p *phone) closed() (*session.Notice, int) {
	p.c.t.Helper()
	var last *session.Notice
	for {
		m, err := p.next()
		if err != nil {
			e := &websocket.CloseError{}
			require.ErrorAs(p.c.t, err, &e)
			p.hangUp()
			return last, e.Code
		}
		if n, ok := m.(*session.Notice); ok && n.Close {
			last = n
		}
	}
}

// make gives the phone's next changeset, without counting it.
func (p *phone) make(changes ...se.Change) *se.Changeset {
	now := time.Now().UnixMilli()
	return &se.Changeset{Device: p.id, N: p.n + 1, Prev: p.prev, Wall: now, Boot: "b", Mono: now, Author: p.account, Schema: 1, Changes: changes}
}

// took counts a changeset that has its verdict.
func (p *phone) took(cs *se.Changeset) { p.n, p.prev = cs.N, cs.Hash() }

// push sends changesets and gives their verdicts.
func (p *phone) push(list ...*se.Changeset) []se.Verdict {
	p.c.t.Helper()
	p.say(&session.Push{Changesets: list})
	var out []se.Verdict
	for len(out) < len(list) {
		out = append(out, hear[*session.Verdicts](p).Verdicts...)
	}
	return out
}

// head is where the county stands.
func (c *county) head() (h se.Head) {
	require.NoError(c.t, c.store.View(func(tx se.ReadTx) (err error) { h, err = tx.Head(); return err }))
	return h
}

func (c *county) principal(device string) (p *se.Principal) {
	require.NoError(c.t, c.store.View(func(tx se.ReadTx) (err error) { p, err = tx.Principal(device); return err }))
	require.NotNil(c.t, p)
	return p
}

// digest is over everything that people see of the county: all rows of all record types but the probe's, and the
// directory. What waits in quarantine, verdicts, contacts and the audit log are not in it.
func (c *county) digest(except ...se.RowID) string {
	c.t.Helper()
	h := sha256.New()
	for _, t := range c.schema.Tables {
		c.sum(h, `SELECT * FROM "`+ddl.CentreTable(t)+`" ORDER BY id`, except)
	}
	for _, query := range []string{
		`SELECT * FROM org_unit ORDER BY code`, `SELECT * FROM assignment ORDER BY id`, `SELECT * FROM enrolment_code ORDER BY hash`, `SELECT * FROM settings ORDER BY key`,
		`SELECT id, login, name, password, passwords, disabled_at FROM account ORDER BY id`, `SELECT id, account, revoked_at, erased_at FROM device ORDER BY id`,
		`SELECT * FROM territory_plan ORDER BY id`,
	} {
		c.sum(h, query, nil)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (c *county) sum(w io.Writer, query string, except []se.RowID) {
	rows, err := c.store.Reader().QueryContext(ctx, query)
	require.NoError(c.t, err, query)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(c.t, err)
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
next:
	for rows.Next() {
		require.NoError(c.t, rows.Scan(into...))
		for i, name := range names {
			if s := fmt.Sprint(values[i]); name == "id" {
				for _, id := range except {
					if s == string(id) {
						continue next
					}
				}
			}
		}
		fmt.Fprintf(w, "%v\n", values)
	}
	require.NoError(c.t, rows.Err())
}
