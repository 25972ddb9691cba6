package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const source = `package a

func f(a []int, err error) (n int) {
	if err != nil {
		return 0
	}
	for i := 0; i < len(a); i++ {
		if a[i] == 7 {
			continue
		}
		n += a[i]
	}
	println(n)
	return n
}
`

// Each place that can be changed is changed once, alone; a check for errors is left as it is.
func TestMutants(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(source), 0o600))
	list, err := mutants(dir, "a.go")
	require.NoError(t, err)
	var names []string
	for i := range list {
		m := &list[i]
		names = append(names, m.String())
		require.Contains(t, source, m.bug.Old)
		require.NotEqual(t, m.bug.Old, m.bug.New)
		require.NotEqual(t, source, m.text)
	}
	require.Equal(t, []string{
		"a.go:7 f: bound moved of `i < len(a)`",
		"a.go:7 f: dropped `i++`",
		"a.go:8 f: negated `a[i] == 7`",
		"a.go:9 f: dropped `continue`",
		"a.go:11 f: dropped `n += a[i]`",
		"a.go:13 f: dropped `println(n)`",
	}, names)
	require.Contains(t, list[2].text, "if !(a[i] == 7) {")
}

// What does not compile is no mutant: here a variable that nobody uses any more.
func TestOnlyProgramsAreMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	c, err := newCompiler(t.Context(), root)
	require.NoError(t, err)
	file := "syncengine/hlc/hlc.go"
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	require.NoError(t, err)
	for more, want := range map[string]bool{"": true, "\nfunc unused() { x := 1 }\n": false, "\nfunc {": false} {
		ok, err := c.works(&mutant{file: file, text: string(text) + more})
		require.NoError(t, err)
		require.Equal(t, want, ok, more)
	}
	_, err = c.works(&mutant{file: "README.md"})
	require.Error(t, err)
}

// A turn chooses by what mutants are: another one gives others, and what is added elsewhere moves none of them.
func TestTurnsGiveOthers(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	chosen := func(turn string, more ...string) []string {
		list := append(slices.Clone(names), more...)
		mixed(list, turn, func(s *string) string { return *s })
		return list
	}
	first := chosen("1")
	require.ElementsMatch(t, names, first)
	require.NotEqual(t, first, chosen("2"))
	require.Equal(t, first, slices.DeleteFunc(chosen("1", "x", "y"), func(s string) bool { return s > "h" }))
}
