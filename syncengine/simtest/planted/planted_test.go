package planted_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

var found = regexp.MustCompile(`found in world (\d+) of`)

// run builds the simulation, with an overlay if there is one, and runs worlds until one has a finding.
func run(t *testing.T, overlay, worlds string) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "sim")
	args := []string{"build", "-o", program}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	build := exec.CommandContext(t.Context(), "go", append(args, "./scripts/sim")...) //nolint:gosec // our own program
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	args = []string{"-seeds", "200", "-until-found"}
	if worlds != "" {
		args = []string{"-seeds", strconv.Itoa(small), "-until-found", worlds}
	}
	out, _ = exec.CommandContext(context.WithoutCancel(t.Context()), program, args...).CombinedOutput() //nolint:gosec // our own program
	return string(out)
}

// small is how many worlds of the small kinds a bug may take: they are a fiftieth of an ordinary one.
const small = 2000

// Every planted bug is found within 200 worlds, or small ones. That the code as it is has no finding is what TestWorlds shows.
func TestEveryPlantedBugIsFound(t *testing.T) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	for _, b := range planted.Bugs {
		t.Run(b.Name, func(t *testing.T) {
			overlay, err := b.Overlay(root, t.TempDir())
			require.NoError(t, err)
			out := run(t, overlay, b.Worlds)
			m := found.FindStringSubmatch(out)
			require.NotNil(t, m, "not found:\n%s", out)
			t.Logf("found in world %s: %s", m[1], regexp.MustCompile(`(?m)^seed .*$`).FindString(out))
		})
	}
}

// A bug whose text is gone from the source is an error, not a bug that is never planted.
func TestOverlayFailsLoudly(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte("package a\nvar x = 1\nvar y = 1\n"), 0o600))
	for name, b := range map[string]planted.Bug{
		"text is gone":  {Name: "b", File: "a.go", Old: "z = 1", New: ""},
		"text is twice": {Name: "b", File: "a.go", Old: "= 1", New: ""},
		"file is gone":  {Name: "b", File: "b.go", Old: "x", New: ""},
	} {
		_, err := b.Overlay(dir, t.TempDir())
		require.Error(t, err, name)
	}
}
