package badinput

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// forge makes tokens of any header and claims with the centre's own key, so that each bad one is bad for one reason.
type forge struct {
	key    ed25519.PrivateKey
	header map[string]any
	claims string
	good   string
}

func newForge(t testing.TB, keyFile, good string) *forge {
	text, err := os.ReadFile(keyFile)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	f := &forge{key: key.(ed25519.PrivateKey), good: good}
	parts := strings.Split(good, ".")
	h, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(h, &f.header))
	c, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	f.claims = string(c)
	return f
}

func (f *forge) sign(header, claims string) string {
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(ed25519.Sign(f.key, []byte(text)))
}

// head is the good token with one name of its header changed; nil takes it away.
func (f *forge) head(name string, v any) string { return f.sign(f.headed(name, v), f.claims) }

func (f *forge) headed(name string, v any) string {
	h := maps.Clone(f.header)
	if h[name] = v; v == nil {
		delete(h, name)
	}
	b, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (f *forge) own() string { return f.headed("alg", f.header["alg"]) }

// claim is the good token with one of its claims changed.
func (f *forge) claim(name string, v any) string {
	var c map[string]any
	d := json.NewDecoder(strings.NewReader(f.claims))
	d.UseNumber()
	if err := d.Decode(&c); err != nil {
		panic(err)
	}
	was, err := json.Marshal(c[name])
	if err != nil {
		panic(err)
	}
	now, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	old := fmt.Sprintf("%q:%s", name, was)
	if !strings.Contains(f.claims, old) {
		panic("bug: no claim " + name)
	}
	changed := strings.Replace(f.claims, old, fmt.Sprintf("%q:%s", name, now), 1)
	if v == nil {
		changed = strings.Replace(strings.Replace(f.claims, old+",", "", 1), ","+old, "", 1)
	}
	return f.sign(f.own(), changed)
}

func (f *forge) hs256(secret []byte) string {
	text := b64([]byte(f.headed("alg", "HS256"))) + "." + b64([]byte(f.claims))
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(text))
	return text + "." + b64(m.Sum(nil))
}

// tokens are bad ones that can stand in a header.
func (f *forge) tokens() map[string]string {
	p := strings.Split(f.good, ".")
	public := f.key.Public().(ed25519.PublicKey)
	stranger := &forge{key: ed25519.NewKeyFromSeed(make([]byte, 32))}
	none := func(alg string) string { return b64([]byte(f.headed("alg", alg))) + "." + p[1] + "." }
	now := time.Now().Unix()
	return map[string]string{
		"a dot": ".", "two dots": "..", "a word": "canary", "one part": p[0], "two parts": p[0] + "." + p[1], "four parts": f.good + ".x", "no signature": p[0] + "." + p[1] + ".", "no header": "." + p[1] + "." + p[2], "no claims": p[0] + ".." + p[2],
		"padding": f.good + "=", "quoted": `"` + f.good + `"`, "too long": strings.Repeat("A", 5000), "dots": strings.Repeat(".", 3000),
		"alg none": none("none"), "alg nONE": none("nONE"), "alg None": none("None"), "alg HS256, public key": f.hs256(public), "alg HS256, nothing": f.hs256(nil), "alg ES256": f.head("alg", "ES256"), "alg missing": f.head("alg", nil), "alg a number": f.head("alg", 1),
		"kid missing": f.head("kid", nil), "kid empty": f.head("kid", ""), "kid a path": f.head("kid", "../../../dev/null"), "kid SQL": f.head("kid", "' OR 1=1 --"), "kid URL": f.head("kid", "https://evil.example/key"), "another's key": stranger.sign(f.own(), f.claims),
		"jwk": stranger.sign(f.headed("jwk", map[string]string{"kty": "OKP"}), f.claims), "jku": f.head("jku", "https://evil.example"), "crit": f.head("crit", []string{"exp"}), "zip": f.head("zip", "DEF"), "typ JWT": f.head("typ", "JWT"), "typ missing": f.head("typ", nil),
		"signature of zeros": p[0] + "." + p[1] + "." + b64(make([]byte, 64)), "claims changed": p[0] + "." + b64([]byte(strings.Replace(f.claims, `"cty":1`, `"cty":2`, 1))) + "." + p[2],
		"exp past": f.claim("exp", now-60), "exp a string": f.claim("exp", "tomorrow"), "exp missing": f.claim("exp", nil), "exp zero": f.claim("exp", 0), "nbf to come": f.claim("nbf", now+600), "iat to come": f.claim("iat", now+600),
		"aud other": f.claim("aud", "nobody"), "aud a list": f.claim("aud", []string{"sync"}), "aud missing": f.claim("aud", nil), "iss other": f.claim("iss", "doorstep:2"), "cty other": f.claim("cty", 2), "sub nobody": f.claim("sub", "0190163d-8694-739b-aea5-966c26f8ad90"),
		"sub empty": f.claim("sub", ""), "jti missing": f.claim("jti", nil), "claims a list": f.sign(f.own(), "[]"),
	}
}

