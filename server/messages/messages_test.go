package messages

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/messages", "schema", "syncengine", "server", "clients", "database/sql", "net/http", "github.com")
}

// declared reads the keys from the source, so that a key without a sentence cannot be forgotten.
func declared(t testing.TB) []Key {
	t.Helper()
	var keys []Key
	for _, name := range []string{"catalogue.go", "importing.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && spec.Type != nil {
				if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Key" {
					text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
					require.NoError(t, err)
					keys = append(keys, Key(text))
				}
			}
			return true
		})
	}
	return keys
}

var verb = regexp.MustCompile(`%(\[(\d)\])?[a-z]`)

// arguments counts the arguments that a format takes.
func arguments(format string) int {
	n, most := 0, 0
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "" {
			n++
		} else {
			n, _ = strconv.Atoi(m[2])
		}
		most = max(most, n)
	}
	return most
}

func TestEveryKeyHasBothSentences(t *testing.T) {
	keys := declared(t)
	require.Greater(t, len(keys), 80)
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	require.Len(t, slices.Compact(sorted), len(keys), "a key is declared twice")
	for _, k := range keys {
		require.Contains(t, catalogue, k)
	}
	for k, e := range catalogue {
		require.NotEmpty(t, e.ZH, k)
		require.NotEmpty(t, e.EN, k)
		require.Equal(t, arguments(e.ZH), arguments(e.EN), "%s takes different arguments in zh and en", k)
		if e.Kind != KindText && k != BadField { // its second argument ends the sentence
			require.True(t, strings.HasSuffix(e.ZH, "。"), "%s is no sentence in zh: %s", k, e.ZH)
			require.True(t, strings.HasSuffix(e.EN, "."), "%s is no sentence in en: %s", k, e.EN)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"", ZH}, {"en", EN}, {"en-GB,en;q=0.9", EN}, {"zh", ZH}, {"zh-Hant-TW", ZH}, {"fr", ZH}, {"fr,en;q=0.1", EN},
		{"zh;q=0.2,en;q=0.9", EN}, {"*", ZH}, {"en;q=;;", ZH}, {strings.Repeat("en,", 200), ZH}, {"\x00", ZH},
	} {
		require.Equal(t, c.want, Language(c.header), "Accept-Language: %s", c.header)
	}
}

func TestProblem(t *testing.T) {
	cause := errors.New("disk")
	p := Refuse(LoginTaken, "wang").Because(cause)
	err := fmt.Errorf("create account: %w", p)
	require.ErrorIs(t, err, cause)
	require.True(t, Is(err, LoginTaken))
	require.NotContains(t, err.Error(), "wang", "arguments may be names and stay out of logs")
	require.Contains(t, Of(err).In(EN), `"wang"`)
	require.Contains(t, Of(err).In("de"), "“wang”")
	require.Equal(t, Conflict, Of(err).Kind())
	require.Equal(t, Unexpected, Of(cause).Key)
	require.Equal(t, Internal, Of(cause).Kind())
	require.Equal(t, "编码“37”不合要求：网格应为 15 位数字。", Say(CodeShape, "37", Say("level.grid"), 15).In(ZH))
	require.Equal(t, "no_such_key", Say("no_such_key").In(EN))
}
