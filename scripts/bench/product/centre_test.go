package product

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

var outside = crowd.Outside{Now: time.Now, Random: crowd.Seeded(1)}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range folders {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// folders are those of programs that were built.
var folders []string

// program is the doorstepd that is measured.
var program = sync.OnceValues(func() (path string, err error) {
	if path = os.Getenv("BENCH_DOORSTEPD"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	folders = append(folders, dir)
	path = filepath.Join(dir, "doorstepd")
	var edits []overlay.Edit
	if os.Getenv(profiles) != "" {
		edits = append(edits, overlay.Edit{File: "server/cmd/doorstepd/bench_profile.go", To: profiler})
	}
	return path, overlay.Build("./server/cmd/doorstepd", path, edits...)
})

// centre is a running doorstepd with the settings that are shipped. It dies with this process.
type centre struct {
	*child.Child
	t    testing.TB
	data string
	url  string
}

func startCentre(t testing.TB, data string) *centre {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	c := &centre{t: t, data: data}
	c.Child, err = child.Start(path, profilingEnv(), "serve", "--json", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warn")
	require.NoError(t, err)
	t.Cleanup(c.Kill)
	select {
	case <-c.More:
	case <-c.Done:
		t.Fatalf("doorstepd ended by itself: %s", c.Errors())
	case <-time.After(30 * time.Second):
		t.Fatal("doorstepd did not say within 30 s where it listens")
	}
	var greeting struct{ URL string }
	require.NoError(t, json.Unmarshal([]byte(c.Lines(0)[0]), &greeting))
	c.url = greeting.URL
	return c
}

// stop ends it in order.
func (c *centre) stop() {
	c.t.Helper()
	if !c.Gone() {
		require.NoError(c.t, c.Signal(syscall.SIGTERM))
		await.Value(c.t, c.Done, "the end of doorstepd")
	}
}

// said asks for its metrics.
func (c *centre) said() crowd.Said {
	c.t.Helper()
	s, err := crowd.MetricsOf(c.t.Context(), http.DefaultClient, c.url)
	require.NoError(c.t, err)
	return s
}

// commits counts the groups that were committed: each is one flush of the log.
func (c *centre) commits() int { return int(c.said()["doorstep_commit_seconds_count"]) }

// file reads the centre's database beside it.
func (c *centre) file() *sql.DB {
	c.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(c.data, "doorstep.db")+"?mode=ro&_query_only=1&_busy_timeout=5000")
	require.NoError(c.t, err)
	db.SetMaxOpenConns(1)
	c.t.Cleanup(func() { _ = db.Close() })
	return db
}
