package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

const docs = "../../docs/mutants.md"

// The page lists the known bugs that are planted again.
func TestPage(t *testing.T) {
	page, err := os.ReadFile(docs)
	require.NoError(t, err)
	require.Contains(t, string(page), recreated(), "the page is to have this table")
}

func recreated() string {
	by := map[int][]string{}
	for _, b := range planted.Bugs {
		for _, c := range strings.Fields(b.Case) {
			n, _ := strconv.Atoi(c[1:])
			who := "worlds"
			if b.Worlds != "" {
				who = "worlds, " + b.Worlds[1:]
			}
			if b.Test != "" {
				who = b.Test
			}
			by[n] = append(by[n], fmt.Sprintf("%s (%s)", b.Name, who))
		}
	}
	var out strings.Builder
	out.WriteString("| case | planted |\n| --- | --- |\n")
	for n := range 43 {
		if list := by[n]; len(list) > 0 {
			fmt.Fprintf(&out, "| O%d | %s |\n", n, strings.Join(list, "; "))
		}
	}
	return out.String()
}

func TestExplanations(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, explanationFile)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	for text, want := range map[string]string{
		"a.go\tf\tdropped `x`\n":                                     "tab between each",
		"a.go\tf\tdropped `x`\t \n":                                  "tab between each",
		"a.go\tf\tdropped `x`\twhy\na.go\tf\tdropped `x`\twhy not\n": "twice",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := explanations(root)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, os.WriteFile(file, []byte("# file, function, change, why\n\na.go\tf\tdropped `x`\tequal: x is y\na.go\tg\tdropped `y`\tnobody asks\nb.go\th\tdropped `z`\told\n"), 0o600))
	why, err := explanations(root)
	require.NoError(t, err)
	list := []mutant{{file: "a.go", of: "f", what: "dropped `x`"}, {file: "a.go", of: "g", what: "dropped `y`"}, {file: "a.go", of: "g", what: "dropped `new`"}, {file: "a.go", of: "k", what: "negated `k`"}}
	r := newResult(list, []string{"", "tests of a", "", "worlds"}, why)
	require.Len(t, r.wrong, 2, "%v", r.wrong)
	require.Contains(t, r.wrong[0], "explained, but seen by tests of a")
	require.Contains(t, r.wrong[1], "unexplained")
	require.Equal(t, 1, r.same())
	require.Equal(t, 66, r.percent(), "two of three that make a difference")
	require.Equal(t, []string{"b.go h dropped `z`"}, why.missing(list))

	page := filepath.Join(root, "page.md")
	require.NoError(t, os.WriteFile(page, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600))
	require.NoError(t, r.write(page))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "| a.go, f: dropped `x` | equal: x is y |")
	require.True(t, strings.HasPrefix(string(text), "before\n") && strings.HasSuffix(string(text), "after\n"))
	require.NotContains(t, string(text), "old")
	require.Contains(t, string(text), "\nAll were asked in one go.\n")
	r.kept = true
	require.NoError(t, r.write(page))
	text, err = os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "\n"+keptAnswers+"\n", "a figure from several goes says so")
	require.NotContains(t, string(text), "one go.")
	require.Error(t, r.write(docs+".none"))
}

// Five bugs that rotate are of all kinds, and another commit gives others.
func TestRotated(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	choose := func(salt string) (names []string) {
		list, err := rotated(t.Context(), root, &options{rotate: 5, n: 12, salt: salt, files: []string{"syncengine/hlc/hlc.go", "syncengine/cell.go"}})
		require.NoError(t, err)
		kinds := map[string]int{}
		for _, x := range list {
			switch {
			case x.mutant:
				kinds["mutant"]++
			case x.bug.Test != "":
				kinds["test"]++
			default:
				kinds["worlds"]++
			}
			names = append(names, x.bug.Name)
		}
		require.Equal(t, map[string]int{"mutant": 2, "test": 1, "worlds": 2}, kinds)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), 5)
		return names
	}
	require.Equal(t, choose("a"), choose("a"))
	require.NotEqual(t, choose("a"), choose("b"))
}
