package device_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema/load"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// codes reads the constants of a type from a source file, so that a new code cannot be forgotten.
func codes(t *testing.T, file, typ string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == typ {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			out = append(out, s)
		}
		return true
	})
	require.NotEmpty(t, out)
	return out
}

func TestEveryCodeOfTheCentreHasASentence(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	fallback := device.Explain(s, se.Rejected, &se.Reason{Code: "of a later release"})
	for _, code := range codes(t, "../../syncengine/verdict.go", "Code") {
		why := &se.Reason{Code: se.Code(code), Table: "household", Column: "phone"}
		l := device.Explain(s, se.Rejected, why)
		require.NotEqual(t, fallback, l, code)
		for _, text := range []string{l.ZH, l.EN} {
			require.NotContains(t, text, "%", code)
			require.NotContains(t, text, "phone", "%s: by its label, not its name", code)
		}
		require.Contains(t, l.ZH, "请", code)
	}
	l := device.Explain(s, se.Rejected, &se.Reason{Code: se.CodeBadValue, Table: "household", Column: "phone"})
	require.Contains(t, l.ZH, "“联系电话”")
	require.Contains(t, l.EN, "Phone")
	l = device.Explain(s, se.Rejected, &se.Reason{Code: se.CodeNoRight, Table: "dispute", Column: "result"})
	require.Contains(t, l.ZH, "调解结果", "a cell is named by its columns")
	require.NotEmpty(t, fallback.EN)
}

func TestEveryCodeOfTheDeviceHasASentence(t *testing.T) {
	for _, code := range codes(t, "catalogue.go", "Code") {
		l := device.Say(device.Code(code))
		require.NotEmpty(t, l.ZH, code)
		require.NotEmpty(t, l.EN, code)
		require.True(t, strings.ContainsAny(l.ZH, "请会"), "%s says what to do, or that it is done by itself", code)
	}
}

// An element that may not be in a set is told of like a value: with the column's own sentence.
func TestABadElementHasTheColumnsSentence(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	cs := &se.Changeset{Changes: []se.Change{{Table: "dispute", Row: "r", Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "parties", In: []string{"好", strings.Repeat("长", 501)}}}}}}
	l := device.ExplainChangeset(s, se.Rejected, cs, &se.Reason{Code: se.CodeBadValue, Table: "dispute", Row: "r", Column: "parties", Rule: "too_long"})
	require.Equal(t, "“当事人”最多 500 个字，现有 501 个；请缩短。", l.ZH)
	l = device.ExplainChangeset(s, se.Rejected, cs, &se.Reason{Code: se.CodeMissing, Table: "dispute", Row: "r", Column: "kind_code"})
	require.Equal(t, device.Explain(s, se.Rejected, &se.Reason{Code: se.CodeMissing, Table: "dispute", Column: "kind_code"}), l)
}

// What stands twice in one save is no bad id: to make the record anew would not help.
func TestWhatStandsTwiceIsSaid(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	for column, want := range map[string]string{"id": "把同一条“矛盾纠纷”写了两次", "facts": "“矛盾纠纷”的“纠纷事实”写了两次"} {
		l := device.Explain(s, se.Rejected, &se.Reason{Code: se.CodeBadRow, Table: "dispute", Column: column, Rule: "twice"})
		require.Contains(t, l.ZH, want)
		require.Contains(t, l.EN, "twice in one save")
	}
}
