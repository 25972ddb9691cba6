package schema

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// faultCalls are the functions that make faults: what to do is their second argument, what is wrong the third.
var faultCalls = map[string]bool{"fault": true, "refuse": true, "lose": true, "unread": true, "faultAt": true, "NewFault": true}

// Every fault that is said anywhere has its Chinese, with the same arguments, and nothing is there that is not said.
func TestFaultsAreInBothLanguages(t *testing.T) {
	whats, dos := map[string]bool{}, map[string]bool{}
	for _, dir := range []string{".", "load", "../server/store"} {
		packages, err := parser.ParseDir(token.NewFileSet(), dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // one folder
		require.NoError(t, err)
		for _, p := range packages {
			consts := map[string]string{}
			ast.Inspect(p, func(n ast.Node) bool {
				if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == 1 && len(v.Values) == 1 {
					if text, whole := written(v.Values[0], nil); whole {
						consts[v.Names[0].Name] = text
					}
				}
				return true
			})
			ast.Inspect(p, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) < 3 || !faultCalls[called(call)] {
					return true
				}
				if what, whole := written(call.Args[2], consts); whole {
					whats[what] = true
				}
				switch do, whole := written(call.Args[1], consts); {
				case whole:
					dos[do] = true
				case do != "":
					require.NotEqual(t, do, phraseZH(advice, do), "no Chinese")
				}
				return true
			})
		}
	}
	verbs := regexp.MustCompile(`%(\[\d\])?[a-z]`)
	require.Greater(t, len(whats), 100)
	for what := range whats {
		require.Contains(t, whatZH, what)
		require.Len(t, verbs.FindAllString(whatZH[what], -1), len(verbs.FindAllString(what, -1)), what)
	}
	for do := range dos {
		require.Contains(t, doZH, do)
	}
	for what := range whatZH {
		require.Contains(t, whats, what, "nobody says it")
	}
	for do := range doZH {
		require.Contains(t, dos, do, "nobody says it")
	}
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// written gives a text as the source has it: whole if it is a constant, else with x where something is put in; "" for what
// is only passed on.
func written(e ast.Expr, consts map[string]string) (text string, whole bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(x.Value)
		return s, err == nil && x.Kind == token.STRING
	case *ast.Ident:
		s, ok := consts[x.Name]
		return s, ok
	case *ast.BinaryExpr:
		a, _ := written(x.X, consts)
		b, _ := written(x.Y, consts)
		for _, part := range []*string{&a, &b} {
			if *part == "" {
				*part = "x"
			}
		}
		return a + b, false
	}
	return "", false
}

func TestFaultInChinese(t *testing.T) {
	f := NewFault(Source{"a.yaml", 3}, "use codes of level", "%s has %q twice", "column x of y", "z")
	require.Equal(t, `a.yaml:3: column x of y has "z" twice; use codes of level`, f.Error())
	require.Equal(t, f.Error(), f.In("en"))
	require.Equal(t, `a.yaml:3: y 的字段 x 里 "z" 出现了两次；请用 level 的代码`, f.In("zh-CN"))
	require.Equal(t, "未知的；x", Fault{What: "未知的", Do: "x"}.In("zh-CN"), "what only its text is known of")
	require.Equal(t, "第 4 行：缺了冒号", YAMLInChinese("yaml: line 4: could not find expected ':'"))
	require.Equal(t, "第 4 行：写法不对", YAMLInChinese("yaml: line 4: something new"))
}
