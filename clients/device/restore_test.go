package device_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/loopback"
)

// program is a real centre that can be stopped and started again at the same address.
type program struct {
	*office
	bin, data, listen string
	cmd               *exec.Cmd
}

func built(t *testing.T) *program {
	t.Helper()
	p := &program{office: &office{t: t}, bin: doorstepd(t), data: filepath.Join(t.TempDir(), "data"), listen: loopback.Address(t)}
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *program) start() (adminCode string) {
	p.cmd = exec.Command(p.bin, "serve", "--json", "--listen", p.listen, "--data", p.data, "--log-level", "error")
	p.cmd.Stderr = os.Stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.cmd.Start())
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(p.t, err)
	var g struct {
		URL       string `json:"url"`
		AdminCode string `json:"admin_code"`
	}
	require.NoError(p.t, json.Unmarshal(line, &g))
	p.url = g.URL
	return g.AdminCode
}

func (p *program) stop() {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(os.Interrupt)
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

func (p *program) run(args ...string) string {
	p.t.Helper()
	cmd := exec.Command(p.bin, append(args, "--data", p.data, "--log-level", "error")...)
	cmd.Env = append(os.Environ(), "DOORSTEP_LANG=en")
	out, err := cmd.CombinedOutput()
	require.NoError(p.t, err, "%s", out)
	return string(out)
}

func (p *program) login() {
	p.token = ""
	p.token = p.post("/v1/login", map[string]any{"login": "admin", "password": "long enough 1"})["token"].(string)
}

func (p *program) ready() string {
	resp, err := http.Get(p.url + "/readyz")
	require.NoError(p.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return string(b)
}

// TestRestoreFromABackup (O2, O3, O20, O22): a backup is taken, two phones bring a hundred changesets more, one of them
// refused, the backup is put back. Nobody is served before an administrator has confirmed; then both phones return and
// everything is back: on the phones, and at the centre for a third one.
func TestRestoreFromABackup(t *testing.T) {
	p := built(t)
	p.administered(p.start())
	p.divisions()
	boss, bossWay := p.enrolled("boss", "supervisor")
	a, aWay := p.enrolled("wang", "grid_worker")
	b, bWay := p.enrolled("li", "grid_worker")
	late, lateWay := p.enrolled("late", "grid_worker")
	synced(t, boss, bossWay)
	building := insert(t, boss, "building", map[string]any{"no": "1"})
	synced(t, boss, bossWay)
	synced(t, a, aWay)
	synced(t, b, bWay)
	first := insert(t, a, "dwelling", map[string]any{"building_id": building, "room_no": "1"})
	synced(t, a, aWay)
	synced(t, b, bWay)

	backup := p.backedUp(t)
	p.login()

	for i := range 50 {
		da := insert(t, a, "dwelling", map[string]any{"building_id": building, "room_no": fmt.Sprint("a", i)})
		insert(t, a, "household", map[string]any{"dwelling_id": da, "phone": fmt.Sprint(13800000000 + i)})
		insert(t, b, "household", map[string]any{"dwelling_id": first, "phone": fmt.Sprint(13900000000 + i)})
		if i%10 == 0 {
			synced(t, a, aWay)
			synced(t, b, bWay)
		}
	}
	synced(t, a, aWay)
	synced(t, b, bWay)
	synced(t, a, aWay)
	before := entered(t, a)
	require.Equal(t, before, entered(t, b))
	require.Len(t, before, 152)

	p.stop()
	require.Contains(t, p.run("restore", backup), "epoch 2 begins")
	p.start()
	p.login()
	require.Contains(t, p.ready(), "restored")
	refusedSync(t, a, aWay, device.CodeRestored)
	require.Equal(t, before, entered(t, a), "the phone keeps everything meanwhile")
	p.post("/v1/restore/confirm", map[string]any{})
	require.NotContains(t, p.ready(), "restored")

	synced(t, b, bWay)
	synced(t, a, aWay)
	synced(t, b, bWay)
	synced(t, a, aWay)
	synced(t, late, lateWay)
	require.Equal(t, before, entered(t, a), "everything is back")
	require.Equal(t, dump(t, a), dump(t, b))
	require.Equal(t, dump(t, a), dump(t, late), "the centre has it all")
	for _, r := range []*device.Replica{a, b} {
		s, err := r.Status(bg)
		require.NoError(t, err)
		require.Zero(t, s.Outbox)
		require.Zero(t, s.Refused)
		require.EqualValues(t, 2, s.Cursor.Epoch)
		list, err := r.Asides()
		require.NoError(t, err)
		require.Len(t, list, 1, "the replica was set aside before the restored snapshot")
		db, err := device.Foreign(list[0].Path, "mode=ro")
		require.NoError(t, err)
		var n int
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM household`).Scan(&n))
		require.Equal(t, 100, n)
		require.NoError(t, db.Close())
		info, err := os.Stat(list[0].Path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

// entered gives what people entered, without the times at which the centre received it.
func entered(t *testing.T, r *device.Replica) (out []string) {
	t.Helper()
	rows, err := r.Query(bg, `SELECT 'building', id, no FROM building UNION ALL SELECT 'dwelling', id, room_no FROM dwelling
		UNION ALL SELECT 'household', id, phone FROM household ORDER BY 1, 2`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var table, id, text string
		require.NoError(t, rows.Scan(&table, &id, &text))
		out = append(out, table+" "+id+" "+text)
	}
	require.NoError(t, rows.Err())
	return out
}

// TestAnOldDatabaseIsNoticed (O2): somebody copies an old database file back and says nothing. The first phone that comes
// proves what is missing; the centre begins a new epoch by itself and serves nobody before it is confirmed.
func TestAnOldDatabaseIsNoticed(t *testing.T) {
	p := built(t)
	p.administered(p.start())
	p.divisions()
	a, aWay := p.enrolled("wang", "grid_worker")
	boss, bossWay := p.enrolled("boss", "supervisor")
	synced(t, a, aWay)
	p.stop()
	db := filepath.Join(p.data, "doorstep.db")
	old := p.database(t)
	p.start()
	synced(t, boss, bossWay)
	b := insert(t, boss, "building", map[string]any{"no": "1"})
	synced(t, boss, bossWay)
	p.stop()
	for _, end := range []string{"-wal", "-shm"} {
		_ = os.Remove(db + end)
	}
	require.NoError(t, os.WriteFile(db, old, 0o600))
	p.start()
	p.login()
	synced(t, a, aWay) // it knows nothing of what was lost
	refusedSync(t, boss, bossWay, device.CodeRestored)
	refusedSync(t, a, aWay, device.CodeRestored)
	p.stop()
	require.Contains(t, p.run("confirm"), "confirmed")
	p.start()
	synced(t, boss, bossWay)
	synced(t, a, aWay)
	require.Equal(t, device.MarkDone, mark(t, boss, "building", b))
	require.Equal(t, dump(t, a), dump(t, boss))
}
