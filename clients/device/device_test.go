package device_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/imports"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

const (
	deviceA = "00000000-0000-7000-8000-00000000000a"
	account = "acc-1"
	grid    = "370115003239001"
	viewA   = "view-a"
)

var bg = context.Background()

func TestImports(t *testing.T) {
	imports.Check(t, "clients/device", "server", "github.com/prometheus", "github.com/pressly/goose", "github.com/danielgtaylor/huma")
}

// hand is a clock that moves one millisecond with every reading.
type hand struct{ ms atomic.Int64 }

func (h *hand) Read() replica.Clock {
	n := h.ms.Add(1)
	return replica.Clock{Wall: 1_790_000_000_000 + n, Boot: "boot-1", Mono: n}
}

// create makes an enrolled replica with a grid and a snapshot of nothing.
func create(t testing.TB) *device.Replica {
	t.Helper()
	r, err := device.Create(filepath.Join(t.TempDir(), "replica.db"), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	adopt(t, r)
	return r
}

// adopt enrols a replica and takes it to the head of an empty county.
func adopt(t testing.TB, r *device.Replica) {
	t.Helper()
	require.NoError(t, r.Identify(bg, device.Identity{Device: deviceA, Account: account}))
	s := r.Session()
	greet(t, s, &se.Welcome{Epoch: 1, View: viewA, Reset: true, Grants: grants(), Limits: se.DefaultLimits})
	applied, err := s.Stage(&se.Delta{View: viewA, Reset: true, Done: true, To: se.Base{Epoch: 1, Seq: 10}})
	require.NoError(t, err)
	require.True(t, applied)
}

func grants() []se.Grant { return []se.Grant{{Scope: grid, Role: "grid_worker"}} }

// shell runs Debian's sqlite3 on the replica's file: a program that knows nothing of Doorstep.
func shell(t testing.TB, r *device.Replica, script string) string {
	t.Helper()
	cmd := exec.Command("sqlite3", "-bail", r.Path())
	cmd.Stdin = strings.NewReader(".timeout 10000\n" + script)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

// outbox lists what waits to be sent.
func outbox(t testing.TB, r *device.Replica) []*se.Changeset {
	t.Helper()
	list, err := r.Session().Outbox(0, 1<<20)
	require.NoError(t, err)
	return list
}

func insert(t testing.TB, r *device.Replica, table string, values map[string]any) (id se.RowID) {
	t.Helper()
	_, err := r.Write(bg, func(tx *device.Tx) (err error) {
		id, err = tx.Insert(table, values)
		return err
	})
	require.NoError(t, err)
	return id
}

// timeout ends a test that hangs.
func timeout() (context.Context, context.CancelFunc) { return context.WithTimeout(bg, 30*time.Second) }

// greet lets the replica take over a Welcome.
func greet(t testing.TB, s session.Replica, w *se.Welcome) *se.Drain {
	t.Helper()
	drain, err := s.Greet(w)
	require.NoError(t, err)
	return drain
}
