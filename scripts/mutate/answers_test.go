package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// What was answered is there for whoever goes on, until the function or the change is another.
func TestAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.tsv")
	one, two := &planted.Bug{Name: "n", File: "a.go", Old: "x", New: "y"}, &planted.Bug{Name: "n", File: "a.go", Old: "x", New: "z"}
	a, err := readAnswers(path)
	require.NoError(t, err)
	_, ok := a.of(one)
	require.False(t, ok)
	require.NoError(t, a.put(one, "worlds -rewound"))
	require.NoError(t, a.put(two, ""))
	a.close()

	a, err = readAnswers(path)
	require.NoError(t, err)
	defer a.close()
	by, ok := a.of(one)
	require.True(t, ok)
	require.Equal(t, "worlds -rewound", by)
	by, ok = a.of(two)
	require.True(t, ok, "that nobody saw it is an answer too")
	require.Empty(t, by)
	_, ok = a.of(&planted.Bug{Name: "n", File: "a.go", Old: "x and more", New: "y"})
	require.False(t, ok, "of another text nothing is known")
	require.NoError(t, a.put(two, "tests of a"))

	b, err := readAnswers(path)
	require.NoError(t, err)
	defer b.close()
	by, _ = b.of(two)
	require.Equal(t, "tests of a", by, "the newest answer holds")

	none, err := readAnswers("")
	require.NoError(t, err)
	require.NoError(t, none.put(one, "worlds"))
}

// What is asked quickly is asked first.
func TestQuickFirst(t *testing.T) {
	list := []trial{{bug: &planted.Bug{File: "clients/device/a.go"}}, {bug: &planted.Bug{File: "syncengine/a.go"}}, {bug: &planted.Bug{File: "clients/device/b.go"}}, {bug: &planted.Bug{File: "syncengine/hlc/a.go"}}}
	require.Equal(t, []int{3, 1, 0, 2}, quickFirst(list))
}
