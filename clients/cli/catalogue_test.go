package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/restclient"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// speakers are the functions whose first text is a key of the catalogue, with the place of that argument.
var speakers = map[string]int{"say": 0, "print": 0, "warn": 0, "sentence": 1, "fail": 1, "wrong": 0, "misuse": 0, "saved": 0, "sideLine": 0}

// Every key in the source is in the catalogue, both languages are there, and take the same arguments.
func TestCatalogue(t *testing.T) {
	used := map[string]bool{}
	prefixes := []string{"help.", "rule.", "level.", "fate.", "now.", "audit_log.", "plan_state.", "plan_effect."}
	packages, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0) //nolint:staticcheck // one folder, no build tags needed
	require.NoError(t, err)
	for name, f := range packages["cli"].Files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			place, speaks := speakers[callee(call)]
			if !speaks || place >= len(call.Args) {
				return true
			}
			switch x := call.Args[place].(type) {
			case *ast.BasicLit:
				key, err := strconv.Unquote(x.Value)
				require.NoError(t, err)
				used[key] = true
			case *ast.BinaryExpr:
				if lit, ok := x.X.(*ast.BasicLit); ok {
					prefix, err := strconv.Unquote(lit.Value)
					require.NoError(t, err)
					prefixes = append(prefixes, prefix)
				}
			}
			return true
		})
	}
	for key := range used {
		require.Contains(t, catalogue, key)
	}
	verbs := regexp.MustCompile(`%(\[\d\])?[a-z]`)
	for key, l := range catalogue {
		require.NotEmpty(t, l.ZH, key)
		require.NotEmpty(t, l.EN, key)
		require.Len(t, verbs.FindAllString(l.EN, -1), len(verbs.FindAllString(l.ZH, -1)), key)
		if !used[key] && !hasPrefix(key, prefixes) && !strings.HasPrefix(key, "import_") && !strings.HasPrefix(key, "kind.") && !strings.HasPrefix(key, "choice.") && !strings.HasPrefix(key, "settled.") {
			t.Errorf("nothing says %q", key)
		}
	}
}

func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func hasPrefix(key string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// Every command has help, and words that come from the engine have labels.
func TestWordsOfTheEngine(t *testing.T) {
	for k := se.Accepted; k <= se.Parked; k++ {
		require.Contains(t, catalogue, "verdict."+k.String())
	}
	for o := se.OpUpdate; o <= se.OpDecide; o++ {
		require.Contains(t, catalogue, "op."+o.String())
	}
	for _, k := range []se.ConflictKind{se.ConflictCell, se.ConflictDelete, se.ConflictDuplicate, se.ConflictWorkflow} {
		require.Contains(t, catalogue, "kind."+string(k))
	}
	for _, c := range []string{string(se.ChoiceKeep), string(se.ChoiceTake), string(se.ChoiceSet), string(se.ChoiceBoth), string(se.ChoiceRenumber),
		string(se.ChoiceMerge), string(se.ChoiceSplit), "restore",
		string(se.OutcomeSuperseded), string(se.OutcomeGone), string(se.OutcomeOpen)} {
		require.Contains(t, catalogue, "choice."+c)
	}
	for _, l := range levels {
		require.Contains(t, catalogue, "level."+l)
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"nothing said", nil, nil, zh},
		{"a locale without a language", nil, map[string]string{"LANG": "C.UTF-8"}, zh},
		{"POSIX", nil, map[string]string{"LC_ALL": "POSIX", "LANG": "en_US"}, zh},
		{"Chinese", nil, map[string]string{"LANG": "zh_CN.UTF-8"}, zh},
		{"English", nil, map[string]string{"LANG": "en_GB.UTF-8"}, en},
		{"another language", nil, map[string]string{"LANG": "de_DE.UTF-8"}, en},
		{"the flag before the locale", []string{"list", "--lang", "zh-CN"}, map[string]string{"LANG": "en_US"}, zh},
		{"the flag with a sign", []string{"--lang=en", "list"}, nil, en},
		{"our own variable before the locale", nil, map[string]string{"DOORSTEP_LANG": "en", "LANG": "zh_CN"}, en},
		{"an argument after the flags' end", []string{"--", "--lang", "en"}, nil, zh},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, language(c.args, func(n string) string { return c.env[n] }))
		})
	}
}

// English has singular and plural, by the number that stands before; nothing of the form is left over.
func TestNumbers(t *testing.T) {
	require.Equal(t, "1 changeset", sentence(en, "status.refused", 1)[2:13])
	for _, n := range []int{0, 1, 2} {
		want := map[int]string{1: "1 conflict waits for"}[n]
		if want == "" {
			want = fmt.Sprintf("%d conflicts wait for", n)
		}
		require.Contains(t, sentence(en, "sync_conflicts", n), want)
	}
	require.Equal(t, "%[2]d a, %[1]d bs", numbered("%[2]d {a|as}, %[1]d {b|bs}", []any{2, 1}))
	require.Equal(t, "%s x, %d y", numbered("%s {w|x}, %d {y|z}", []any{"1", int64(1)}))
	for key, l := range catalogue {
		if key != "usage_template" {
			require.NotContains(t, l.ZH, "{", key)
		}
	}
}

func TestColumnsCountChineseTwice(t *testing.T) {
	var b strings.Builder
	columns(&b, [][]string{{"编号", "名", "x"}, {"1", "ab", "y"}, {"", "", "z"}})
	require.Equal(t, "编号  名  x\n1     ab  y\n          z\n", b.String())
	require.Equal(t, "楼上…", short("楼上夜里吵", 5))
	require.Equal(t, "a b\uFFFD[2J\uFFFD", clean("a\nb\x1b[2J\u202e"))
}

// docs/cli.md names every command and every flag.
func TestReferenceIsWhole(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	require.NoError(t, err)
	doc := string(text)
	a := &app{lang: en}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if path := strings.TrimPrefix(c.CommandPath(), "doorstep "); c.Name() != "help" && path != "doorstep" {
			require.Contains(t, doc, path)
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if c.Name() != "help" && f.Name != "help" && c.CommandPath() != "doorstep completion" && !strings.HasPrefix(c.CommandPath(), "doorstep completion ") {
				require.Contains(t, doc, "--"+f.Name, c.CommandPath())
			}
		})
		for _, sub := range c.Commands() {
			if c.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk(a.root())
}

// A try that comes at once is not "in 0s".
func TestRetryNow(t *testing.T) {
	for wait, want := range map[time.Duration]string{0: "now", 900 * time.Millisecond: "now", 2 * time.Second: "in 2s"} {
		var errs strings.Builder
		w := &watcher{app: &app{lang: en, Program: Program{Err: &errs}}}
		w.failed(fail(ExitOffline, "offline"), wait)
		require.Contains(t, errs.String(), want+".", wait)
	}
}

// Times of the centre are shown in the person's own zone, whatever offset they come with.
func TestTimesOfTheCentreAreLocal(t *testing.T) {
	a := &app{lang: en, Program: Program{Zone: time.FixedZone("", 8*3600), Env: func(string) string { return "" }}}
	visit := a.recordType("visit")
	for _, text := range []string{"2046-03-02T00:30:00Z", "2046-03-02T02:30:00+02:00"} {
		require.Equal(t, "2046-03-02 08:30", a.apiText(visit, restclient.Value{Column: "started_at", Text: text, Value: text}))
	}
	require.Equal(t, "noise", a.apiText(visit, restclient.Value{Column: "outcome", Text: "noise", Value: "x"}))
	require.Equal(t, "as it came", a.apiText(nil, restclient.Value{Column: "started_at", Text: "as it came"}))
}
