package gateway_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// shake tries a handshake with these headers; a nil value takes a header away.
func shake(t *testing.T, url string, h map[string][]string) (status int, sentence string, resp *http.Response) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, strings.Replace(url, "ws", "http", 1), nil)
	require.NoError(t, err)
	for k, v := range map[string][]string{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Sec-Websocket-Protocol": {wire.SubprotocolJSON}, "Authorization": {"Bearer token-" + deviceID(1)},
	} {
		req.Header[k] = v
	}
	for k, v := range h {
		switch {
		case k == "Host":
			req.Host = v[0]
		case v == nil:
			delete(req.Header, k)
		default:
			req.Header[k] = v
		}
	}
	resp, err = http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp.StatusCode, "", resp
	}
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b), resp
}

func TestHandshake(t *testing.T) {
	c := open(t)
	c.tokens.fail[deviceID(7)] = gateway.ErrRevoked
	c.tokens.fail[deviceID(8)] = errors.New("the store is gone")
	type header = map[string][]string
	for _, x := range []struct {
		name   string
		query  string
		header header
		status int
		says   string
	}{
		{"all is well", "", nil, 101, ""},
		{"both subprotocols", "", header{"Sec-Websocket-Protocol": {"chat, doorstep.v1, doorstep.v1.json"}}, 101, ""},
		{"no subprotocol", "", header{"Sec-Websocket-Protocol": nil}, 400, "doorstep.v1.json"},
		{"unknown subprotocol", "", header{"Sec-Websocket-Protocol": {"doorstep.v2"}}, 400, "doorstep.v1.json"},
		{"subprotocol in capitals", "", header{"Sec-Websocket-Protocol": {"DOORSTEP.V1"}}, 400, "doorstep.v1.json"},
		{"token in the query", "?token=token-" + deviceID(1), nil, 400, "never into an address"},
		{"access_token in the query", "?access_token=x", header{"Authorization": nil}, 400, "never into an address"},
		{"any query", "?a=1", nil, 400, "no parameters"},
		{"no token, no page", "", header{"Authorization": nil}, 403, "Authorization"},
		{"bad token", "", header{"Authorization": {"Bearer nonsense"}}, 401, "not valid"},
		{"no scheme", "", header{"Authorization": {"token-" + deviceID(1)}}, 401, "Bearer"},
		{"another scheme", "", header{"Authorization": {"Basic dG9rZW46eA=="}}, 401, "Bearer"},
		{"empty token", "", header{"Authorization": {"Bearer "}}, 401, "Bearer"},
		{"two tokens", "", header{"Authorization": {"Bearer token-" + deviceID(1), "Bearer token-" + deviceID(2)}}, 401, "Bearer"},
		{"scheme in small letters", "", header{"Authorization": {"bearer token-" + deviceID(1)}}, 101, ""},
		{"revoked", "", header{"Authorization": {"Bearer token-" + deviceID(7)}}, 403, "supervisor"},
		{"cannot check tokens", "", header{"Authorization": {"Bearer token-" + deviceID(8)}}, 503, "come back"},
		{"no WebSocket", "", header{"Connection": nil, "Upgrade": nil}, 426, "WebSocket"},
		{"old WebSocket", "", header{"Sec-Websocket-Version": {"8"}}, 400, "handshake"},
		{"no key", "", header{"Sec-Websocket-Key": nil}, 400, "handshake"},
		{"compression is offered", "", header{"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}}, 101, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			status, sentence, resp := shake(t, c.url()+x.query, x.header)
			require.Equal(t, x.status, status, sentence)
			require.Contains(t, sentence, x.says)
			require.NotContains(t, sentence, "token-", "an answer never repeats a token")
			require.Empty(t, resp.Header["Sec-Websocket-Extensions"], "compression is never agreed to")
		})
	}
	req, _ := http.NewRequest(http.MethodPost, strings.Replace(c.url(), "ws", "http", 1), nil)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	http.DefaultClient.CloseIdleConnections()
}

