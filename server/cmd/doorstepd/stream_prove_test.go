//go:build prove

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/server/store"
)

// The disk dies under load, and litestream with it: what was acknowledged and is not in its folder is told in commits
// and seconds. DOORSTEP_LITESTREAM names the program (scripts/litestream.sh builds it).
func TestStreamLoss(t *testing.T) {
	litestream := os.Getenv("DOORSTEP_LITESTREAM")
	require.NotEmpty(t, litestream, "set DOORSTEP_LITESTREAM")
	longest := 0.0
	for trial := range 5 {
		dir := t.TempDir()
		data, replica := filepath.Join(dir, "data"), filepath.Join(dir, "replica")
		r := start(t, data)
		b := r.peopled()
		config := filepath.Join(dir, "litestream.yml")
		text, err := os.ReadFile("../../../deploy/litestream.yml")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(config, text, 0o600))
		stream := exec.Command(litestream, "replicate", "-config", config)
		stream.Env = append(os.Environ(), "DOORSTEP_DATA="+data, "DOORSTEP_REPLICA_DIR="+replica)
		stream.Stdout, stream.Stderr = os.Stderr, os.Stderr
		require.NoError(t, stream.Start())
		var acked []time.Time
		for begun := time.Now(); time.Since(begun) < time.Duration(5000+trial*337)*time.Millisecond; {
			require.True(t, b.push())
			acked = append(acked, time.Now())
		}
		require.NoError(t, stream.Process.Kill())
		died := time.Now()
		require.NoError(t, os.RemoveAll(data))
		_ = stream.Wait()
		b.ws.Close()
		_ = r.end()
		restored := filepath.Join(dir, "restored.db")
		require.NoError(t, origin{replica: replica, litestream: litestream}.into(t.Context(), restored))
		report, err := store.VerifyLogs(restored, 370115, nil)
		require.NoError(t, err)
		lost := len(acked) - int(report.Seq)
		seconds := 0.0
		if lost > 0 {
			seconds = died.Sub(acked[report.Seq]).Seconds()
		}
		t.Logf("trial %d: %d acknowledged, %d lost, %.2f s", trial+1, len(acked), lost, seconds)
		require.Less(t, seconds, 2.0)
		longest = max(longest, seconds)
	}
	figures.Of(t, figures.StreamLost, int(longest*1000))
}