// tokensRun hands bad tokens in: in the handshake, in Hello, in REST calls.
func (w *twins) tokensRun(t *testing.T, c *corpus) {
	p := w.phones["worker"]
	list := newForge(t, w.keyFile, p.token).tokens()
	require.LessOrEqual(t, len(list), most)
	console := newForge(t, w.keyFile, w.tokens["admin"]).tokens()
	t.Run("a token that is none, in the handshake", func(t *testing.T) {
		defer w.on(t)()
		for _, name := range sorted(list) {
			t.Run(name, func(t *testing.T) {
				_, err := w.auth.Device(ctx, list[name])
				require.True(t, messages.Is(err, messages.TokenBad), "%v", err)
				r := w.knock(t, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+list[name]) })
				require.Equal(t, http.StatusUnauthorized, r)
			})
			c.note("a token that is none, in the handshake", "handshake", "401")
		}
	})
	t.Run("a token that is none, in Hello", func(t *testing.T) {
		defer w.on(t)()
		for _, name := range sorted(list) {
			t.Run(name, func(t *testing.T) {
				defer w.on(t)()
				q := *p
				q.ws = nil
				q.dialBare(t)
				h := q.hello()
				h.Token = list[name]
				q.say(&session.Hello{Hello: h})
				notice, code := q.closed()
				require.NotNil(t, notice)
				require.Equal(t, session.NoticeUnauthorised, notice.Code)
				require.Equal(t, wire.CloseCode(session.NoticeUnauthorised), code)
				require.NotContains(t, notice.Text, list[name])
				w.noticed(notice)
			})
			c.note("a token that is none, in Hello", "message", "closed `unauthorised` (4401)")
		}
	})
	t.Run("a token that is none, in a REST call", func(t *testing.T) {
		defer w.on(t)()
		for _, name := range sorted(console) {
			t.Run(name, func(t *testing.T) {
				_, err := w.auth.Console(ctx, console[name])
				require.True(t, messages.Is(err, messages.TokenBad), "%v", err)
				w.rested(t, &call{method: "GET", path: "/v1/me", token: console[name], status: http.StatusUnauthorized, key: messages.TokenBad})
			})
			c.note("a token that is none, in a REST call", "REST", "401 `token_invalid`")
		}
	})
	require.NotEmpty(t, p.id)
}

// dialBare opens a socket without a token, as a browser does.
func (p *phone) dialBare(t *testing.T) {
	ws, resp, err := dialer.Dial(strings.Replace(p.c.server.URL, "http", "ws", 1)+"/v1/sync", http.Header{"Origin": {p.c.server.URL}, "Sec-Websocket-Protocol": {wire.SubprotocolJSON}})
	if err != nil && resp != nil {
		b, _ := io.ReadAll(resp.Body)
		require.NoError(t, err, "%s: %s", resp.Status, b)
	}
	require.NoError(t, err)
	p.ws, p.format, p.frames = ws, wire.JSON, 0
}

// knock asks for a socket with a request that is changed, through the socket and without: the status must be one.
func (w *twins) knock(t *testing.T, change func(*http.Request)) int {
	t.Helper()
	ask := func() *http.Request {
		r, err := http.NewRequest(http.MethodGet, w.server.URL+"/v1/sync", nil)
		require.NoError(t, err)
		for k, v := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": wire.SubprotocolJSON,
			"Authorization": "Bearer " + w.phones["worker"].token,
		} {
			r.Header.Set(k, v)
		}
		change(r)
		return r
	}
	resp, err := http.DefaultTransport.RoundTrip(ask())
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	require.NoError(t, err)
	alone := httptest.NewRecorder()
	r := ask()
	r.Host = strings.TrimPrefix(w.server.URL, "http://")
	if h := ask().Host; h != "" {
		r.Host = h
	}
	w.gate.ServeHTTP(alone, r)
	require.Equal(t, resp.StatusCode, alone.Code)
	require.Equal(t, alone.Body.String(), string(text))
	require.GreaterOrEqual(t, len(text), 20, "a sentence")
	return resp.StatusCode
}

