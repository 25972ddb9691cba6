//go:build prove

package recover

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// restore loses the centre's disk after a dated backup. Its keys are kept elsewhere, as operations.md says. What the
// devices had handed in since the backup comes back with them, all of it.
func (s *site) restore() {
	s.t.Helper()
	list := s.team()
	backup := filepath.Join(s.t.TempDir(), "backup.db")
	for _, r := range list {
		require.NoError(s.t, enter(s.t.Context(), r, crowd.Grid(team), perDevice))
		s.synced(r)
	}
	_, took := s.run("backup", "--to", backup)
	size := s.size()
	s.t.Logf("a backup of %d MiB while the centre serves: %v", size>>20, took.Round(time.Millisecond))
	for _, r := range list {
		require.NoError(s.t, enter(s.t.Context(), r, crowd.Grid(team), perDevice))
		s.synced(r)
	}
	s.centre.Kill()
	s.disk()

	began := time.Now()
	said, restored := s.run("restore", backup)
	require.Contains(s.t, said, "epoch 2 begins")
	_, confirmed := s.run("confirm")
	s.start()
	serving, up := time.Since(began), time.Now()
	s.comeBack(list)
	back := time.Since(up)
	s.t.Logf("a dated backup of %d MiB: serves after %v (restored and verified in %v, confirmed in %v), %d devices are in step %v later, with the %d records each that the backup lacked",
		size>>20, serving.Round(time.Millisecond), restored.Round(time.Millisecond), confirmed.Round(time.Millisecond), len(list), back.Round(time.Millisecond), perDevice)
	figures.Of(s.t, figures.BackupGB, perGB(serving, size))
	figures.Of(s.t, figures.AllBack, ms(back))
	for _, r := range list {
		require.NoError(s.t, r.Close())
	}
	s.centre.Stop()
}

// team starts the centre and makes the replicas of those who come back.
func (s *site) team() (list []*device.Replica) {
	s.t.Helper()
	var codes []string
	s.seeding(func(ctx context.Context, x *crowd.Seeding) {
		for _, account := range s.workers {
			code, err := x.Code(ctx, account)
			require.NoError(s.t, err)
			codes = append(codes, code)
		}
	})
	s.start()
	dir := s.t.TempDir()
	for i, code := range codes {
		list = append(list, s.enrol(filepath.Join(dir, fmt.Sprint(i, ".db")), code))
	}
	return list
}

// disk takes the data folder away and puts the keys, of which there is a copy, into a new one.
func (s *site) disk() {
	s.t.Helper()
	keys := map[string][]byte{}
	for _, name := range []string{"signing-keys.pem", "sealing-keys.json", "county.key"} {
		text, err := os.ReadFile(filepath.Join(s.data, name))
		require.NoError(s.t, err)
		keys[name] = text
	}
	require.NoError(s.t, os.RemoveAll(s.data))
	require.NoError(s.t, os.Mkdir(s.data, 0o700))
	for name, text := range keys {
		require.NoError(s.t, os.WriteFile(filepath.Join(s.data, name), text, 0o600))
	}
}

// comeBack lets all devices come at once, each until it has everything of everybody.
func (s *site) comeBack(list []*device.Replica) {
	s.t.Helper()
	all := len(list) * 2 * perDevice
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, r := range list {
		wg.Go(func() { errs[i] = inStep(s.t.Context(), r, all) })
	}
	wg.Wait()
	for i, r := range list {
		require.NoError(s.t, errs[i], "device %d", i)
		require.Equal(s.t, all, s.hazards(r))
		at, err := r.Status(s.t.Context())
		require.NoError(s.t, err)
		require.EqualValues(s.t, 2, at.Cursor.Epoch)
		require.Zero(s.t, at.Outbox)
		refused, err := r.Rejected(s.t.Context(), false)
		require.NoError(s.t, err)
		// Of rows whose author came later than somebody who had read them: they wait no more, and this device hears of
		// that when it comes again.
		for _, x := range refused {
			require.Equal(s.t, se.CodeSalvage, x.Reason.Code, "what was accepted once is refused now")
		}
		s.synced(r)
		refused, err = r.Rejected(s.t.Context(), false)
		require.NoError(s.t, err)
		require.Empty(s.t, refused, "device %d came again, and something still waits", i)
	}
}

// rounds is how often a device synchronises before it counts as stuck.
const rounds = 200

// inStep synchronises until a device has so many records.
func inStep(ctx context.Context, r *device.Replica, records int) error {
	remote, err := remoteOf(ctx, r)
	if err != nil {
		return err
	}
	n := 0
	for range rounds {
		if _, err = r.Sync(ctx, remote); err != nil {
			continue
		}
		if err = r.QueryRow(ctx, `SELECT count(*) FROM hazard`).Scan(&n); err != nil || n >= records {
			return err
		}
	}
	return fmt.Errorf("%d records of %d after %d rounds: %w", n, records, rounds, err)
}

// perGB is what a time for so many bytes comes to for a gigabyte, in seconds, at least 1.
func perGB(d time.Duration, size int64) int { return int(d.Seconds()*float64(1<<30)/float64(size)) + 1 }

// litestream is the variable that names the program (scripts/litestream.sh builds it).
const litestream = "DOORSTEP_LITESTREAM"

// stream drills a restore from what litestream copied: restored, verified, served, and a device of a new account has
// everything of its unit.
func (s *site) stream() {
	s.t.Helper()
	program := os.Getenv(litestream)
	require.NotEmpty(s.t, program, "set %s; scripts/litestream.sh --build builds it", litestream)
	config, err := filepath.Abs("../../../deploy/litestream.yml")
	require.NoError(s.t, err)
	dir := s.t.TempDir()
	began := time.Now()
	cmd := exec.Command(program, "replicate", "-once", "-config", config)
	cmd.Env = append(os.Environ(), "DOORSTEP_DATA="+s.data, "DOORSTEP_REPLICA_DIR="+filepath.Join(dir, "replica"))
	text, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s", text)
	copied := time.Since(began)
	said, _ := s.run("drill", "--json", "--replica", filepath.Join(dir, "replica"), "--litestream", program, "--scratch", dir)
	var d struct {
		Seq, Bytes int64
		Restore_ns time.Duration
		Verify_ns  time.Duration
		Serve_ns   time.Duration
		Sync_ns    time.Duration
	}
	require.NoError(s.t, json.Unmarshal([]byte(said), &d))
	s.seeding(func(_ context.Context, x *crowd.Seeding) {
		head, err := x.Head()
		require.NoError(s.t, err)
		require.Equal(s.t, head.Seq, d.Seq, "nothing was written since")
	})
	s.t.Logf("a stream of %d MiB, made in %v: restored in %v, verified in %v, served after %v, a device had all in %v", d.Bytes>>20, copied.Round(time.Millisecond),
		d.Restore_ns.Round(time.Millisecond), d.Verify_ns.Round(time.Millisecond), d.Serve_ns.Round(time.Millisecond), d.Sync_ns.Round(time.Millisecond))
	figures.Of(s.t, figures.StreamGB, perGB(d.Restore_ns+d.Verify_ns+d.Serve_ns, d.Bytes))
}
