package cli_test

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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	for _, pkg := range []string{"clients/cli", "clients/cmd/doorstep"} {
		imports.Check(t, pkg, "server", "github.com/prometheus", "github.com/pressly/goose", "github.com/danielgtaylor/huma")
	}
}

// The token lies in a file for its owner alone, and in no argument or address.
func TestTokenIsKeptToItsOwner(t *testing.T) {
	w := settle(t)
	for _, name := range []string{"root", "zhou"} {
		dir, err := os.Stat(w.machine(name).config())
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), dir.Mode().Perm())
		file := filepath.Join(w.machine(name).config(), "session.json")
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	key, err := os.Stat(w.machine("wang").file() + ".key")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), key.Mode().Perm())

	file := filepath.Join(w.machine("zhou").config(), "session.json")
	require.NoError(t, os.Chmod(file, 0o644))
	var out, errs bytes.Buffer
	require.Equal(t, 6, w.machine("zhou").run(context.Background(), &out, &out, &errs, nil, "whoami"))
	require.Contains(t, errs.String(), "chmod 600")
	require.Empty(t, out.String())
}

// An enrolment that the centre refuses leaves nothing behind; one over an existing replica leaves that as it was.
func TestRefusedEnrolmentLeavesNothing(t *testing.T) {
	w := settle(t)
	var out, errs bytes.Buffer
	code := w.machine("new").run(context.Background(), &out, &out, &errs, nil, "enrol", "--server", w.url, "--code", "AAAAA-AAAAA")
	require.Equal(t, 4, code, errs.String())
	left, err := filepath.Glob(filepath.Join(w.dir, "new.*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// A wrong administrator's code is a refusal: nobody's sign-in has ended.
func TestBootstrapWithAWrongCode(t *testing.T) {
	w := newWorld(t)
	var out, errs bytes.Buffer
	code := w.machine("root").run(context.Background(), strings.NewReader(password+"\n"), &out, &errs, nil,
		"bootstrap", "--server", w.url, "--code", "AAAAA-AAAAA", "--login", "root", "--name", "管理员", "--password-file=-")
	require.Equal(t, 4, code, errs.String())
}

// A host that is no centre is named as that, whatever it answers.
func TestEnrolAtAnotherHost(t *testing.T) {
	w := settle(t)
	for name, answer := range map[string]http.HandlerFunc{
		"not found":  http.NotFound,
		"a page":     func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<html>welcome</html>") },
		"other json": func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "{}") },
		"forbidden":  func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) },
	} {
		t.Run(name, func(t *testing.T) {
			host := httptest.NewServer(answer)
			defer host.Close()
			var out, errs bytes.Buffer
			code := w.machine("new").run(context.Background(), &out, &out, &errs, nil, "--lang=en", "enrol", "--server", host.URL, "--code", "AAAAA-AAAAA")
			require.Equal(t, 2, code, errs.String())
			require.Contains(t, errs.String(), "no Doorstep centre at this address")
		})
	}
}

// watch tells what others write while it runs, and ends in order.
func TestWatch(t *testing.T) {
	w := settle(t)
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	r, out := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		ended <- w.machine("li").run(ctx, &bytes.Buffer{}, out, &errs, nil, "--json", "watch")
		_ = out.Close()
	}()
	lines := bufio.NewScanner(r)
	event := func(kind string) map[string]any {
		t.Helper()
		for lines.Scan() {
			var doc map[string]any
			require.NoError(t, json.Unmarshal(lines.Bytes(), &doc), lines.Text())
			if doc["event"] == kind {
				return doc
			}
		}
		t.Fatalf("watch ended before %q: %s", kind, errs.String())
		return nil
	}
	event("synced")
	wang := w.machine("wang")
	wang.do("new", "dispute", "scope="+grid, "kind_code=noise", "facts=楼上吵")
	wang.do("sync")
	row := event("row")["row"].(map[string]any)
	require.Equal(t, "dispute", row["table"])
	require.Equal(t, "楼上吵", row["values"].(map[string]any)["facts"])
	event("synced")
	stop()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	require.Equal(t, 0, await.Value(t, ended, "watch to end"), errs.String())
}

