package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The mistakes that people make at a prompt are named in their language, also where the system or a library found them,
// and have the exit code of a wrong argument; nothing is made.
func TestMistakesOfEveryDay(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	bad := filepath.Join(dir, "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("a: [\n"), 0o600))
	for want, args := range map[string][]string{
		"没有选项“nosuch”":     {"serve", "--nosuch"},
		"选项“listen”后面缺少值":  {"serve", "--listen"},
		"不认识 \"tcsh\"":     {"completion", "tcsh"},
		"不认识 \"bash\"":     {"completion", "zsh", "bash"},
		"不认识 \"nosuch\"":   {"help", "nosuch"},
		"恢复演练失败":           {"drill", "--backup", none},
		"读不到备份":            {"restore", none, "--data", none},
		"没有数据库":            {"confirm", "--data", none},
		"既不是导出":            {"audit", "verify", bad},
		"doorstepd: 读不到":   {"audit", "verify", none},
		"读不到：没有这个文件":       {"serve", "--config", none},
		"第 1 行：括号、引号或冒号之后": {"serve", "--config", bad},
	} {
		said := speak(t, exitUsage, args...)
		require.Contains(t, said, want, args)
		for _, raw := range []string{"no such file", "yaml: line", "unknown flag"} {
			require.NotContains(t, said, raw, args)
		}
	}
	require.NoFileExists(t, none)
	help := speak(t, exitOK, "completion", "bash", "--help") + speak(t, exitOK, "drill", "--help") + speak(t, exitOK, "completion", "--help")
	for _, raw := range []string{"(default", "Generate", "disable", "[flags]"} {
		require.NotContains(t, help, raw)
	}
	require.Contains(t, help, "（默认 ")
	require.Contains(t, speak(t, exitOK, "completion", "bash", "--help", "--lang", "en"), "Generate")
}

// What wraps an error of the system keeps its words around it.
func TestCauseInChinese(t *testing.T) {
	err := fmt.Errorf("open store: %w", &fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOSPC})
	require.Equal(t, "open store: /x：磁盘已满", words(langZH, err))
	require.Equal(t, "open store: open /x: no space left on device", words(langEN, err))
	require.Equal(t, "something else", words(langZH, errors.New("something else")))
	require.False(t, strings.Contains(words(langZH, syscall.ENOENT), "no such"))
}

// Where a program's source came from is said, and that it is not known only where nothing knows it.
func TestVersionSaysWhereItCameFrom(t *testing.T) {
	defer func(was string) { version = was }(version)
	version = unbuilt
	said := speak(t, exitOK, "version", "--lang", "en")
	require.Equal(t, revision() == "", strings.Contains(said, "source is not known"), said)
	version = "v1.2.3"
	said = speak(t, exitOK, "version", "--lang", "en")
	require.Contains(t, said, "doorstepd v1.2.3\n")
	require.NotContains(t, said, "not known")
	require.NotContains(t, said, "unknown")
}
