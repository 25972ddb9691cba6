package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/audit"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// command runs doorstepd in this process.
func doorstepd(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	require.Equal(t, want, run(soon(t), args, &out, &errs, environment("DOORSTEP_COUNTY=370115"), time.Now), "%v\n%s%s", args, out.String(), errs.String())
	return out.String() + errs.String()
}

// A county's number that is not the database's is refused before anything is written: the centre would begin a second
// county in it and take its epoch for lost commits.
func TestAnotherCountysDatabase(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := startWith(t, data, func(*config) {})
	require.NoError(t, r.end())
	doorstepd(t, 0, "check", "--data", data, "--listen", "127.0.0.1:0")
	before, err := os.ReadFile(filepath.Join(data, databaseFile))
	require.NoError(t, err)
	for _, args := range [][]string{{"serve"}, {"confirm"}, {"restore", filepath.Join(data, databaseFile)}} {
		said := doorstepd(t, 2, append(args, "--data", data, "--county", "7", "--listen", "127.0.0.1:0", "--lang", "en")...)
		require.Contains(t, said, "is the database of county 370115, not of 7", args)
	}
	require.Contains(t, doorstepd(t, 1, "check", "--data", data, "--county", "7", "--listen", "127.0.0.1:0"), "370115")
	after, err := os.ReadFile(filepath.Join(data, databaseFile))
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// A copy made while phones write is whole, has its manifest, and holds all that was acknowledged before it began; the
// drill restores it, serves it to a device and leaves nothing behind; a changed copy is found out.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	r := startWith(t, data, func(c *config) { c.AnchorFolder, c.AnchorEvery = filepath.Join(dir, "anchors"), 20 })
	b := r.peopled()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				if !b.push() {
					return
				}
			}
		}
	}()
	var last manifest
	for _, name := range []string{"one.db", "two.db", "three.db"} {
		before := b.acked.Load()
		require.Eventually(t, func() bool { return b.acked.Load() > before+10 }, 20*time.Second, time.Millisecond)
		acked := b.acked.Load()
		to := filepath.Join(dir, name)
		doorstepd(t, exitOK, "backup", "--data", data, "--to", to)
		text, err := os.ReadFile(manifestOf(to))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &last))
		require.GreaterOrEqual(t, last.Seq, acked)
		require.Greater(t, b.acked.Load(), acked, "writing went on")
		report, err := store.VerifyLogs(to, 370115, nil)
		require.NoError(t, err)
		require.Equal(t, last.Seq, report.Seq)
	}
	close(stop)
	await.Value(t, done, "the writer to end")
	require.NoError(t, b.ws.Close())
	require.NoError(t, r.end())
	require.Contains(t, doorstepd(t, exitUsage, "backup", "--data", data, "--to", filepath.Join(dir, "one.db")), "never written over")

	// Exports and verification, with the anchors that were noted on the way.
	anchors := filepath.Join(dir, "anchors", "anchors-370115.jsonl")
	export := filepath.Join(dir, "logs.jsonl")
	doorstepd(t, exitOK, "audit", "export", "--data", data, "--with-values", export)
	require.Contains(t, doorstepd(t, exitOK, "audit", "verify", "--anchor", anchors, export), "in order")
	require.Contains(t, doorstepd(t, exitOK, "audit", "verify", "--anchor", anchors, "--data", data), "in order")
	require.Contains(t, doorstepd(t, exitFailed, "audit", "verify", "--anchor", anchors, filepath.Join(dir, "one.db")), "the end was cut off")
	db, err := sql.Open("sqlite3", filepath.Join(data, databaseFile))
	require.NoError(t, err)
	_, err = db.Exec(`UPDATE history SET received = received + 1 WHERE seq = 7`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.Contains(t, doorstepd(t, exitFailed, "audit", "verify", "--data", data), "entry 7")
	text, err := os.ReadFile(export)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(export, bytes.Replace(text, []byte(`"370115003239001"`), []byte(`"370115003239002"`), 1), 0o600))
	require.Contains(t, doorstepd(t, exitFailed, "audit", "verify", export), "entry 1")
}

