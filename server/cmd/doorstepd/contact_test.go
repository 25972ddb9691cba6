package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// call sends JSON with a token and wants an answer with this status.
func (r *running) call(method, path, token string, in any, want int) map[string]any {
	r.t.Helper()
	status, out := r.send(method, path, token, in)
	require.Equal(r.t, want, status, "%s %s: %v", method, path, out)
	return out
}

// After a device has spoken over its socket the device list tells when, how far its clock is off, and what it runs.
func TestDeviceListTellsOfContacts(t *testing.T) {
	r := start(t, filepath.Join(t.TempDir(), "data"))
	admin := r.call("POST", "/v1/bootstrap", "", map[string]string{"code": r.AdminCode, "login": "root", "name": "根", "password": "long enough password"}, 201)["token"].(string)
	account := r.call("GET", "/v1/me", admin, nil, 200)["account"].(map[string]any)["id"].(string)
	code := r.call("POST", "/v1/codes", admin, map[string]string{"account": account}, 201)["code"].(string)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	device := r.call("POST", "/v1/enrol", "", map[string]string{"code": code, "public_key": b64(public), "label": "phone", "app": "before/1",
		"proof": b64(ed25519.Sign(private, auth.ProofText(auth.NormalCode(code), b64(public))))}, 201)["device"].(string)
	challenge := r.call("POST", "/v1/token/challenge", "", map[string]string{"device": device}, 200)["challenge"].(string)
	token := r.call("POST", "/v1/token", "", map[string]string{"device": device, "challenge": challenge,
		"signature": b64(ed25519.Sign(private, auth.SignedText(device, challenge)))}, 200)["token"].(string)
	listed := func() map[string]any {
		return r.call("GET", "/v1/devices", admin, nil, 200)["devices"].([]any)[0].(map[string]any)
	}
	require.Equal(t, []any{nil, "before/1", nil}, []any{listed()["last_contact"], listed()["app"], listed()["schema"]})

	ws, _, err := websocket.DefaultDialer.Dial("ws"+r.URL[len("http"):]+"/v1/sync", http.Header{"Authorization": {"Bearer " + token}, "Sec-Websocket-Protocol": {wire.SubprotocolJSON}})
	require.NoError(t, err)
	defer ws.Close()
	before := time.Now()
	hello, err := json.Marshal(map[string]any{"hello": map[string]any{"device": device, "app": "after/2", "schema": 1, "wall": before.Add(time.Hour).UnixMilli()}})
	require.NoError(t, err)
	require.NoError(t, ws.WriteMessage(websocket.TextMessage, hello))
	require.NoError(t, ws.SetReadDeadline(before.Add(20*time.Second)))
	_, answer, err := ws.ReadMessage()
	require.NoError(t, err)
	require.Contains(t, string(answer), `"welcome"`)

	v := listed()
	require.Equal(t, []any{"after/2", 1.0}, []any{v["app"], v["schema"]})
	at, err := time.Parse(time.RFC3339, v["last_contact"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, before, at, 20*time.Second)
	require.InDelta(t, time.Hour.Milliseconds(), v["clock_offset_ms"], 20_000, "a clock that is fast counts as more")
	ws.Close()
	require.NoError(t, r.end())
}

// What a device had announced counts as waiting until all of it is at the centre, whatever else it sends.
func TestUnsentCountsDown(t *testing.T) {
	u := unsent{left: map[string]int64{}}
	require.False(t, u.took("a", 1), "nothing was announced")
	u.said("a", 3)
	u.said("b", 1)
	require.False(t, u.took("a", 2))
	require.False(t, u.took("a", 0))
	require.True(t, u.took("a", 2), "it wrote one more meanwhile")
	require.False(t, u.took("a", 1))
	u.said("b", 0)
	require.False(t, u.took("b", 1))
	require.Empty(t, u.left)
}

// A port that is taken is found out before anything is made.
func TestBusyPortLeavesNothingBehind(t *testing.T) {
	r := start(t, filepath.Join(t.TempDir(), "data"))
	data := filepath.Join(t.TempDir(), "new", "data")
	c := config{Listen: r.URL[len("http://"):], Data: data, County: 1, HouseholdType: "household"}
	err := serve(context.Background(), c, r.logger(), time.Now, func(greeting) { t.Error("it listens") })
	require.ErrorContains(t, err, "cannot listen on")
	require.NoDirExists(t, filepath.Dir(data))
	require.NoError(t, r.end())
}
