package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// What was answered is there for whoever goes on.
func TestAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.tsv")
	bug := &planted.Bug{Name: "n", File: "a.go", Old: "x", New: "y"}
	a, err := readAnswers(path)
	require.NoError(t, err)
	_, ok := a.of("one")
	require.False(t, ok)
	require.NoError(t, a.put("one", bug, "worlds -rewound"))
	require.NoError(t, a.put("two", bug, ""))
	a.close()

	a, err = readAnswers(path)
	require.NoError(t, err)
	defer a.close()
	by, ok := a.of("one")
	require.True(t, ok)
	require.Equal(t, "worlds -rewound", by)
	by, ok = a.of("two")
	require.True(t, ok, "that nobody saw it is an answer too")
	require.Empty(t, by)
	seen, open := a.split([]string{"new", "one", "two"}, []int{2, 1, 0}, false)
	require.Equal(t, []string{"", "worlds -rewound", ""}, seen)
	require.Equal(t, []int{0}, open)
	_, open = a.split([]string{"new", "one", "two"}, []int{2, 1, 0}, true)
	require.Equal(t, []int{2, 0}, open, "what nobody saw is asked again, in the order given")
	require.NoError(t, a.put("two", bug, "tests of a"))

	b, err := readAnswers(path)
	require.NoError(t, err)
	defer b.close()
	by, _ = b.of("two")
	require.Equal(t, "tests of a", by, "the newest answer holds")

	none, err := readAnswers("")
	require.NoError(t, err)
	require.NoError(t, none.put("one", bug, "worlds"))
}

// An answer holds for the change, for the functions that it is in, and for who is asked; not for the rest of the file.
func TestWhatAnAnswerHoldsFor(t *testing.T) {
	root := t.TempDir()
	key := func(source string, change func(*planted.Bug)) string {
		require.NoError(t, os.WriteFile(filepath.Join(root, "a.go"), []byte(source), 0o600))
		b := planted.Bug{
			Name: "n", File: "a.go", Old: "x++", New: "x--", Package: "p", Test: "TestIt",
			Also: []planted.Edit{{File: "a.go", Old: "return 2", New: "return 3"}},
		}
		if change != nil {
			change(&b)
		}
		k, err := answerKey(root, &b)
		require.NoError(t, err)
		return k
	}
	const source = "package a\n\nfunc f(x int) int {\n\tx++\n\treturn x\n}\n\nfunc g() int { return 2 }\n\nfunc h() int { return 4 }\n"
	edited := func(old, now string) string {
		require.Equal(t, 1, strings.Count(source, old))
		return strings.Replace(source, old, now, 1)
	}
	first := key(source, nil)
	require.Equal(t, first, key(edited("return 4", "return 5"), nil), "another function is another matter")
	require.Equal(t, first, key(edited("func f", "// A remark.\nfunc f"), nil))
	require.Equal(t, first, key(source, func(b *planted.Bug) { b.Name, b.Seed, b.Case = "another name", 7, "O1" }))
	for what, other := range map[string]string{
		"the rest of the function":          key(edited("return x", "return x + 1"), nil),
		"what the function takes":           key(edited("f(x int)", "f(x int64)"), nil),
		"the rest of the other place's":     key(edited("g() int", "g() int64"), nil),
		"what stands there instead":         key(source, func(b *planted.Bug) { b.New = "x += 2" }),
		"how much of the function is named": key(source, func(b *planted.Bug) { b.Old, b.New = "\tx++", "\tx--" }),
		"the other place":                   key(source, func(b *planted.Bug) { b.Also = nil }),
		"what stands in the other place":    key(source, func(b *planted.Bug) { b.Also[0].New = "return 7" }),
		"the test that is asked":            key(source, func(b *planted.Bug) { b.Test = "TestIt|TestThat" }),
		"the package whose test that is":    key(source, func(b *planted.Bug) { b.Package = "q" }),
		"worlds that are asked":             key(source, func(b *planted.Bug) { b.Package, b.Test, b.Worlds = "", "", planted.Rewound }),
	} {
		require.NotEqual(t, first, other, what)
	}
	_, err := answerKey(root, &planted.Bug{Name: "n", File: "a.go", Old: "nowhere", New: "x"})
	require.ErrorContains(t, err, "0 times")
}

// What is asked quickly is asked first.
func TestQuickFirst(t *testing.T) {
	list := []trial{{bug: &planted.Bug{File: "clients/device/a.go"}}, {bug: &planted.Bug{File: "syncengine/a.go"}}, {bug: &planted.Bug{File: "clients/device/b.go"}}, {bug: &planted.Bug{File: "syncengine/hlc/a.go"}}}
	require.Equal(t, []int{3, 1, 0, 2}, quickFirst(list))
}