// Origin: which pages may connect (reliability.md S9).
func TestOrigin(t *testing.T) {
	c := open(t, func(o *gateway.Options) { o.Origins = []string{"https://Console.example.org", "http://localhost:5173"} })
	const host = "doorstep.example:8443"
	for _, x := range []struct {
		origin []string
		host   string
		token  bool // in the Authorization header
		ok     bool
	}{
		{nil, host, true, true},
		{nil, host, false, false},
		{[]string{"https://doorstep.example:8443"}, host, false, true},
		{[]string{"https://doorstep.example:8443"}, host, true, true},
		{[]string{"HTTPS://DOORSTEP.example:8443"}, host, false, true},
		{[]string{"http://doorstep.example:8443"}, host, false, true}, // a proxy may end TLS: only the host can be compared
		{[]string{"https://doorstep.example"}, "doorstep.example", false, true},
		{[]string{"https://doorstep.example:443"}, "doorstep.example", false, true},
		{[]string{"http://doorstep.example"}, "doorstep.example:80", false, true},
		{[]string{"http://[::1]:8080"}, "[::1]:8080", false, true},
		{[]string{"https://console.example.org"}, host, false, true},
		{[]string{"https://console.example.org:443"}, host, false, true},
		{[]string{"http://localhost:5173"}, host, false, true},

		{[]string{"https://evil.example"}, host, false, false},
		{[]string{"https://evil.example"}, host, true, false}, // a token does not make up for a foreign page
		{[]string{"null"}, host, false, false},
		{[]string{""}, host, true, false},
		{[]string{"https://doorstep.example"}, host, false, false},      // another port
		{[]string{"https://doorstep.example:8444"}, host, false, false}, //
		{[]string{"https://doorstep.example:8443.evil.example"}, host, false, false},
		{[]string{"https://doorstep.example.evil.example:8443"}, host, false, false},
		{[]string{"https://evildoorstep.example:8443"}, host, false, false},
		{[]string{"https://a.doorstep.example:8443"}, host, false, false},
		{[]string{"https://doorstep.example:8443@evil.example"}, host, false, false},
		{[]string{"https://evil.example/doorstep.example:8443"}, host, false, false},
		{[]string{"https://doorstep.example:8443/"}, host, false, false},
		{[]string{"https://doorstep.example:8443?x"}, host, false, false},
		{[]string{"https://doorstep.example:8443#x"}, host, false, false},
		{[]string{"//doorstep.example:8443"}, host, false, false},
		{[]string{"doorstep.example:8443"}, host, false, false},
		{[]string{"file://doorstep.example:8443"}, host, false, false},
		{[]string{"chrome-extension://abcdef"}, host, false, false},
		{[]string{"https://"}, host, false, false},
		{[]string{"https://doorstep.example:8443 https://evil.example"}, host, false, false},
		{[]string{"https://doorstep.example:8443", "https://evil.example"}, host, false, false},
		{[]string{"http://console.example.org"}, host, false, false}, // the list names the scheme too
		{[]string{"https://a.console.example.org"}, host, false, false},
		{[]string{"https://console.example.org.evil.example"}, host, false, false},
	} {
		name := strings.Join(x.origin, " + ")
		h := map[string][]string{"Host": {x.host}, "Origin": x.origin}
		if !x.token {
			h["Authorization"] = nil
		}
		status, sentence, _ := shake(t, c.url(), h)
		if x.ok {
			require.Equal(t, 101, status, "%s at %s: %s", name, x.host, sentence)
		} else {
			require.Equal(t, 403, status, "%s at %s: %s", name, x.host, sentence)
		}
	}
	for _, bad := range []string{"null", "*", "console.example.org", "https://console.example.org/", "ws://x"} {
		_, err := gateway.New(gateway.Options{Origins: []string{bad}, Now: time.Now})
		require.Error(t, err, bad)
	}
}

// A page gives its token in Hello; until then it may send little, and only Hello.
func TestTokenInHello(t *testing.T) {
	heard := make(chan se.Hello, 10)
	c := open(t, func(o *gateway.Options) { o.Centre = listening{o.Centre, heard} })
	page := func(token, device string) *phone {
		ws, _, err := websocket.DefaultDialer.Dial(c.url(), http.Header{
			"Origin": {c.server.URL}, "Sec-Websocket-Protocol": {wire.SubprotocolJSON},
		})
		require.NoError(t, err)
		t.Cleanup(func() { ws.Close() })
		p := &phone{t: t, ws: ws, format: wire.JSON, i: 3, patience: 30 * time.Second}
		p.hello.Device, p.hello.Token = device, token
		return p
	}
	good := page("token-"+deviceID(3), deviceID(3))
	good.greet()
	good.works()
	require.Empty(t, await.Value(t, heard, "a Hello").Token, "nobody behind the gateway hears the token")
	for token, code := range map[string]int{
		"": wire.CloseUnauthorised, "nonsense": wire.CloseUnauthorised, "token-" + deviceID(4): wire.CloseUnauthorised,
	} {
		p := page(token, deviceID(3))
		p.send([]byte(`{"hello":{"device":"` + deviceID(3) + `","token":"` + token + `"}}`))
		notice, got := p.closed()
		require.Equal(t, code, got)
		require.NotContains(t, notice.Text, "token-")
	}
	p := page("", "")
	p.send([]byte(`{"notice":{"text":"` + strings.Repeat("x", 64<<10) + `"}}`))
	_, got := p.closed()
	require.Equal(t, wire.CloseTooLarge, got)
	good.works()
}

// listening is a Centre that tells which Hellos it got.
type listening struct {
	gateway.Centre
	heard chan se.Hello
}

func (l listening) Welcome(h se.Hello) (*se.Welcome, error) {
	select {
	case l.heard <- h:
	default: // enough of them were heard
	}
	return l.Centre.Welcome(h)
}

// A device's token opens no other device's replica (S2, S22).
func TestTokenOfAnotherDevice(t *testing.T) {
	c := open(t)
	p := c.dial(1, wire.Binary)
	p.hello.Device = deviceID(2)
	p.send(encode(t, p))
	notice, code := p.closed()
	require.Equal(t, wire.CloseUnauthorised, code)
	require.False(t, notice.Code.Retry())
}