// handshakes are requests for a socket that are not granted.
func (w *twins) handshakes(t *testing.T, c *corpus) {
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del(name)
			for _, v := range values {
				r.Header.Add(name, v)
			}
		}
	}
	query := func(q string) func(*http.Request) { return func(r *http.Request) { r.URL.RawQuery = q } }
	token := w.phones["worker"].token
	for _, class := range []struct {
		name   string
		status int
		list   map[string]func(*http.Request)
	}{
		{"a subprotocol that is not spoken", 400, map[string]func(*http.Request){
			"none": header("Sec-WebSocket-Protocol"), "v2": header("Sec-WebSocket-Protocol", "doorstep.v2"), "upper case": header("Sec-WebSocket-Protocol", "DOORSTEP.V1"), "graphql": header("Sec-WebSocket-Protocol", "graphql-ws"),
			"a part": header("Sec-WebSocket-Protocol", "doorstep"), "with a space": header("Sec-WebSocket-Protocol", "doorstep .v1"), "long": header("Sec-WebSocket-Protocol", strings.Repeat("x", 5000)),
		}},
		{"something in the address", 400, map[string]func(*http.Request){
			"a token": query("token=" + token), "an access token": query("access_token=x"), "anything": query("a=b"), "an empty name": query("="), "no form": query("%zz"), "Authorization": query("Authorization=Bearer+x"), "long": query(strings.Repeat("q", 5000)),
		}},
		{"no WebSocket", 426, map[string]func(*http.Request){
			"no Upgrade": header("Upgrade"), "another Upgrade": header("Upgrade", "h2c"), "no Connection": header("Connection"), "another Connection": header("Connection", "close"),
		}},
		{"another method", 405, map[string]func(*http.Request){
			"POST": func(r *http.Request) { r.Method = "POST" }, "PUT": func(r *http.Request) { r.Method = "PUT" }, "DELETE": func(r *http.Request) { r.Method = "DELETE" }, "OPTIONS": func(r *http.Request) { r.Method = "OPTIONS" }, "TRACE": func(r *http.Request) { r.Method = "TRACE" },
		}},
		{"a page of somebody else", 403, map[string]func(*http.Request){
			"another host": header("Origin", "https://evil.example"), "null": header("Origin", "null"), "a longer name": header("Origin", w.server.URL+".evil.example"), "another port": header("Origin", "http://127.0.0.1:1"), "another scheme": header("Origin", "ftp://x"),
			"nonsense": header("Origin", "%%%"), "two": header("Origin", w.server.URL, "https://evil.example"), "a file": header("Origin", "file://"), "an extension": header("Origin", "chrome-extension://abc"), "with a path": header("Origin", "https://evil.example/"+w.server.URL),
		}},
		{"an Authorization that is none", 401, map[string]func(*http.Request){
			"empty scheme": header("Authorization", " "+token), "Basic": header("Authorization", "Basic "+token), "no scheme": header("Authorization", token), "no token": header("Authorization", "Bearer"), "only spaces": header("Authorization", "Bearer   "),
			"twice": header("Authorization", "Bearer "+token, "Bearer "+token), "two tokens": header("Authorization", "Bearer "+token+" "+token), "a comma": header("Authorization", "Bearer "+token+","), "a console's token": header("Authorization", "Bearer "+w.tokens["admin"]), "Token": header("Authorization", "Token "+token),
		}},
	} {
		t.Run(class.name, func(t *testing.T) {
			defer w.on(t)()
			for _, name := range sorted(class.list) {
				t.Run(name, func(t *testing.T) { require.Equal(t, class.status, w.knock(t, class.list[name])) })
				c.note(class.name, "handshake", fmt.Sprint(class.status))
			}
		})
	}
}
