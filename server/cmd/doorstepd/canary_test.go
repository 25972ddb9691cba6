package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Canaries: an identity number with a right check digit, a phone number, a name, and what would be a line of the log if a
// line break were let through.
var canaries = []string{"11010519491231002X", "13987654321", "欧阳金丝雀", "\r\n{\"level\":\"error\",\"message\":\"forged-line\"}"}

// Whatever people and devices put where it does not belong, none of it reaches the log at its most talkative, the
// metrics, or the words of an error, which name a field and never repeat a value; and no line of the log is anybody's but the centre's (S20; ASVS 16.2.5, 16.4.1).
func TestCanariesReachNoLog(t *testing.T) {
	r := start(t, filepath.Join(t.TempDir(), "data"))
	admin := r.call("POST", "/v1/bootstrap", "", map[string]string{"code": r.AdminCode, "login": "root", "name": canaries[2], "password": "long enough password"}, 201)["token"].(string)
	account := r.call("GET", "/v1/me", admin, nil, 200)["account"].(map[string]any)["id"].(string)
	code := r.call("POST", "/v1/codes", admin, map[string]string{"account": account}, 201)["code"].(string)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	all := strings.Join(canaries[:3], " ")
	device := r.call("POST", "/v1/enrol", "", map[string]string{"code": code, "public_key": b64(public), "label": all, "app": canaries[1] + "/1",
		"proof": b64(ed25519.Sign(private, auth.ProofText(auth.NormalCode(code), b64(public))))}, 201)["device"].(string)
	challenge := r.call("POST", "/v1/token/challenge", "", map[string]string{"device": device}, 200)["challenge"].(string)
	token := r.call("POST", "/v1/token", "", map[string]string{"device": device, "challenge": challenge,
		"signature": b64(ed25519.Sign(private, auth.SignedText(device, challenge)))}, 200)["token"].(string)

	var answers strings.Builder
	ask := func(method, path, who, kind, body string) {
		req, err := http.NewRequest(method, r.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Doorstep-Reason", url.PathEscape(all+canaries[3]))
		req.Header.Set("User-Agent", all)
		req.Header.Set("X-Forwarded-For", all)
		req.Header.Set("Accept-Language", all)
		if who != "" {
			req.Header.Set("Authorization", "Bearer "+who)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		// Whoever asks for a unit is told the code that he asked for: no more than he typed, and where he typed it.
		if resp.StatusCode >= 400 && !bytes.Contains(b, []byte("unit_not_found")) {
			fmt.Fprintf(&answers, "%s %v\n", b, resp.Header)
		}
	}
	for _, c := range canaries {
		in, esc := mustJSON(c), url.PathEscape(c)
		for _, who := range []string{"", admin, token, c[:5] + "x"} {
			if strings.ContainsAny(who, "\r\n") {
				who = ""
			}
			for _, path := range []string{"/" + esc, "/v1/" + esc, "/v1/conflicts/" + esc, "/v1/history/" + esc + "/" + esc, "/v1/org/" + esc, "/v1/devices/" + esc, "/v1/accounts/" + esc, "/v1/quarantine/" + esc + "/1",
				"/v1/conflicts?status=" + url.QueryEscape(c), "/v1/org?q=" + url.QueryEscape(c), "/v1/org?unknown=" + url.QueryEscape(c), "/v1/conflicts?limit=" + url.QueryEscape(c), "/v1/sync?" + url.QueryEscape(c), "/debug/" + esc, "/metrics/" + esc, "/healthz/" + esc} {
				ask("GET", path, who, "text/plain", "")
			}
			for path, body := range map[string]string{
				"/v1/login": `{"login":` + in + `,"password":` + in + `}`, "/v1/accounts": `{"login":` + in + `,"name":5,"extra":` + in + `}`, "/v1/codes": `{"account":` + in + `}`,
				"/v1/enrol": `{"code":` + in + `,"public_key":` + in + `,"label":` + in + `,"app":` + in + `,"proof":` + in + `}`, "/v1/token/challenge": `{"device":` + in + `}`,
				"/v1/token": `{"device":` + in + `,"challenge":` + in + `,"signature":` + in + `}`, "/v1/assignments": `{"account":` + in + `,"role":` + in + `,"scope":` + in + `}`, "/v1/me/password": `{"old":` + in + `,"new":` + in + `}`,
				"/v1/devices/fork": `{"device":` + in + `}`, "/v1/territory/plans": `{"kind":` + in + `,"source":` + in + `}`, "/v1/restore/confirm": in, "/v1/bootstrap": `{"code":` + in + `,"login":` + in + `,"name":` + in + `,"password":` + in + `}`,
			} {
				ask("POST", path, who, "application/json", body)
				ask("POST", path, who, "application/json", in+body)
			}
		}
		// At imports the administrator is told which line of his own file is wrong; that is for his screen, not for the log.
		kept := answers.String()
		ask("POST", "/v1/org/import", admin, "text/csv", "code,name,level,parent\n"+c+","+c+",grid,"+c+"\n")
		ask("POST", "/v1/accounts/import", admin, "text/csv", "login,name,role,scope\n"+c+","+c+",king,"+c+"\n")
		answers.Reset()
		answers.WriteString(kept)
	}
	r.sendCanaries(token, device, account, &answers)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.URL, "http://")) // not even HTTP
	require.NoError(t, err)
	fmt.Fprintf(conn, "%s%s\r\n\r\n", all, canaries[3])
	_, _ = io.Copy(&answers, conn)
	conn.Close()
	_, metrics := r.get("/metrics")
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/debug"} {
		status, _ := r.get(path)
		require.Equal(t, 404, status, path)
	}
	require.NoError(t, r.end())

	log := r.log.String()
	require.Contains(t, log, "device enrolled", "there is a log to look into")
	for where, text := range map[string]string{"the log": log, "the metrics": metrics, "the answers": answers.String()} {
		for _, c := range append(canaries[:3:3], "forged-line", "1101051949", "987654321", "金丝雀", b64([]byte(canaries[0]))) {
			if i := strings.Index(text, c); i >= 0 {
				t.Errorf("%q is in %s: …%s…", c, where, text[max(0, i-300):min(len(text), i+100)])
			}
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		require.True(t, json.Valid([]byte(line)), "a line of the log is no JSON: %s", line)
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// sendCanaries says over sockets what is malformed in some way or other, or is refused, with canaries in every place.
func (r *running) sendCanaries(token, device, account string, answers *strings.Builder) {
	r.t.Helper()
	for _, c := range canaries {
		in := mustJSON(c)
		cs := func(change string) string {
			return `{"push":{"changesets":[{"device":"` + device + `","n":"1","author":"` + account + `","schema":1,"changes":[` + change + `]}]}}`
		}
		row := `"row":"01941f29-7c00-7000-8000-000000000001","op":"OP_INSERT"`
		for _, message := range []string{
			in, `{` + in + `:{}}`, `{"push":` + in + `}`, `{"seen":{"view":` + in + `,"frames":"-1"}}`, `{"push":{"changesets":[{"device":` + in + `,"n":"1"}]}}`, cs(in), cs(`{"table":` + in + `,"row":` + in + `}`),
			cs(`{"table":` + in + `,` + row + `,"cells":[{"cell":` + in + `,"values":[{"text":` + in + `}]}]}`), cs(`{"table":"resident",` + row + `,"cells":[{"cell":"phone","values":[{"text":` + in + `},{"text":` + in + `}]}]}`),
			cs(`{"table":"resident",` + row + `,"cells":[{"cell":"phone","values":[{"real":` + in + `}]}]}`), cs(`{"table":"resident",` + row + `,"cells":[{"cell":"identity","values":[{"text":"id_card"},{"text":` + in + `},{"text":` + in + `}]}]}`),
			`{"check":{"number":"1","view":` + in + `,"scope":` + in + `,"tables":[{"table":` + in + `,"columns":[` + in + `]}]}}`,
		} {
			ws, _, err := websocket.DefaultDialer.Dial("ws"+r.URL[len("http"):]+"/v1/sync", http.Header{"Authorization": {"Bearer " + token}, "Sec-Websocket-Protocol": {wire.SubprotocolJSON}})
			require.NoError(r.t, err)
			require.NoError(r.t, ws.WriteMessage(websocket.TextMessage, []byte(`{"hello":{"device":"`+device+`","app":`+in+`,"schema":1,"boot":`+mustJSON(c[:5])+`}}`)))
			require.NoError(r.t, ws.WriteMessage(websocket.TextMessage, []byte(message)))
			require.NoError(r.t, ws.SetReadDeadline(time.Now().Add(20*time.Second)))
			for {
				_, b, err := ws.ReadMessage()
				if err != nil {
					answers.WriteString(err.Error() + "\n")
					break
				}
				if bytes.Contains(b, []byte(`"notice"`)) {
					answers.Write(append(b, '\n'))
				}
				if bytes.Contains(b, []byte(`"verdicts"`)) || bytes.Contains(b, []byte(`"repair"`)) {
					break
				}
			}
			ws.Close()
		}
	}
}

// The log for people's eyes keeps to its lines as well: what comes from outside is quoted.
func TestTextLogKeepsItsLines(t *testing.T) {
	var out bytes.Buffer
	log := newLog(&out, config{LogFormat: "text", LogLevel: "debug"}, time.Now)
	log.Error().Str("app", canaries[3]+"\x1b[2J").Err(fmt.Errorf("x%s", canaries[3])).Msg("something")
	require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
	require.NotContains(t, out.String(), "\x1b[2J")
}
