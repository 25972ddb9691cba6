// Package docs checks what the documents say about the code.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// tests lists the names of all test functions of the module.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	for _, room := range []string{"schema", "syncengine", "server", "clients", "scripts", "internal"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			for _, m := range decl.FindAllStringSubmatch(string(code), -1) {
				there[m[1]] = true
			}
			return err
		}))
	}
	return there
}

var testName = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)

// Every test that a document names is there.
func TestDocumentsNameTestsThatAreThere(t *testing.T) {
	there := tests(t)
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	paths = append(paths, filepath.Join(root, "ARCHITECTURE.md"), filepath.Join(root, "README.md"))
	named := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range testName.FindAllString(string(text), -1) {
			named++
			require.True(t, there[name], "%s names %s, which is not there", filepath.Base(path), name)
		}
	}
	require.Greater(t, named, 50)
}

// docs/reliability.md has a row for each of the 42 cases: with a test that is there, or with the reason why it
// cannot apply.
func TestEveryCaseHasItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	require.NoError(t, err)
	there, rows := tests(t), map[string][]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 6 && regexp.MustCompile(`^ O\d+ $`).MatchString(cells[1]) {
			rows[strings.TrimSpace(cells[1])] = cells
		}
	}
	require.Len(t, rows, 42)
	for i := 1; i <= 42; i++ {
		row := rows[fmt.Sprint("O", i)]
		require.NotNil(t, row, "O%d has no row", i)
		if fault := caseFault(strings.TrimSpace(row[3]), strings.TrimSpace(row[4]), there); fault != "" {
			t.Errorf("O%d %s", i, fault)
		}
	}
}

// docs/reliability.md says for each mode what may be lost, after what time work goes on, and which test shows it.
func TestEveryModeHasItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## What is promised in which mode\n")
	require.True(t, ok, "the section is gone")
	section, _, _ = strings.Cut(section, "\n## ")
	modes := 0
	for _, line := range strings.Split(section, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| what happens") {
			require.False(t, strings.HasPrefix(line, "| ") && len(cells) != 7, "a row with other columns: %s", line)
			continue
		}
		modes++
		for i, what := range []string{"lost", "back after"} {
			require.NotEmpty(t, strings.TrimSpace(cells[2+i]), "%s: %s", cells[1], what)
		}
		require.Regexp(t, testName, cells[4], cells[1]) // that it is there checks TestDocumentsNameTestsThatAreThere
	}
	require.GreaterOrEqual(t, modes, 12)
}

var (
	applies   = regexp.MustCompile(`^kept(?: for .+\. Does not apply to .+: .{20,})?$`)
	appliesNo = regexp.MustCompile(`^does not apply: .{20,}$`)
)

// caseFault says what is wrong with a case's tests and state: "" for nothing. A case has tests that are there, or the
// reason why it cannot apply; what applies to a part of it has both.
func caseFault(named, state string, there map[string]bool) string {
	switch {
	case appliesNo.MatchString(state):
		return ""
	case !applies.MatchString(state):
		return fmt.Sprintf("has the state %q; say kept, does not apply: why, or kept for what. Does not apply to what: why", state)
	}
	names := testName.FindAllString(named, -1)
	if len(names) == 0 {
		return "names no test"
	}
	for _, name := range names {
		if !there[name] {
			return "names " + name + ", which is not there"
		}
	}
	return ""
}

func TestCaseFaults(t *testing.T) {
	there := map[string]bool{"TestThere": true}
	why := "the centre has no such thing at all"
	for _, c := range []struct {
		named, state string
		good         bool
	}{
		{"TestThere", "kept", true},
		{"TestThere", "kept for records. Does not apply to photos: " + why, true},
		{"", "does not apply: " + why, true},
		{"", "kept", false},
		{"TestGone", "kept", false},
		{"TestThere, TestGone", "kept", false},
		{"", "does not apply: no", false},
		{"", "kept for records. Does not apply to photos: " + why, false},
		{"TestThere", "kept for records", false},
		{"TestThere", "part: no photos yet", false},
		{"TestThere", "", false},
	} {
		require.Equal(t, c.good, caseFault(c.named, c.state, there) == "", "%s %s", c.named, c.state)
	}
}

// table gives the rows of a document's table whose first cell matches.
func table(t *testing.T, document string, first *regexp.Regexp, columns int) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", document))
	require.NoError(t, err)
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != columns+2 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells = cells[1 : columns+1]; first.MatchString(cells[0]) {
			rows = append(rows, cells)
		}
	}
	return rows
}

// docs/security.md has one row for each threat: with standard and tests, or with the reason why it does not apply yet.
func TestEveryThreatHasItsTest(t *testing.T) {
	rows := map[string][]string{}
	for _, row := range table(t, "security.md", regexp.MustCompile(`^S\d+$`), 6) {
		require.Nil(t, rows[row[0]], "%s has two rows", row[0])
		rows[row[0]] = row
	}
	require.Len(t, rows, 25)
	for i := 1; i <= 27; i++ {
		if i == 18 || i == 19 {
			continue // photos
		}
		row := rows[fmt.Sprint("S", i)]
		require.NotNil(t, row, "S%d has no row", i)
		require.NotEmpty(t, row[1], "S%d has no threat", i)
		require.NotEmpty(t, row[2], "S%d has no standard", i)
		switch state := row[5]; {
		case state == "done", strings.HasPrefix(state, "part: ") && len(state) > len("part: "):
			require.NotEmpty(t, row[3], "S%d has no answer", i)
			require.Regexp(t, testName, row[4], "S%d names no test", i)
		case strings.HasPrefix(state, "does not apply yet: ") && len(state) > len("does not apply yet: "):
		default:
			t.Errorf("S%d has the state %q; say done, part: what is missing, or does not apply yet: why", i, state)
		}
	}
}
