package armed

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPoint: a process passes places that are not armed, dies at the one that is, and passes it when it is started again.
func TestPoint(t *testing.T) {
	if folder != "" { // the process that dies
		Point("one")
		Point("another")
		return
	}
	dir := t.TempDir()
	run := func() error {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestPoint$")
		cmd.Env = append(os.Environ(), "PROVE_POINTS="+dir)
		return cmd.Run()
	}
	require.NoError(t, run())
	for range 2 {
		file, err := Arm(dir, "another")
		require.NoError(t, err)
		var ended *exec.ExitError
		require.ErrorAs(t, run(), &ended)
		require.Equal(t, syscall.SIGKILL, ended.Sys().(syscall.WaitStatus).Signal())
		require.NoFileExists(t, file)
		require.NoError(t, run())
	}
	require.Zero(t, *mapped(dir), "the flag is taken down, or every place asks the system again")
	require.FileExists(t, filepath.Join(dir, flag))
}