// A drill restores, verifies, serves and synchronises, and leaves nothing behind; from a damaged copy it fails.
func TestDrill(t *testing.T) {
	dir := t.TempDir()
	data, scratch := filepath.Join(dir, "data"), filepath.Join(dir, "scratch")
	require.NoError(t, os.Mkdir(scratch, 0o700))
	r := start(t, data)
	b := r.peopled()
	for range 30 {
		require.True(t, b.push())
	}
	file := filepath.Join(dir, "backup.db")
	doorstepd(t, exitOK, "backup", "--data", data, "--to", file)
	said := doorstepd(t, exitOK, "drill", "--data", data, "--backup", file, "--scratch", scratch)
	require.Contains(t, said, "the drill succeeded: 1:30")
	require.Contains(t, said, "a device had 30 rows of "+grid)
	left, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left)
	require.True(t, b.push(), "the centre noticed nothing")
	require.NoError(t, b.ws.Close())
	require.NoError(t, r.end())

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(file, text, 0o600))
	doorstepd(t, exitFailed, "drill", "--data", data, "--backup", file, "--scratch", scratch)
	left, err = os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left)
	doorstepd(t, exitUsage, "drill", "--data", data)
}

// Each thing that is wrong is named, and ends with exit code 1.
func TestCheckFindsFaults(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	r := start(t, data)
	b := r.peopled()
	require.True(t, b.push())
	require.NoError(t, b.ws.Close())
	require.Contains(t, doorstepd(t, exitOK, "check", "--data", data, "--listen", r.URL[len("http://"):]), "a centre is running in this folder")
	require.NoError(t, r.end())
	declared, err := load.Default()
	require.NoError(t, err)
	said := doorstepd(t, exitOK, "check", "--data", data, "--listen", "127.0.0.1:0")
	for _, want := range []string{"is free", "can be written", "synchronous=FULL", "GiB are free", "key files, for this user alone", fmt.Sprintf("declarations of version %d", declared.Version), "the clock is"} {
		require.Contains(t, said, want)
	}
	left, err := filepath.Glob(filepath.Join(data, ".check*"))
	require.NoError(t, err)
	require.Empty(t, left)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	require.Contains(t, doorstepd(t, exitFailed, "check", "--data", data, "--listen", l.Addr().String()), "✗ "+l.Addr().String()+" cannot be listened on")
	for _, name := range []string{signingKeys, sealingKeys, countyKeyFile} {
		require.NoError(t, os.Chmod(filepath.Join(data, name), 0o644))
		require.Contains(t, doorstepd(t, exitFailed, "check", "--data", data, "--listen", "127.0.0.1:0"), "run: chmod 600 "+filepath.Join(data, name))
		require.NoError(t, os.Chmod(filepath.Join(data, name), 0o600))
	}
	require.NoError(t, os.Chmod(data, 0o755))
	require.Contains(t, doorstepd(t, exitFailed, "check", "--data", data, "--listen", "127.0.0.1:0"), "run: chmod 700")
	require.NoError(t, os.Chmod(data, 0o700))
	cert := filepath.Join(dir, "cert.pem")
	require.NoError(t, os.WriteFile(cert, []byte("x"), 0o600))
	require.Contains(t, doorstepd(t, exitFailed, "check", "--data", data, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", cert), "✗ the certificate")
	require.Contains(t, doorstepd(t, exitFailed, "check", "--data", data, "--listen", "127.0.0.1:0", "--schema", filepath.Join(dir, "none")), "✗ there is no folder")

	var out bytes.Buffer
	past := checkup{out: &out, c: config{Data: data, County: 370115}, now: func() time.Time { return time.Now().Add(-time.Hour) }, synced: filepath.Join(dir, "no", "such")}
	past.clock(time.Now())
	require.Equal(t, 1, past.faults, out.String())
	require.Contains(t, out.String(), "behind the centre's last commit")
	out.Reset()
	unset := checkup{out: &out, c: config{Data: data, County: 370115}, now: time.Now, synced: filepath.Join(dir, "nothing")}
	unset.clock(time.Now())
	require.Contains(t, out.String(), "not been set by NTP")
}

// A disk that takes long to make a block durable is said to, by the clock that the program was given.
func TestCheckOfASlowDisk(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	for step, want := range map[time.Duration]string{slowSync: "durable in 100ms", slowSync + time.Millisecond: "took 101ms to make 4 KiB durable"} {
		var out bytes.Buffer
		now := time.UnixMilli(1_800_000_000_000)
		k := checkup{out: &out, c: config{Data: data}, now: func() time.Time { now = now.Add(step); return now }}
		require.False(t, k.folder())
		require.Contains(t, out.String(), want)
	}
}

// Every setting is shown with where its value comes from; what is secret is not shown; an unknown key is refused with
// the nearest one.
func TestPrintConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("county: 11\nlisten: 127.0.0.1:1\ntls: {cert: /a.pem, key: /secret.pem}\n"), 0o600))
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"serve", "--config", path, "--print-config", "--log-level", "debug"}, &out, &errs, environment("DOORSTEP_LISTEN=127.0.0.1:2"), time.Now)
	require.Equal(t, exitOK, code, errs.String())
	for _, want := range []string{"county: 11 ", "# " + path, "listen: 127.0.0.1:2 ", "# the variable DOORSTEP_LISTEN", "log.level: debug", "# --log-level", "max_connections: 10000", "# default", "tls.key: (set)"} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "secret.pem")
	require.NoError(t, os.WriteFile(path, []byte("lissten: x\n"), 0o600))
	errs.Reset()
	require.Equal(t, exitUsage, run(context.Background(), []string{"serve", "--config", path, "--print-config"}, &out, &errs, environment(), time.Now))
	require.Contains(t, errs.String(), `did you mean "listen"?`)
	require.Contains(t, doorstepd(t, exitOK, "version"), "store format")
}

