package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pins gives the versions of go.mod.
func pins(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = m[2]
	}
	require.NotEmpty(t, out)
	return out
}

func advisories(t *testing.T) [][]string {
	t.Helper()
	rows := table(t, "security.md", regexp.MustCompile(`^(github\.com|golang\.org|google\.golang\.org)/`), 5)
	require.Greater(t, len(rows), 10)
	return rows
}

// The table of advisories is about the versions that are pinned: who moves one looks at the advisories again.
func TestAdvisoriesAreAboutWhatIsPinned(t *testing.T) {
	pinned := pins(t)
	for _, row := range advisories(t) {
		require.Equal(t, pinned[row[0]], row[1], "docs/security.md, Known advisories: look for what is known of the new version, then correct the row of %s", row[0])
		require.Regexp(t, `GO-\d|CVE-\d|GHSA-`, row[2])
	}
}

// Where an advisory names a fixed version of a library, the pin is not older, or its row does not say "fixed".
func TestPinsAreNotOlderThanTheFix(t *testing.T) {
	compared := 0
	for _, row := range advisories(t) {
		if strings.HasPrefix(row[3], "v") {
			compared++
			require.False(t, older(t, row[1], row[3]), "%s %s is older than the fix of %s", row[0], row[1], row[2])
			require.Contains(t, row[4], "fixed")
		} else {
			require.NotContains(t, row[4], "fixed")
		}
	}
	require.Greater(t, compared, 5)
	require.True(t, older(t, "v0.9.10", "v0.10.0"))
	require.False(t, older(t, "v1.2.3", "v1.2.3"))
}

// Programs are built with a Go that has the fixes: the toolchain of go.mod.
func TestToolchainIsNotOlderThanTheFix(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^toolchain go(\d+\.\d+\.\d+)$`).FindSubmatch(text)
	require.NotNil(t, m, "go.mod names no toolchain")
	rows := table(t, "security.md", regexp.MustCompile(`^Go$`), 5)
	require.Greater(t, len(rows), 1)
	for _, row := range rows {
		require.Equal(t, string(m[1]), row[1], "docs/security.md, Known advisories: look for what is known of the new Go, then correct its rows")
		require.False(t, older(t, "v"+row[1], "v"+row[3]), "Go %s is older than the fix of %s", row[1], row[2])
		require.Contains(t, row[4], "fixed")
	}
}

// older compares versions of the form v1.2.3.
func older(t *testing.T, a, b string) bool {
	t.Helper()
	x, y := strings.Split(a[1:], "."), strings.Split(b[1:], ".")
	require.Len(t, x, 3)
	require.Len(t, y, 3)
	for i := range x {
		m, err := strconv.Atoi(x[i])
		require.NoError(t, err)
		n, err := strconv.Atoi(y[i])
		require.NoError(t, err)
		if m != n {
			return m < n
		}
	}
	return false
}
