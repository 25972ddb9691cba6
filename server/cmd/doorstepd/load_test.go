package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/auth"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

const grid = "370115003239001"

const orgFile = `code,name,level,parent,grid_type
37,山东省,province,,
3701,济南市,city,37,
370115,济阳区,county,3701,
370115003,崔寨街道,street,370115,
370115003239,王河村村民委员会,community,370115003,
370115003239001,王河第一网格,grid,370115003239,base
`

// busy is a phone that reports one hazard after another and counts what was acknowledged.
type busy struct {
	t       testing.TB
	url     string
	token   string
	ws      *websocket.Conn
	device  string
	account string
	n       int64
	prev    se.Hash
	clock   hlc.Clock
	schema  *schema.Schema
	acked   atomic.Int64
}

func uuid(n int64) string { return fmt.Sprintf("01890000-0000-7000-8000-%012x", n) }

// backedUp gives the data of a centre that a phone brought one changeset to, and its backup. The centre has ended.
func backedUp(t *testing.T) (data, file string) {
	t.Helper()
	dir := t.TempDir()
	data, file = filepath.Join(dir, "data"), filepath.Join(dir, "backup.db")
	r := start(t, data)
	b := r.peopled()
	require.True(t, b.push())
	require.NoError(t, b.ws.Close())
	doorstepd(t, exitOK, "backup", "--data", data, "--to", file)
	require.NoError(t, r.end())
	return data, file
}

// peopled makes administrator, units, a grid worker, and his phone, connected.
func (r *running) peopled() *busy {
	r.t.Helper()
	admin := r.call("POST", "/v1/bootstrap", "", map[string]string{"code": r.AdminCode, "login": "root", "name": "根", "password": "long enough password"}, 201)["token"].(string)
	req, err := http.NewRequest("POST", r.URL+"/v1/org/import", bytes.NewReader([]byte(orgFile)))
	require.NoError(r.t, err)
	req.Header.Set("Authorization", "Bearer "+admin)
	req.Header.Set("Content-Type", "text/csv")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	resp.Body.Close()
	require.Equal(r.t, 200, resp.StatusCode)
	account := r.call("POST", "/v1/accounts", admin, map[string]string{"login": "wang", "name": "王"}, 201)["id"].(string)
	r.call("POST", "/v1/assignments", admin, map[string]any{"account": account, "role": "grid_worker", "scope": grid}, 201)
	code := r.call("POST", "/v1/codes", admin, map[string]string{"account": account}, 201)["code"].(string)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(r.t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	device := r.call("POST", "/v1/enrol", "", map[string]string{"code": code, "public_key": b64(public), "label": "phone", "app": "t",
		"proof": b64(ed25519.Sign(private, auth.ProofText(auth.NormalCode(code), b64(public))))}, 201)["device"].(string)
	challenge := r.call("POST", "/v1/token/challenge", "", map[string]string{"device": device}, 200)["challenge"].(string)
	token := r.call("POST", "/v1/token", "", map[string]string{"device": device, "challenge": challenge,
		"signature": b64(ed25519.Sign(private, auth.SignedText(device, challenge)))}, 200)["token"].(string)
	s, err := load.Default()
	require.NoError(r.t, err)
	b := &busy{t: r.t, url: r.URL, token: token, device: device, account: account, schema: s}
	b.connect(&session.Hello{Hello: se.Hello{Device: device, App: "t", Schema: s.Version, Wall: time.Now().UnixMilli()}})
	return b
}

// connect opens a socket and says Hello.
func (b *busy) connect(h *session.Hello) *session.Welcome {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+b.url[len("http"):]+"/v1/sync", http.Header{"Authorization": {"Bearer " + b.token}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary}})
	require.NoError(b.t, err)
	b.ws = ws
	b.say(h)
	for {
		_, in, err := ws.ReadMessage()
		require.NoError(b.t, err)
		m, err := wire.Unmarshal(in, wire.Binary, se.DefaultLimits)
		require.NoError(b.t, err)
		if w, ok := m.(*session.Welcome); ok {
			return w
		}
	}
}

// hello opens a socket for one greeting.
func (b *busy) hello(h *session.Hello) *session.Welcome {
	w := b.connect(h)
	require.NoError(b.t, b.ws.Close())
	return w
}

func (b *busy) say(m session.Message) {
	text, err := wire.Marshal(m, wire.Binary)
	require.NoError(b.t, err)
	require.NoError(b.t, b.ws.WriteMessage(websocket.BinaryMessage, text))
}

// push reports a hazard and waits for its verdict. It gives false when the centre is gone.
func (b *busy) push() bool {
	b.n++
	now := time.Now().UnixMilli()
	c := se.Change{Table: "hazard", Row: se.RowID(uuid(b.n)), Op: se.OpInsert}
	for _, def := range b.schema.Table("hazard").Cells {
		switch def.Name {
		case "scope":
			c.Cells = append(c.Cells, se.CellWrite{Cell: "scope", Values: []schema.Value{schema.Text(grid)}})
		case "kind_code":
			c.Cells = append(c.Cells, se.CellWrite{Cell: "kind_code", Values: []schema.Value{schema.Text("stairs")}})
		case "description":
			c.Cells = append(c.Cells, se.CellWrite{Cell: "description", Values: []schema.Value{schema.Text(fmt.Sprint("第", b.n))}})
		}
	}
	cs := &se.Changeset{Device: b.device, N: b.n, Prev: b.prev, HLC: b.clock.Now(now), Wall: now, Boot: "b", Mono: now, Schema: b.schema.Version, Author: b.account, Changes: []se.Change{c}}
	b.prev = cs.Hash()
	text, err := wire.Marshal(&session.Push{Changesets: []*se.Changeset{cs}}, wire.Binary)
	require.NoError(b.t, err)
	if b.ws.WriteMessage(websocket.BinaryMessage, text) != nil {
		return false
	}
	for {
		_, in, err := b.ws.ReadMessage()
		if err != nil {
			return false
		}
		m, err := wire.Unmarshal(in, wire.Binary, se.DefaultLimits)
		require.NoError(b.t, err)
		if n, ok := m.(*session.Notice); ok && n.Close {
			b.t.Logf("the centre hangs up: %s %s", n.Code, n.Text)
		}
		if v, ok := m.(*session.Verdicts); ok && v.Verdicts[len(v.Verdicts)-1].N >= b.n {
			require.True(b.t, v.Verdicts[0].Kind.Effective(), "%+v", v.Verdicts[0].Reason)
			b.acked.Store(b.n)
			return true
		}
	}
}