// What the chain's end was is noted at the start, on the way, and at the end.
func TestAnchors(t *testing.T) {
	dir := t.TempDir()
	r := startWith(t, filepath.Join(dir, "data"), func(c *config) { c.AnchorFolder, c.AnchorEvery = filepath.Join(dir, "anchors"), 5 })
	b := r.peopled()
	for range 12 {
		require.True(t, b.push())
	}
	require.NoError(t, b.ws.Close())
	require.NoError(t, r.end())
	f, err := os.Open(filepath.Join(dir, "anchors", "anchors-370115.jsonl"))
	require.NoError(t, err)
	list, err := audit.ReadAnchors(f, "x")
	require.NoError(t, errors.Join(err, f.Close()))
	require.GreaterOrEqual(t, len(list), 3)
	require.Equal(t, int64(12), list[len(list)-1].Seq)
	report, err := store.VerifyLogs(filepath.Join(dir, "data", databaseFile), 370115, list)
	require.NoError(t, err)
	require.Equal(t, len(list)-1, report.Anchors, "all but the one from before the first commit")
}

// The list tells what each phone said of itself at its last contact and how far it has come, and finds those that need
// somebody: silent ones, ones with work unsent, ones that are behind.
func TestDevicesList(t *testing.T) {
	r := start(t, filepath.Join(t.TempDir(), "data"))
	b := r.peopled()
	admin := r.call("POST", "/v1/login", "", map[string]string{"login": "root", "password": "long enough password"}, 200)["token"].(string)
	for range 3 {
		require.True(t, b.push())
	}
	require.NoError(t, b.ws.Close())
	b.hello(&session.Hello{Hello: se.Hello{Device: b.device, App: "phone/2", Schema: 1, Wall: time.Now().Add(time.Hour).UnixMilli(), LastN: 8, Waiting: 5, Oldest: 1_700_000_000_000, FreeBytes: 9 << 20}})
	list := func(filter string) []any {
		return r.call("GET", "/v1/devices"+filter, admin, nil, 200)["devices"].([]any)
	}
	v := list("")[0].(map[string]any)
	require.Equal(t, []any{5.0, "2023-11-14T22:13:20Z", float64(9 << 20), 3.0, 3.0, "phone/2"}, []any{v["waiting"], v["oldest_waiting"], v["free_bytes"], v["behind"], v["last_n"], v["app"]})
	one := r.call("GET", "/v1/devices/"+b.device, admin, nil, 200)
	require.Equal(t, grid, one["holds"].([]any)[0].(map[string]any)["scope"], "told of one device alone")
	delete(one, "holds")
	require.Equal(t, v, one)
	require.Len(t, list("?waiting=true"), 1)
	require.Len(t, list("?behind=3"), 1)
	require.Empty(t, list("?behind=4"))
	require.Empty(t, list("?silent=1"))
	b.hello(&session.Hello{Hello: se.Hello{Device: b.device, App: "phone/2", Schema: 1, Wall: time.Now().UnixMilli()}})
	require.Empty(t, list("?waiting=true"))
	require.NoError(t, r.end())
}

