package device_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// programs is the folder of what is built for the tests, once for all of them.
var programs = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "doorstep-device-test") })

var build = sync.OnceValues(func() (string, error) {
	dir, err := programs()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "doorstepd")
	out, err := exec.Command("go", "build", "-tags", "sqlite_fts5", "-o", bin, "github.com/doorstep-sync/doorstep/server/cmd/doorstepd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

// doorstepd is the program of a real centre.
func doorstepd(t testing.TB) string {
	t.Helper()
	bin, err := build()
	require.NoError(t, err)
	return bin
}

// removePrograms is called when all tests have ended.
func removePrograms() {
	if dir, err := programs(); err == nil {
		_ = os.RemoveAll(dir)
	}
}
