package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var (
	verb   = regexp.MustCompile(`%[-+#0 ]*(\[\d+\])?[0-9.*]*[a-zA-Z]`)
	letter = regexp.MustCompile(`[A-Za-z]`)
	han    = regexp.MustCompile(`\p{Han}`)
)

// sayers are the functions that say a sentence to a person, with the place of the sentence among their arguments.
var sayers = map[string]int{"tell": 1, "in": 1, "usage": 0, "failed": 0, "ok": 0, "warn": 0, "fault": 0, "found": 1}

// spokenHere collects every sentence that this package says: in code, and in the help of its commands.
func spokenHere(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			called := ""
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				called = fun.Name
			case *ast.SelectorExpr:
				called = fun.Sel.Name
				if x, ok := fun.X.(*ast.Ident); ok && x.Name == "fmt" && strings.HasPrefix(called, "Fprint") && name != "say.go" {
					for _, a := range call.Args[1:] {
						if lit, ok := a.(*ast.BasicLit); ok && lit.Kind == token.STRING {
							text, _ := strconv.Unquote(lit.Value)
							require.False(t, letter.MatchString(verb.ReplaceAllString(text, "")) && text != "doorstepd: ", "%s: %q is printed past the catalogue", fset.Position(lit.Pos()), text)
						}
					}
				}
			}
			i, known := sayers[called]
			if !known || i >= len(call.Args) {
				return true
			}
			if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				if letter.MatchString(verb.ReplaceAllString(text, "")) {
					out[text] = fset.Position(lit.Pos()).String()
				}
			}
			return true
		})
	}
	var all func(c *cobra.Command)
	all = func(c *cobra.Command) {
		for _, text := range []string{c.Short, c.Long} {
			if text != "" {
				out[text] = "help of " + c.CommandPath()
			}
		}
		note := func(f *pflag.Flag) { out[f.Usage] = "flag --" + f.Name + " of " + c.CommandPath() }
		c.Flags().VisitAll(note)
		c.PersistentFlags().VisitAll(note)
		for _, sub := range c.Commands() {
			all(sub)
		}
	}
	all(command(&bytes.Buffer{}, &bytes.Buffer{}, func() []string { return nil }, time.Now))
	return out
}

func verbs(text string) []string {
	var out []string
	for _, v := range verb.FindAllString(strings.ReplaceAll(text, "%w", "%v"), -1) {
		out = append(out, regexp.MustCompile(`\[\d+\]`).ReplaceAllString(v, ""))
	}
	slices.Sort(out)
	return out
}

// Everything that a person sees of doorstepd is in the catalogue, says the same things in both languages, and nothing else
// is in it.
func TestEverySentenceIsInTheCatalogue(t *testing.T) {
	said := spokenHere(t)
	var missing []string
	for text, where := range said {
		if _, ok := catalogue[text]; !ok {
			missing = append(missing, fmt.Sprintf("%s: %q", where, text))
		}
	}
	slices.Sort(missing)
	require.Empty(t, missing, strings.Join(missing, "\n"))
	for _, text := range slices.Sorted(maps.Keys(catalogue)) {
		if where := said[text]; where == "" && !slices.Contains(cobras, text) {
			require.Failf(t, "nobody says this", "%q", text)
		}
		require.Equal(t, verbs(text), verbs(catalogue[text]), "%q", text)
		require.True(t, han.MatchString(catalogue[text]) || text == "doorstepd %s\n", "%q", catalogue[text])
	}
}

// cobras are sentences that cobra brings.
var cobras = []string{"Help about any command", "Generate the autocompletion script for the specified shell"}

// The language is that of --lang, of DOORSTEP_LANG, or of the locale; Chinese where none is named.
func TestLanguageOfDoorstepd(t *testing.T) {
	for _, x := range []struct {
		args, env []string
		want      string
	}{
		{nil, nil, langZH},
		{nil, []string{"LANG=C.UTF-8"}, langZH},
		{nil, []string{"LANG=en_GB.UTF-8"}, langEN},
		{nil, []string{"LANG=en_GB.UTF-8", "LC_ALL=zh_CN.UTF-8"}, langZH},
		{nil, []string{"LANG=en_GB.UTF-8", "DOORSTEP_LANG=zh"}, langZH},
		{[]string{"check", "--lang", "en"}, []string{"DOORSTEP_LANG=zh"}, langEN},
		{[]string{"--lang=zh-CN"}, []string{"DOORSTEP_LANG=en"}, langZH},
		{[]string{"--", "--lang=en"}, nil, langZH},
	} {
		require.Equal(t, x.want, language(x.args, x.env), "%v %v", x.args, x.env)
	}
}

// speak runs doorstepd with nothing but the arguments given.
func speak(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	require.Equal(t, want, run(soon(t), args, &out, &errs, func() []string { return nil }, time.Now), "%v\n%s%s", args, out.String(), errs.String())
	return out.String() + errs.String()
}

// What is said to people is in one language, theirs; also errors, and help.
func TestDoorstepdSpeaksOneLanguage(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	require.Contains(t, speak(t, exitUsage, "backup", "--data", data, "--to", "x"), "没有数据库")
	require.Contains(t, speak(t, exitUsage, "--lang", "en", "backup", "--data", data, "--to", "x"), "there is no database in")
	zh, en := speak(t, exitOK, "check", "--help"), speak(t, exitOK, "check", "--help", "--lang", "en")
	require.Contains(t, zh, "数据库和密钥的文件夹")
	require.NotContains(t, zh, "Usage:")
	require.False(t, han.MatchString(strings.ReplaceAll(en, "敲门", "")), en)
	text := speak(t, exitOK, "check", "--data", data, "--listen", "127.0.0.1:0", "--lang", "en")
	require.False(t, han.MatchString(text), text)
	require.Contains(t, speak(t, exitOK, "check", "--data", data, "--listen", "127.0.0.1:0"), "可用")
	doc := speak(t, exitOK, "check", "--json", "--data", data, "--listen", "127.0.0.1:0")
	require.Contains(t, doc, `"level": "ok"`)
	require.Contains(t, speak(t, exitUsage, "check", "--lang", "fr"), "zh-CN")
	joined := errors.Join(usage("where to? Give --to FILE"), context.Canceled)
	require.Equal(t, "备份到哪里？请给出 --to 文件\ncontext canceled", words(langZH, joined))
	require.ErrorIs(t, failed("open data folder: %w", os.ErrNotExist), os.ErrNotExist)
}

// A backup whose manifest is not beside it is verified by itself, and that it was compared with nothing is said.
func TestUncomparedBackupIsSaid(t *testing.T) {
	data, file := backedUp(t)
	require.NotContains(t, doorstepd(t, exitOK, "drill", "--backup", file), "compared with nothing")
	require.NoError(t, os.Remove(manifestOf(file)))
	require.Contains(t, doorstepd(t, exitOK, "drill", "--backup", file), "compared with nothing")
	require.Contains(t, doorstepd(t, exitOK, "restore", "--data", data, file), "compared with nothing")
}

// The folder that the command line keeps its sign-in in may still be named by the variable that it was once named by.
func TestFolderOfTheCommandLineIsNoConfiguration(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	code := run(soon(t), []string{"check", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0"}, &out, &errs, environment("DOORSTEP_CONFIG="+dir, "DOORSTEP_SETTINGS="+dir), time.Now)
	require.Equal(t, exitOK, code, out.String()+errs.String())
	require.NotContains(t, out.String(), "is no setting")
}
