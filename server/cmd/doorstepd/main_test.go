package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/internal/imports"

	"github.com/doorstep-sync/doorstep/syncengine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestImports(t *testing.T) { imports.Check(t, "server/...", "clients") }

// environment is one in which English is spoken.
func environment(vars ...string) func() []string {
	return func() []string { return append([]string{"DOORSTEP_LANG=en"}, vars...) }
}

// soon ends a centre that was started though it should have refused to.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What is out of range gets a sentence that names it and says what to do, exit code 2, and nothing is made.
func TestWrongUse(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	open := filepath.Join(dir, "open")
	require.NoError(t, os.Mkdir(open, 0o755))
	require.NoError(t, os.Chmod(open, 0o755), "whatever the umask")
	data := filepath.Join(dir, "data")
	for _, c := range []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"unknown command", []string{"server"}, nil, `"server" is not known`},
		{"unknown flag", []string{"serve", "--port", "1"}, nil, "unknown flag: --port"},
		{"argument too many", []string{"serve", "now"}, nil, `"now" is not known to 'doorstepd serve'`},
		{"argument of version", []string{"version", "x"}, nil, `"x" is not known`},
		{"no port", []string{"serve", "--listen", "localhost"}, nil, `--listen is "localhost"; it must be an address and a port`},
		{"port too large", []string{"serve", "--listen", ":65536"}, nil, `--listen is ":65536"`},
		{"variable", []string{"serve"}, []string{"DOORSTEP_LISTEN=x"}, `the variable DOORSTEP_LISTEN is "x"`},
		{"empty data", []string{"serve", "--data", " "}, nil, `--data is " "; it must be the path of a folder`},
		{"county of letters", []string{"serve", "--county", "济阳"}, nil, `--county is "济阳"; it must be a whole number from 1`},
		{"county zero", []string{"serve"}, []string{"DOORSTEP_COUNTY=0"}, "whole number from 1"},
		{"duration without unit", []string{"serve", "--stop-within", "20"}, nil, `--stop-within is "20"; it must be a duration from 1s to 10m0s`},
		{"duration too short", []string{"serve", "--stop-within", "10ms"}, nil, "from 1s to 10m0s"},
		{"code life too long", []string{"serve", "--code-life", "48h"}, nil, "from 1m0s to 24h0m0s"},
		{"log level", []string{"serve"}, []string{"DOORSTEP_LOG_LEVEL=loud"}, `the variable DOORSTEP_LOG_LEVEL is "loud"; it must be debug, info, warn or error`},
		{"log format", []string{"serve", "--log-format", "xml"}, nil, "auto, json or console"},
		{"connections", []string{"serve", "--max-connections", "-1"}, nil, "whole number from 1 to 1000000"},
		{"origin", []string{"serve", "--data", data, "--origin", "nonsense"}, nil, "origin"},
		{"no such file", []string{"serve", "--config", filepath.Join(dir, "none.yaml")}, nil, "cannot be read: no such file or directory"},
		{"a folder by flag", []string{"serve", "--config", os.TempDir()}, nil, "cannot be read"},
		{"no such file by variable", []string{"serve"}, []string{"DOORSTEP_CONFIG=/none.yaml"}, "the variable DOORSTEP_CONFIG names"},
		{"no YAML", []string{"serve", "--config", file("bad.yaml", "a: [")}, nil, "is not valid YAML"},
		{"unknown setting", []string{"serve", "--config", file("typo.yaml", "lissten: x")}, nil, `sets "lissten", which is no setting`},
		{"value in a file", []string{"serve", "--config", file("value.yaml", "log:\n  level: loud")}, nil, "log.level in " + filepath.Join(dir, "value.yaml") + ` is "loud"`},
		{"open folder", []string{"serve", "--data", open}, nil, "run: chmod 700"},
		{"folder is a file", []string{"serve", "--data", file("plain", "")}, nil, "choose another with --data"},
		{"certificate without key", []string{"serve", "--tls-cert", "x"}, nil, "give both, or neither"},
		{"authority alone", []string{"serve", "--tls-authority", "x"}, nil, "belongs to a given certificate"},
		{"plain and certificate", []string{"serve", "--insecure-plain-text", "--tls-own"}, nil, "exclude one another"},
		{"no such certificate", []string{"serve", "--tls-cert", "/none.pem", "--tls-key", "/none.pem", "--data", filepath.Join(dir, "c")}, nil, "read the key of the certificate"},
		{"plain text by a word", []string{"serve"}, []string{"DOORSTEP_INSECURE_PLAIN_TEXT=perhaps"}, "it must be true or false"},
		{"declarations", []string{"serve", "--schema", filepath.Join(dir, "none"), "--data", data}, nil, "there is no folder of declarations "},
		{"record type", []string{"serve", "--data", data, "--config", file("staff.yaml", "staffing:\n  record: castle")}, nil, `staffing.record is "castle"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			free := []string{"DOORSTEP_LISTEN=127.0.0.1:0"} // a centre may run at the usual address
			require.Equal(t, exitUsage, run(soon(t), c.args, &out, &errs, environment(append(free, c.env...)...), time.Now), errs.String())
			require.Contains(t, errs.String(), c.want)
			require.Empty(t, out.String())
		})
	}
}

func TestOrderOfSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("listen: 127.0.0.1:1\ncounty: 11\norigins: [https://a.example]\nlog: {level: warn, format: json}\n"), 0o600))
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addFlags(flags)
	require.NoError(t, flags.Parse([]string{"--config", path, "--listen", "127.0.0.1:3"}))
	c, unknown, err := configure(flags, environment("DOORSTEP_LISTEN=127.0.0.1:2", "DOORSTEP_COUNTY=22", "DOORSTEP_STAFFING_RECORD=dwelling", "DOORSTEP_LISSTEN=x", "HOME=/"))
	require.NoError(t, err)
	require.Equal(t, config{
		Listen: "127.0.0.1:3", Data: "./doorstep-data", County: 22, Origins: []string{"https://a.example"}, LogLevel: "warn", LogFormat: "json",
		StopWithin: 20 * time.Second, MaxConnections: 10000, CodeLife: 15 * time.Minute, HouseholdType: "dwelling", Quotas: syncengine.DefaultQuotas,
		Retention: 180 * 24 * time.Hour, SnapshotBytes: 64 << 20, HeavyBytes: 64 << 20,
		TLS: tlsConfig{Names: []string{}}, RotateAfter: 2160 * time.Hour, AnchorEvery: 1000,
	}, c)
	require.Equal(t, []string{"DOORSTEP_LISSTEN"}, unknown)
	require.Equal(t, []any{"https://b.example", "https://c.example"}, origins(t, "DOORSTEP_ORIGINS=https://b.example, https://c.example"))
}

func origins(t *testing.T, env string) (out []any) {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addFlags(flags)
	c, _, err := configure(flags, environment(env))
	require.NoError(t, err)
	for _, o := range c.Origins {
		out = append(out, o)
	}
	return out
}

// every flag sets the setting it is named for.
func TestEveryFlagIsASetting(t *testing.T) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addFlags(flags)
	named := map[string]bool{"config": true}
	for _, f := range settings {
		named[f] = true
	}
	flags.VisitAll(func(f *pflag.Flag) { require.True(t, named[f.Name], f.Name) })
	require.Equal(t, 1+len(settings), len(named))
}

// running is a centre that a test started.
type running struct {
	greeting
	t    *testing.T
	stop context.CancelFunc
	done chan error
	log  *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *safeBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func start(t *testing.T, data string) *running { return startWith(t, data, func(*config) {}) }

// startWith starts a centre with other settings than the usual.
func startWith(t *testing.T, data string, change func(*config)) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, stop: cancel, done: make(chan error, 1), log: &safeBuffer{}}
	c := config{Listen: "127.0.0.1:0", Data: data, County: 370115, LogLevel: "debug", LogFormat: "json", StopWithin: 5 * time.Second,
		MaxConnections: 100, CodeLife: 15 * time.Minute, HouseholdType: "household"}
	change(&c)
	ready := make(chan greeting, 1)
	go func() { r.done <- serve(ctx, c, zerolog.New(r.log), time.Now, func(g greeting) { ready <- g }) }()
	select {
	case r.greeting = <-ready:
	case err := <-r.done:
		cancel()
		require.NoError(t, err)
	case <-time.After(time.Minute):
		cancel()
		t.Fatal("waited a minute for the centre to serve, and it does not")
	}
	return r
}

func (r *running) end() error {
	r.stop()
	http.DefaultClient.CloseIdleConnections()
	return await.Value(r.t, r.done, "the centre to end")
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	resp, err := http.Get(r.URL + path)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, string(b)
}

func (r *running) logger() zerolog.Logger { return zerolog.New(r.log) }

func (r *running) post(path string, in map[string]string) (int, map[string]any) {
	r.t.Helper()
	return r.send("POST", path, "", in)
}

// send sends JSON, with a token unless it is "".
func (r *running) send(method, path, token string, in any) (int, map[string]any) {
	r.t.Helper()
	var text io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		require.NoError(r.t, err)
		text = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, r.URL+path, text)
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	var out map[string]any
	require.NoError(r.t, json.NewDecoder(resp.Body).Decode(&out))
	return resp.StatusCode, out
}

func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	r := start(t, data)
	for path, want := range map[string]string{
		"/healthz": `"ok"`, "/readyz": `"ready"`, "/openapi.json": `"3.1.0"`,
		"/metrics": "doorstep_conflicts_open 0\n", "/v1/sync": "",
	} {
		status, body := r.get(path)
		if path == "/v1/sync" {
			require.GreaterOrEqual(t, status, 400, "no WebSocket handshake")
			continue
		}
		require.Equal(t, 200, status, path)
		require.Contains(t, body, want)
	}
	_, metrics := r.get("/metrics")
	for _, name := range []string{"doorstep_pushes_total", `doorstep_verdicts_total{kind="rejected"}`, "doorstep_sockets ", "doorstep_commit_seconds_bucket",
		"doorstep_long_messages_waiting 0\n", "doorstep_long_messages_bytes 0\n", "doorstep_long_messages_refused_total 0\n", "go_goroutines", "process_resident_memory_bytes"} {
		require.Contains(t, metrics, name)
	}
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, name := range []string{"doorstep.db", "signing-keys.pem"} {
		info, err := os.Stat(filepath.Join(data, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.Regexp(t, `^[0-9A-Z]{5}-[0-9A-Z]{5}$`, r.AdminCode)

	var out, errs bytes.Buffer
	code := run(soon(t), []string{"serve", "--listen", "127.0.0.1:0", "--data", data}, &out, &errs, environment(), time.Now)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs.String(), "another doorstepd works in")
	taken := strings.TrimPrefix(r.URL, "http://")
	code = run(soon(t), []string{"serve", "--listen", taken, "--data", filepath.Join(t.TempDir(), "d")}, &out, &errs, environment(), time.Now)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs.String(), "cannot listen on "+taken+": bind: address already in use; stop what uses it")
	require.NoError(t, r.end())
	require.Contains(t, r.log.String(), `"in_order":true`)

	first := r.AdminCode
	r = start(t, data)
	require.NotEqual(t, first, r.AdminCode, "until it is used, each start makes a new one")
	status, _ := r.post("/v1/bootstrap", map[string]string{"code": first, "login": "root", "name": "名字canary", "password": "canary-password"})
	require.Equal(t, 401, status)
	status, session := r.post("/v1/bootstrap", map[string]string{"code": r.AdminCode, "login": "root", "name": "名字canary", "password": "canary-password"})
	require.Equal(t, 201, status)
	log := r.log.String()
	for _, secret := range []string{"canary", r.AdminCode, session["token"].(string)} {
		require.NotContains(t, log, secret)
	}
	require.NoError(t, r.end())

	r = start(t, data)
	require.Empty(t, r.AdminCode, "there is an administrator")
	status, _ = r.post("/v1/login", map[string]string{"login": "root", "password": "canary-password"})
	require.Equal(t, 200, status)
	require.NoError(t, r.end())
}

func TestKeysReadableByOthersStopTheStart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := start(t, data)
	require.NoError(t, r.end())
	require.NoError(t, os.Chmod(filepath.Join(data, "signing-keys.pem"), 0o644))
	var out, errs bytes.Buffer
	require.Equal(t, exitFailed, run(soon(t), []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--county", "370115"}, &out, &errs, environment(), time.Now))
	require.Contains(t, errs.String(), "chmod 600")
}

func TestVersionAndOpenAPI(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(soon(t), []string{"version"}, &out, &errs, environment(), time.Now))
	require.Contains(t, out.String(), "doorstepd development\n")
	out.Reset()
	require.Equal(t, exitOK, run(soon(t), []string{"openapi"}, &out, &errs, environment(), time.Now))
	require.True(t, json.Valid(out.Bytes()))
	out.Reset()
	require.Equal(t, exitOK, run(soon(t), []string{"openapi", "--downgrade"}, &out, &errs, environment(), time.Now))
	require.Contains(t, out.String(), `"openapi": "3.0.3"`)
	out.Reset()
	require.Equal(t, exitOK, run(soon(t), nil, &out, &errs, environment(), time.Now))
	require.Contains(t, out.String(), "Exit codes: 0 done")
	greet(&out, greeting{URL: "http://x", AdminCode: "AAAAA-BBBBB"}, false)
	require.Contains(t, out.String(), "AAAAA-BBBBB")
}
