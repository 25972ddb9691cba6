// Package peers checks what can be known of the peers without installing them: bench:peers is JavaScript.
package peers

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

type manifest struct {
	Dependencies         map[string]string
	OptionalDependencies map[string]string
}

func parse(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

// pins are all packages that package.json names, with their versions.
func pins(t *testing.T) map[string]string {
	t.Helper()
	var m manifest
	parse(t, "package.json", &m)
	all := m.Dependencies
	for name, version := range m.OptionalDependencies {
		all[name] = version
	}
	return all
}

// TestPinned: every package has one exact version, and the lock file has that one, so that figures can be had again.
func TestPinned(t *testing.T) {
	var lock struct {
		Packages map[string]struct {
			Version, Integrity string
			manifest
		}
	}
	parse(t, "package-lock.json", &lock)
	all := pins(t)
	require.Greater(t, len(all), 5)
	for name, version := range all {
		require.Regexp(t, `^\d+\.\d+\.\d+$`, version, name)
		require.Equal(t, version, lock.Packages["node_modules/"+name].Version, name)
	}
	for path, p := range lock.Packages {
		require.True(t, path == "" || p.Integrity != "", "%s has no sum", path)
	}
	root := lock.Packages[""]
	for name, version := range root.OptionalDependencies {
		root.Dependencies[name] = version
	}
	require.Equal(t, all, root.Dependencies, "package.json was changed and the lock file was not")
}

// The versions whose figures the project compares itself with.
func TestPeersAreThoseOfTheGoals(t *testing.T) {
	all := pins(t)
	for name, version := range map[string]string{
		"express-pouchdb": "4.2.0", "pouchdb": "9.0.0", "@rocicorp/zero": "1.9.0", "rxdb": "15.39.0", "rxdb-server": "15.22.0", "tinybase": "10.0.1",
	} {
		require.Equal(t, version, all[name], name)
	}
}

// TestNoRegistryHost: the lock file does not say from where anything came; npm takes its own registry.
func TestNoRegistryHost(t *testing.T) {
	text, err := os.ReadFile("package-lock.json")
	require.NoError(t, err)
	require.NotContains(t, string(text), `"resolved"`)
	require.NotContains(t, string(text), ".tgz")
	require.NotContains(t, string(text), "git+")
	settings, err := os.ReadFile(".npmrc")
	require.NoError(t, err)
	require.Equal(t, "omit-lockfile-registry-resolved=true\n", string(settings))
}

// TestColumns: the programs check the columns that the record has.
func TestColumns(t *testing.T) {
	text, err := os.ReadFile("records.js")
	require.NoError(t, err)
	list := regexp.MustCompile(`(?s)columns = \[(.*?)\]`).FindSubmatch(text)
	require.NotNil(t, list)
	var names []string
	for _, m := range regexp.MustCompile(`'(\w+)'`).FindAllSubmatch(list[1], -1) {
		names = append(names, string(m[1]))
	}
	require.Equal(t, record.Columns, names)
}

// parseAll has Node read programs as modules, without running them or what they import.
const parseAll = `const { SourceTextModule } = await import('node:vm');
const { readFileSync } = await import('node:fs');
for (const path of process.argv.slice(1)) new SourceTextModule(readFileSync(path, 'utf8'), { identifier: path });`

// TestPrograms runs the programs' own tests, which need Node and none of the peers, and has Node read every program.
func TestPrograms(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		require.NotEqual(t, "all", os.Getenv("DOORSTEP_CHECK"), "Node is missing; install it (Debian: nodejs)")
		t.Skip("Node is not installed; the programs of bench:peers are not read")
	}
	out, err := exec.Command(node, "--test").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Regexp(t, `(?m)^\S* ?pass [1-9]\d*$`, string(out))
	programs, err := filepath.Glob("*.js")
	require.NoError(t, err)
	deeper, err := filepath.Glob("*/*.js")
	require.NoError(t, err)
	require.Greater(t, len(deeper), 10)
	args := append([]string{"--no-warnings", "--experimental-vm-modules", "--input-type=module", "-e", parseAll}, append(programs, deeper...)...)
	out, err = exec.Command(node, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}
