package schema_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema/load"
)

// The model and the generators do no I/O; the loader is handed file systems, and one file of it knows the disk.
func TestImports(t *testing.T) {
	sealed := []string{"database/sql", "os", "net", "time/tzdata", "log", "github.com/mattn/go-sqlite3", "github.com/rs/zerolog", "syncengine", "server", "clients"}
	imports.Check(t, "schema", append(sealed, "go.yaml.in/yaml/v3")...)
	imports.Check(t, "schema/ddl", append(sealed, "go.yaml.in/yaml/v3")...)
	imports.Check(t, "schema/load", "database/sql", "net", "log", "os/exec", "github.com/mattn/go-sqlite3", "github.com/rs/zerolog", "syncengine", "server", "clients")
	files, err := filepath.Glob("load/*.go")
	require.NoError(t, err)
	for _, f := range files {
		for _, i := range parse(t, f).Imports {
			require.False(t, i.Path.Value == `"os"` && filepath.Base(f) != "dir.go", "%s reads the disk; only dir.go may", f)
		}
	}
}

// No record type is named in Go: every one is a declaration that a county may replace. Allowed are tests and demo data.
func TestNoRecordTypeIsNamedInGo(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	var names []string
	for _, table := range s.Tables {
		names = append(names, table.Name)
	}
	for _, found := range namedIn(t, "..", names) {
		t.Error(found + "; look the record type up in the schema instead")
	}
}

// namedIn gives the string literals of non-test Go files below root that are one of the names, quote one, or have one
// as a table of an SQL statement.
func namedIn(t *testing.T, root string, names []string) (found []string) {
	list := strings.Join(names, "|")
	named := regexp.MustCompile(`^(rec_)?(` + list + `)$|["'](rec_)?(` + list + `)["']|(?i:from|into|update|join|table)\s+"?(rec_)?(` + list + `)\b|rec_(` + list + `)\b`)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// The demo, the examples, the benchmarks and the proof suite with its programs are no product code: they play with real record types.
		scripts := filepath.Join(root, "scripts")
		if e.IsDir() && (path == filepath.Join(root, "examples") || path == filepath.Join(scripts, "demo") || path == filepath.Join(scripts, "prove") || path == filepath.Join(scripts, "bench") || e.Name() == "testdata" || e.Name() == "node_modules" || e.Name() == ".git") {
			return fs.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
			return nil // packages named …test are tests that other packages run: storetest, simtest
		}
		fset := token.NewFileSet()
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Logf("%v: not looked at, it does not parse", err) // somebody's compile error is shown to him elsewhere
			return nil
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && named.MatchString(text) {
					found = append(found, fset.Position(lit.Pos()).String()+": names "+lit.Value)
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	return found
}

// The search itself finds what it should, and leaves ordinary words alone.
func TestNamedIn(t *testing.T) {
	root := t.TempDir()
	for text, want := range map[string]int{
		`var x = "visit"`: 1, "var x = `SELECT 1 FROM visit v`": 1, `var x = "rec_visit"`: 1, `var x = "UPDATE \"visit\" SET a=1"`: 1, `var x = "tbl='visit'"`: 1,
		`var x = "pay a visit"`: 0, `var visit = 1`: 0, `var x = "visitor"`: 0, `var x = "from our visits"`: 0,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "x.go"), []byte("package x\n"+text+"\n"), 0o600))
		require.Len(t, namedIn(t, root, []string{"visit", "wish"}), want, text)
	}
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	require.NoError(t, err)
	return f
}