// A transaction of 10,000 rows through Debian's shell is one changeset, and another device has every row.
func TestTenThousandRowsThroughTheShell(t *testing.T) {
	w := settle(t)
	sql := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO hazard(id, scope, kind_code, description)
		SELECT printf('00000000-0000-7000-8000-%012x', i), '` + grid + `', 'stairs', '第' || i || '处' FROM n;`
	text, err := exec.Command("sqlite3", "-batch", w.machine("wang").file(), sql).CombinedOutput()
	require.NoError(t, err, string(text))
	var doc struct {
		Sent     int
		Verdicts map[string]int
	}
	require.NoError(t, json.Unmarshal([]byte(w.machine("wang").do("--json", "sync")), &doc))
	require.Equal(t, 1, doc.Sent)
	require.Equal(t, map[string]int{"accepted": 1}, doc.Verdicts)
	w.machine("li").do("sync")
	dump := func(name string) string {
		out, err := exec.Command("sqlite3", "-batch", w.machine(name).file(), "SELECT * FROM hazard ORDER BY id").Output()
		require.NoError(t, err)
		return string(out)
	}
	require.Equal(t, 10_000, strings.Count(dump("li"), "\n"))
	require.Equal(t, dump("wang"), dump("li"))
}

// Whatever stands in an argument, the command ends with one of its codes, says why, and never panics.
func TestNastyArguments(t *testing.T) {
	w := settle(t)
	nasty := []string{"", " ", "-", "--", "=", "a=", "=a", "+=", "-=", "\x00", "\xff\xfe", "\x1b[2J", "%s%d%n", "'; DROP TABLE visit; --",
		"../../etc/passwd", "😀", "９", "99999999999999999999", "-1", "1e999", "NaN", "null", "true", "{}", "[", "id=", "scope=", "id=\x00",
		strings.Repeat("9", 70_000), strings.Repeat("长", 5000), "--json", "--lang=xx", "--limit=-1", "ds_outbox", "sqlite_master", "household"}
	commands := [][]string{{}, {"status"}, {"new"}, {"new", "household"}, {"new", "visit"}, {"set", "household"}, {"set", "household", "00000000"},
		{"delete", "household"}, {"list"}, {"list", "household"}, {"show"}, {"show", "household"}, {"tables"}, {"conflicts"}, {"rejected"},
		{"rejected", "retry"}, {"rejected", "dismiss"}, {"org"}, {"org", "import"}, {"org", "show"}, {"org", "list", "--parent"},
		{"account"}, {"account", "disable"}, {"assign", "create"}, {"assign", "create", "wang"}, {"assign", "create", "wang", "steward", grid, "--door"},
		{"assign", "end"}, {"device", "revoke"}, {"code", "create"}, {"conflict", "show"}, {"conflict", "decide"}, {"conflict", "decide", "1-1"},
		{"conflict", "decide", "1-1", "set"}, {"conflict", "decide", "1-1", "take"}, {"staffing"}, {"login", "--server"}, {"login", "--server", "http://[::1", "--login"},
		{"enrol", "--server"}, {"enrol", "--code"}, {"version"}, {"--replica"}, {"--schema"}, {"--lang"}}
	before := w.machine("wang").do("--json", "status")
	env := map[string]string{"DOORSTEP_SETTINGS": w.machine("zhou").config()} // a person who may see, and change nothing here
	for i, c := range commands {
		for j, x := range nasty {
			if (i+j)%3 != 0 {
				continue // each command meets a third of them, each of them a third of the commands
			}
			args := append(append([]string{}, c...), x)
			var out, errs bytes.Buffer
			code := w.machine("wang").run(context.Background(), strings.NewReader("\x00\xff"), &out, &errs, env, args...)
			require.Contains(t, []int{0, 1, 2, 3, 4, 6}, code, "%q: %s", args, errs.String())
			if code != 0 {
				require.NotEmpty(t, errs.String(), "%q", args)
				require.NotContains(t, errs.String(), "\x1b", "%q", args)
			}
			require.NotContains(t, errs.String(), "%!", "%q", args)
			require.NotContains(t, out.String()+errs.String(), "bug:", "%q", args)
		}
	}
	require.Equal(t, before, w.machine("wang").do("--json", "status"), "nothing was written")
}
