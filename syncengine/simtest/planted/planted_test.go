package planted_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

var found = regexp.MustCompile(`found in world (\d+) of`)

// How many worlds a bug may take. Small ones are a fiftieth of an ordinary one.
const (
	ordinary = 200
	small    = 2000
)

// patience is how long all worlds for one bug may take before its search is ended: many times what they do take.
const patience = 5 * time.Minute

// build makes the simulation with all bugs in it.
func build(t *testing.T, bugs []planted.Bug) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	overlay, err := planted.Overlay(bugs, root, t.TempDir())
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "sim")
	ctx, end := context.WithTimeout(t.Context(), patience)
	defer end()
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", program, "-overlay", overlay, "./scripts/sim") //nolint:gosec // our own program
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "the simulation with its bugs cannot be built:\n%s", out)
	return program
}

// search runs worlds until one has a finding, and gives what the program said. Number 0 shows no bug.
func search(t *testing.T, program string, number int, first, worlds uint64, kind string) string {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), patience)
	defer end()
	args := []string{"-first", strconv.FormatUint(first, 10), "-seeds", strconv.FormatUint(worlds, 10), "-until-found"}
	if kind != "" {
		args = append(args, kind)
	}
	sim := exec.CommandContext(ctx, program, args...) //nolint:gosec // our own program
	sim.Env = append(os.Environ(), planted.Switch+"="+strconv.Itoa(number))
	out, _ := sim.CombinedOutput()
	require.NoError(t, ctx.Err(), "worlds went on for %v:\n%s", patience, out)
	return string(out)
}

// Every planted bug is found within 200 worlds, or small ones. That the code as it is has no finding is what TestWorlds
// shows; that the program with the bugs is the same as long as none shows is looked at in one world of each kind.
func TestEveryPlantedBugIsFound(t *testing.T) {
	program := build(t, planted.Bugs)
	for name, kind := range map[string]string{"ordinary": "", "rewound": planted.Rewound, "versions": planted.Versions} {
		t.Run("none of them in worlds that are "+name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, search(t, program, 0, 1, 1, kind), "nothing found in 1 worlds")
		})
	}
	for i, b := range planted.Bugs {
		if b.Test != "" {
			continue // see scripts/mutate -planted
		}
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("found in %s", find(t, program, i+1, &b))
		})
	}
}

// find tries the world that is known to find the bug, then all.
func find(t *testing.T, program string, number int, b *planted.Bug) string {
	t.Helper()
	bound := uint64(ordinary)
	if b.Worlds != "" {
		bound = small
	}
	require.LessOrEqual(t, b.Seed, bound, "a seed within the bound")
	finding := regexp.MustCompile(`(?m)^seed .*$`)
	if b.Seed != 0 {
		if out := search(t, program, number, b.Seed, 1, b.Worlds); found.MatchString(out) {
			return "its own world: " + finding.FindString(out)
		}
		t.Logf("world %d does not find it any more: give it another Seed", b.Seed)
	}
	out := search(t, program, number, 1, bound, b.Worlds)
	m := found.FindStringSubmatch(out)
	require.NotNil(t, m, "not found:\n%s", out)
	return "world " + m[1] + ": " + finding.FindString(out)
}

// All 42 known bugs of other systems are re-created; a bug that worlds do not run names who must go red.
func TestKnownBugsAreRecreated(t *testing.T) {
	cases, names := map[string]bool{}, map[string]bool{}
	for _, b := range planted.Bugs {
		require.False(t, names[b.Name], "%s: a name of its own", b.Name)
		require.Equal(t, b.Package == "", b.Test == "", b.Name)
		names[b.Name] = true
		for _, c := range strings.Fields(b.Case) {
			require.Regexp(t, `^O([1-9]|[1-3][0-9]|4[0-2])$`, c)
			cases[c] = true
		}
	}
	require.Len(t, cases, 42)
}

// A bug whose text is gone from the source is an error, not a bug that is never planted.
func TestOverlayFailsLoudly(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte("package a\n\nvar x = 1\nvar y = 1\n\nfunc f() { x = 2; y = 3 }\n"), 0o600))
	for name, b := range map[string]planted.Bug{
		"text is gone":               {File: "a.go", Old: "z = 1", New: ""},
		"text is twice":              {File: "a.go", Old: "= 1", New: ""},
		"another text is gone":       {File: "a.go", Old: "x = 2", New: "x = 4", Also: []planted.Edit{{File: "a.go", Old: "z = 1"}}},
		"file is gone":               {File: "b.go", Old: "x", New: ""},
		"text is in no function":     {File: "a.go", Old: "x = 1", New: "x = 2"},
		"twice in one function":      {File: "a.go", Old: "x = 2", New: "x = 4", Also: []planted.Edit{{File: "a.go", Old: "y = 3", New: "y = 4"}}},
		"text leads into a function": {File: "a.go", Old: "y = 1\n\nfunc f() { x = 2", New: "y = 2\n\nfunc f() { x = 3"},
	} {
		_, err := planted.Overlay([]planted.Bug{b}, dir, t.TempDir())
		require.Error(t, err, name)
	}
}

// With the switch off a program is as it was; each number shows its own bug, also of two in one function.
func TestSwitchShowsOneBug(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module a\n",
		"main.go": "package main\n\nvar x = \"a\"\n\nfunc main() {\n\tf()\n\tprint(x + g())\n}\n\nfunc f() {\n\tx += \"b\"\n}\n\n// g is next.\nfunc g() string {\n\treturn \"c\"\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	overlay, err := planted.Overlay([]planted.Bug{
		{File: "main.go", Old: "\tx += \"b\"\n}\n\n// g", New: "}\n\n// g"},
		{File: "main.go", Old: `x += "b"`, New: `x += "B"`, Also: []planted.Edit{{File: "main.go", Old: `return "c"`, New: `return "C"`}}},
	}, dir, t.TempDir())
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "a")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "-overlay", overlay, ".") //nolint:gosec // our own program
	build.Dir = dir
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	for number, want := range []string{"abc", "ac", "aBC"} {
		cmd := exec.CommandContext(t.Context(), program) //nolint:gosec // our own program
		cmd.Env = append(os.Environ(), planted.Switch+"="+strconv.Itoa(number))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err)
		require.Equal(t, want, string(out))
	}
}