// A device that is told to take everything anew gets a reset at its next contact, and at every one until it has taken
// all of it; whatever it says of itself.
func TestForcedResnapshot(t *testing.T) {
	r := start(t, filepath.Join(t.TempDir(), "data"))
	b := r.peopled()
	admin := r.call("POST", "/v1/login", "", map[string]string{"login": "root", "password": "long enough password"}, 200)["token"].(string)
	require.True(t, b.push())
	require.NoError(t, b.ws.Close())
	at := func(view string) *session.Welcome {
		return b.hello(&session.Hello{Hello: se.Hello{Device: b.device, Schema: 1, Wall: time.Now().UnixMilli(), Epoch: 1, Cursor: 1, View: view, LastN: 1, LastHash: b.prev}})
	}
	old := at("none")
	require.True(t, old.Reset)
	require.False(t, at(old.View).Reset)
	require.EqualValues(t, 1, r.call("POST", "/v1/devices/"+b.device+"/resnapshot", admin, nil, 200)["resnapshots"])
	for range 2 {
		w := at(old.View)
		require.True(t, w.Reset, "until it has taken all of it")
		require.NotEqual(t, old.View, w.View)
		require.False(t, at(w.View).Reset, "then no more")
	}
	require.EqualValues(t, 1, at(old.View).LastN, "its changesets stay known")
	r.call("POST", "/v1/devices/"+b.device+"/revoke", admin, nil, 200)
	r.call("POST", "/v1/devices/"+b.device+"/resnapshot", admin, nil, 409)
	require.NoError(t, r.end())
}

// A backup that was changed since is not put in place unless it is asked for, and no database that was set aside is
// written over by the next.
func TestRestoreVerifiesAndKeepsEverything(t *testing.T) {
	data, file := backedUp(t)
	dir := filepath.Dir(file)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	other := filepath.Join(dir, "other.db")
	require.NoError(t, os.WriteFile(other, append(text, 0), 0o600))
	manifest, err := os.ReadFile(manifestOf(file))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(manifestOf(other), manifest, 0o600))
	require.Contains(t, doorstepd(t, exitFailed, "restore", other, "--data", data), "nothing was changed")
	aside := func() int {
		list, err := filepath.Glob(filepath.Join(data, databaseFile+".before-*"))
		require.NoError(t, err)
		return len(list)
	}
	require.Zero(t, aside())
	c := config{Data: data, County: 370115}
	for n := range 3 {
		_, name, err := restore(c, zerolog.Nop(), file, restoring{}, time.Unix(1_800_000_000, 0))
		require.NoError(t, err)
		require.FileExists(t, name)
		require.Equal(t, n+1, aside())
	}
	_, _, err = restore(c, zerolog.Nop(), other, restoring{unverified: true}, time.Unix(1_800_000_000, 0))
	require.NoError(t, err)
	require.Equal(t, 4, aside())
	require.Contains(t, doorstepd(t, exitUsage, "backup", "--data", data, "--to", filepath.Join(dir, "no", "such.db")), "there is no folder")
}

// What the command line reads from the environment is no surprise to the centre.
func TestVariablesOfTheCommandLine(t *testing.T) {
	var out, errs bytes.Buffer
	environ := func() []string { return []string{"DOORSTEP_LANG=en", "DOORSTEP_REPLICA=x", "DOORSTEP_NONSENSE=1"} }
	run(t.Context(), []string{"check", "--data", filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0"}, &out, &errs, environ, time.Now)
	require.Contains(t, out.String(), "DOORSTEP_NONSENSE is no setting")
	require.NotContains(t, errs.String(), "DOORSTEP_NONSENSE", "once")
	errs.Reset()
	environ = func() []string { return []string{"DOORSTEP_LANG=zh", "DOORSTEP_PIN_FILE=x", "DOORSTEP_LISSTEN=:1"} }
	require.Zero(t, run(t.Context(), []string{"version"}, &out, &errs, environ, time.Now))
	require.Equal(t, "doorstepd: 变量 DOORSTEP_LISSTEN 不是设置项，不起作用；是不是要写 \"DOORSTEP_LISTEN\"？否则请删去\n", errs.String())
	require.NotContains(t, out.String(), "DOORSTEP_LANG")
	require.NotContains(t, out.String(), "DOORSTEP_REPLICA")
}
