package device_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// office is a real centre in a process of its own, and the person who administers it.
type office struct {
	t     *testing.T
	url   string
	token string
}

// opened starts doorstepd on an empty folder and makes the first administrator.
func opened(t *testing.T) *office {
	t.Helper()
	cmd := exec.Command(doorstepd(t), "serve", "--json", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data"), "--log-level", "error")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err)
	var g struct {
		URL       string `json:"url"`
		AdminCode string `json:"admin_code"`
	}
	require.NoError(t, json.Unmarshal(line, &g))
	o := &office{t: t, url: g.URL}
	o.administered(g.AdminCode)
	return o
}

// administered makes the first administrator, with the code that a new centre prints, and signs him in.
func (o *office) administered(code string) {
	o.t.Helper()
	o.token = ""
	o.token = o.post("/v1/bootstrap", map[string]any{"code": code, "login": "admin", "name": "管理员", "password": "long enough 1"})["token"].(string)
}

// divisions makes a county with one grid.
func (o *office) divisions() {
	o.t.Helper()
	o.post("/v1/org/import", "code,name,level,parent\n370115,济阳区,county,\n370115003,崔寨街道,street,370115\n370115003239,王河,community,370115003\n"+
		grid+",第一网格,grid,370115003239\n")
}

func (o *office) post(path string, body any) map[string]any {
	o.t.Helper()
	kind := "application/json"
	b, err := json.Marshal(body)
	require.NoError(o.t, err)
	if csv, ok := body.(string); ok {
		kind, b = "text/csv", []byte(csv)
	}
	req, err := http.NewRequest(http.MethodPost, o.url+path, bytes.NewReader(b))
	require.NoError(o.t, err)
	req.Header.Set("Content-Type", kind)
	if o.token != "" {
		req.Header.Set("Authorization", "Bearer "+o.token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(o.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(o.t, err)
	require.Equal(o.t, 2, resp.StatusCode/100, "%s: %s", path, text)
	out := map[string]any{}
	if len(text) > 0 {
		require.NoError(o.t, json.Unmarshal(text, &out), "%s", text)
	}
	return out
}

func (o *office) get(path string) map[string]any {
	o.t.Helper()
	req, err := http.NewRequest(http.MethodGet, o.url+path, nil)
	require.NoError(o.t, err)
	req.Header.Set("Authorization", "Bearer "+o.token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(o.t, err)
	defer resp.Body.Close()
	out := map[string]any{}
	require.NoError(o.t, json.NewDecoder(resp.Body).Decode(&out))
	require.Equal(o.t, http.StatusOK, resp.StatusCode, "%s: %v", path, out)
	return out
}

// person makes an account with a role in the grid and gives an enrolment code.
func (o *office) person(login, role string) (code string) {
	o.t.Helper()
	id := o.post("/v1/accounts", map[string]any{"login": login, "name": login})["id"]
	o.post("/v1/assignments", map[string]any{"account": id, "role": role, "scope": grid})
	return o.post("/v1/codes", map[string]any{"account": id})["code"].(string)
}

// enrolled makes a replica and enrols it. It gives the way to the centre too.
func (o *office) enrolled(login, role string) (*device.Replica, device.Remote) {
	o.t.Helper()
	r, err := device.Create(filepath.Join(o.t.TempDir(), login+".db"), device.Options{App: "test 1"})
	require.NoError(o.t, err)
	o.t.Cleanup(func() { _ = r.Close() })
	code := o.person(login, role)
	_, err = r.Enrol(bg, device.Enrolment{Centre: o.url, Code: "AAAAA-AAAAA", Label: login})
	require.Equal(o.t, device.CodeCodeRefused, device.CodeOf(err), "%v", err)
	id, err := r.Enrol(bg, device.Enrolment{Centre: o.url, Code: strings.ToLower(code), Label: login})
	require.NoError(o.t, err)
	require.Len(o.t, id.Device, 36)
	info, err := os.Stat(device.KeyPath(r.Path()))
	require.NoError(o.t, err)
	require.Equal(o.t, os.FileMode(0o600), info.Mode().Perm())
	tokens, err := r.KeyTokens(bg, nil)
	require.NoError(o.t, err)
	remote, err := device.WebSocket(o.url, tokens, device.WebSocketOptions{})
	require.NoError(o.t, err)
	return r, remote
}

// From an enrolment code to a row on another device, with the program that a county runs.
func TestAgainstARealCentre(t *testing.T) {
	o := opened(t)
	o.divisions()
	boss, bossWay := o.enrolled("boss", "supervisor")
	a, aWay := o.enrolled("wang", "grid_worker")
	synced(t, boss, bossWay)
	b := insert(t, boss, "building", map[string]any{"no": "1"})
	require.Equal(t, 1, synced(t, boss, bossWay).Kinds[se.Accepted])

	synced(t, a, aWay)
	d := insert(t, a, "dwelling", map[string]any{"building_id": b, "room_no": "101"})
	h := insert(t, a, "household", map[string]any{"dwelling_id": d, "phone": "13812345678"})
	report := synced(t, a, aWay)
	require.Equal(t, 2, report.Kinds[se.Accepted])
	require.Positive(t, report.In)
	require.Positive(t, report.Out)
	synced(t, boss, bossWay)
	require.Equal(t, device.MarkDone, mark(t, boss, "household", h))
	require.Equal(t, dump(t, a), dump(t, boss))

	_, err := a.Enrol(bg, device.Enrolment{Centre: o.url, Code: "x"})
	require.Equal(t, device.CodeEnrolled, device.CodeOf(err))
	who, err := a.Identity(bg)
	require.NoError(t, err)
	o.post("/v1/devices/"+who.Device+"/revoke", map[string]any{})
	ctx, cancel := timeout()
	defer cancel()
	_, err = a.Sync(ctx, aWay)
	require.Equal(t, device.CodeRevoked, device.CodeOf(err), "%v", err)

	require.NoError(t, os.Chmod(device.KeyPath(boss.Path()), 0o644))
	_, err = boss.KeyTokens(bg, nil)
	require.Equal(t, device.CodeKey, device.CodeOf(err), "a key that others may read is not used")
	require.NoError(t, os.WriteFile(device.KeyPath(boss.Path()), []byte("x"), 0o600))
	require.NoError(t, os.Chmod(device.KeyPath(boss.Path()), 0o600))
	_, err = boss.KeyTokens(bg, nil)
	require.Equal(t, device.CodeKey, device.CodeOf(err))
}

// turnTokens gives one token after the other, and counts how often it was told to forget one.
type turnTokens struct {
	mu     sync.Mutex
	list   []string
	forgot int
}

func (t *turnTokens) Token(_ context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list[0], nil
}

func (t *turnTokens) Refresh() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgot++
	if len(t.list) > 1 {
		t.list = t.list[1:]
	}
}

func TestATokenThatIsNotTakenIsRenewedOnce(t *testing.T) {
	c := newCounty(t)
	url := c.serve(t)
	a := c.device(t, filepath.Join(t.TempDir(), "a.db"), deviceA)
	tokens := &turnTokens{list: []string{"stale", deviceA}}
	remote, err := device.WebSocket(url, tokens, device.WebSocketOptions{})
	require.NoError(t, err)
	synced(t, a, remote)
	require.Equal(t, 1, tokens.forgot)

	tokens = &turnTokens{list: []string{"stale"}}
	remote, err = device.WebSocket(url, tokens, device.WebSocketOptions{})
	require.NoError(t, err)
	ctx, cancel := timeout()
	defer cancel()
	_, err = a.Sync(ctx, remote)
	require.Equal(t, device.CodeUnauthorised, device.CodeOf(err))
	require.Equal(t, 1, tokens.forgot)
}

func TestJSONConversation(t *testing.T) {
	c := newCounty(t)
	url := c.serve(t)
	a := c.device(t, filepath.Join(t.TempDir(), "a.db"), deviceA)
	remote, err := device.WebSocket(url, device.TokenText(deviceA), device.WebSocketOptions{Format: wire.JSON})
	require.NoError(t, err)
	synced(t, a, remote)
	household(t, a)
	require.Equal(t, 1, synced(t, a, remote).Kinds[se.Accepted])
}

func TestTheTokenIsNeverInTheAddress(t *testing.T) {
	seen := make(chan *http.Request, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case seen <- r:
		default: // one is enough
		}
		http.Error(w, "no", http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	remote, err := device.WebSocket(srv.URL, device.TokenText("canary-token"), device.WebSocketOptions{})
	require.NoError(t, err)
	_, err = remote.Dial(bg)
	require.Equal(t, device.CodeStopping, device.CodeOf(err))
	require.NotContains(t, err.Error(), "canary")
	r := await.Value(t, seen, "a request")
	require.Equal(t, "/v1/sync", r.URL.String())
	require.Equal(t, "Bearer canary-token", r.Header.Get("Authorization"))
	require.Equal(t, wire.SubprotocolBinary, r.Header.Get("Sec-Websocket-Protocol"))
	require.Empty(t, r.Header.Get("Sec-Websocket-Extensions"), "no compression: a small message must not unfold into a large one")
	for _, bad := range []string{"ftp://x", "//x", "http://", "http://u:p@x", "https://x?token=1", "x y"} {
		_, err := device.WebSocket(bad, device.TokenText("t"), device.WebSocketOptions{})
		require.Error(t, err, bad)
	}
}

// rough is a centre that does what no centre should.
func rough(t *testing.T, answer func(ws *websocket.Conn)) error {
	t.Helper()
	up := websocket.Upgrader{Subprotocols: []string{wire.SubprotocolBinary}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		_, _, _ = ws.ReadMessage() // Hello
		answer(ws)
		_, _, _ = ws.ReadMessage()
	}))
	defer srv.Close()
	r := create(t)
	id := dwelling(t, r)
	remote, err := device.WebSocket(srv.URL, device.TokenText("t"), device.WebSocketOptions{})
	require.NoError(t, err)
	ctx, cancel := timeout()
	defer cancel()
	_, err = r.Sync(ctx, remote)
	require.Error(t, err)
	require.Equal(t, device.MarkSaved, mark(t, r, "household", id))
	return err
}

func TestRoughCentres(t *testing.T) {
	send := func(m session.Message) func(*websocket.Conn) {
		b, err := wire.Marshal(m, wire.Binary)
		require.NoError(t, err)
		return func(ws *websocket.Conn) { _ = ws.WriteMessage(websocket.BinaryMessage, b) }
	}
	closing := func(code int) func(*websocket.Conn) {
		return func(ws *websocket.Conn) {
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
		}
	}
	for name, x := range map[string]struct {
		answer func(*websocket.Conn)
		code   device.Code
		retry  bool
	}{
		"no protobuf":      {func(ws *websocket.Conn) { _ = ws.WriteMessage(websocket.BinaryMessage, []byte{0xff, 1}) }, device.CodeProtocol, true},
		"text frame":       {func(ws *websocket.Conn) { _ = ws.WriteMessage(websocket.TextMessage, []byte("{}")) }, device.CodeProtocol, true},
		"too large":        {func(ws *websocket.Conn) { _ = ws.WriteMessage(websocket.BinaryMessage, make([]byte, 49<<20)) }, device.CodeProtocol, true},
		"no Welcome first": {send(&session.Verdicts{}), device.CodeProtocol, true},
		"device's message": {send(&session.Seen{}), device.CodeProtocol, true},
		"hangs up":         {func(ws *websocket.Conn) { _ = ws.Close() }, device.CodeOffline, true},
		"stopping":         {closing(wire.CloseStopping), device.CodeStopping, true},
		"revoked":          {closing(wire.CloseRevoked), device.CodeRevoked, false},
		"clone":            {closing(wire.CloseClone), device.CodeClone, false},
		"notice":           {send(&session.Notice{Code: session.NoticeInternal, Text: "x", Close: true}), device.CodeCentre, true},
		"knows more of us": {send(&session.Welcome{Welcome: se.Welcome{Epoch: 1, View: "v", LastN: 9, Limits: se.DefaultLimits}}), device.CodeClone, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := rough(t, x.answer)
			var e *device.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, x.code, e.Code, "%v", err)
			require.Equal(t, x.retry, e.Retry)
			require.NotEmpty(t, e.In("zh-CN"))
		})
	}
}
