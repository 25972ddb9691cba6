package imports

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a small module in which session reaches the database only through two steps.
var tree = map[string]string{
	"go.mod":                         "module example.org/farm\n\ngo 1.26\n",
	"engine/engine.go":               "package engine\n\nimport (\n\t\"errors\"\n\n\t\"example.org/farm/clock\"\n)\n",
	"engine/engine_test.go":          "package engine\n\nimport \"net/http\"\n",
	"engine/session/session.go":      "package session\n\nimport \"example.org/farm/engine/files\"\n",
	"engine/files/files.go":          "package files\n\nimport \"example.org/farm/engine/deep\"\n",
	"engine/deep/deep.go":            "package deep\n\nimport \"database/sql\"\n",
	"engine/testdata/bad/bad.go":     "package bad\n\nimport \"net/http\"\n",
	"engine/nested/go.mod":           "module example.org/nested\n",
	"engine/nested/nested.go":        "package nested\n\nimport \"net/http\"\n",
	"clock/clock.go":                 "package clock\n\nimport (\n\t\"net/url\"\n\n\t\"example.org/other/pkg\"\n)\n",
	"clock/clock_windows.go":         "package clock\n\nimport \"syscall\"\n",
	"clock/tagged.go":                "//go:build prove\n\npackage clock\n\nimport \"log\"\n",
	"server/server.go":               "package server\n\nimport \"example.org/farm/clients\"\n",
	"clients/clients.go":             "package clients\n",
	"serverless/serverless.go":       "package serverless\n",
	"broken/broken.go":               "package broken\n\nimport \"unfinished\n",
	"cycle/one/one.go":               "package one\n\nimport \"example.org/farm/cycle/two\"\n",
	"cycle/two/two.go":               "package two\n\nimport \"example.org/farm/cycle/one\"\n",
	"usesserverless/uses.go":         "package usesserverless\n\nimport \"example.org/farm/serverless\"\n",
	"docs/readme.txt":                "no code here\n",
	"onlytests/only_test.go":         "package onlytests\n",
	"generated/_skip.go":             "package generated\n\nimport \"net/http\"\n",
	"generated/generated.go":         "package generated\n",
	"generated/.editor-backup.go":    "package generated\n\nimport \"net/http\"\n",
	"usesmodule/uses.go":             "package usesmodule\n\nimport \"example.org/farm\"\n",
	"root.go":                        "package farm\n\nimport \"os\"\n",
	"external/external.go":           "package external\n\nimport \"example.org/farmyard/db\"\n",
	"twice/a.go":                     "package twice\n\nimport \"log\"\n",
	"twice/b.go":                     "package twice\n\nimport \"log\"\n",
	"deepvendor/vendor/x/x.go":       "package x\n\nimport \"net/http\"\n",
	"deepvendor/deepvendor.go":       "package deepvendor\n",
	"deepvendor/below/below.go":      "package below\n\nimport \"log/slog\"\n",
	"deepvendor/_archive/archive.go": "package archive\n\nimport \"net/http\"\n",
}

func plant(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range tree {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return root
}

func TestViolations(t *testing.T) {
	root := plant(t)
	for _, c := range []struct {
		name      string
		pkg       string
		forbidden []string
		want      []string
	}{
		{"clean", "engine", []string{"database/sql", "net/http"}, nil},
		{"direct", "clock", []string{"net/url"}, []string{`forbidden import: clock -> net/url (rule "net/url")`}},
		{"through our own packages, with the way there", "engine/session", []string{"database/sql"},
			[]string{`forbidden import: engine/session -> engine/files -> engine/deep -> database/sql (rule "database/sql")`}},
		{"every package below", "engine/...", []string{"database/sql"},
			[]string{`forbidden import: engine/deep -> database/sql (rule "database/sql")`}},
		{"only this package without dots", "deepvendor", []string{"log", "net/http"}, nil},
		{"vendor and underscore folders are passed over", "deepvendor/...", []string{"log", "net/http"},
			[]string{`forbidden import: deepvendor/below -> log/slog (rule "log")`}},
		{"tests, testdata and nested modules are free", "engine/...", []string{"net/http"}, nil},
		{"a prefix covers what is below", "engine", []string{"net"},
			[]string{`forbidden import: engine -> clock -> net/url (rule "net")`}},
		{"a dollar means exactly this", "engine", []string{"net$"}, nil},
		{"another system's files count", "clock", []string{"syscall"},
			[]string{`forbidden import: clock -> syscall (rule "syscall")`}},
		{"files under a tag count", "clock", []string{"log"}, []string{`forbidden import: clock -> log (rule "log")`}},
		{"our own folder", "server", []string{"clients/"}, []string{`forbidden import: server -> clients (rule "clients/")`}},
		{"our own folder by import path", "server", []string{"example.org/farm/clients"},
			[]string{`forbidden import: server -> clients (rule "example.org/farm/clients")`}},
		{"a folder's name is not a prefix of letters", "usesserverless", []string{"server"}, nil},
		{"another module whose path starts alike", "external", []string{"yard"}, nil},
		{"external module", "engine", []string{"example.org/other"},
			[]string{`forbidden import: engine -> clock -> example.org/other/pkg (rule "example.org/other")`}},
		{"an import cycle ends", "cycle/one", []string{"net/http"}, nil},
		{"files the go command ignores", "generated", []string{"net/http"}, nil},
		{"the root package", "usesmodule", []string{"os"}, []string{`forbidden import: usesmodule -> . -> os (rule "os")`}},
		{"said once per package", "twice", []string{"log"}, []string{`forbidden import: twice -> log (rule "log")`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := violations(filepath.Join(root, "engine"), c.pkg, c.forbidden)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestErrors(t *testing.T) {
	root := plant(t)
	for _, c := range []struct{ name, dir, pkg, want string }{
		{"no such folder", root, "gone", "gone"},
		{"no code in the folder", root, "docs", "no package there"},
		{"only tests in the folder", root, "onlytests", "no package there"},
		{"a file that does not parse", root, "broken", "broken.go"},
		{"no module", string(filepath.Separator), "engine", "no go.mod here or above"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := violations(c.dir, c.pkg, []string{"net/http"})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// recorder is a testing.TB that remembers failures instead of failing.
type recorder struct {
	testing.TB
	errors, fatals int
}

func (r *recorder) Helper()               {}
func (r *recorder) Error(...any)          { r.errors++ }
func (r *recorder) Fatalf(string, ...any) { r.fatals++; runtime.Goexit() }

func TestCheckFailsTheTest(t *testing.T) {
	for _, c := range []struct {
		name           string
		pkg            string
		errors, fatals int
	}{
		{"a forbidden import", "internal/imports", 1, 0},
		{"a package that is not there", "internal/gone", 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				Check(r, c.pkg, "go/parser")
			}()
			<-done
			require.Equal(t, c.errors, r.errors, "errors")
			require.Equal(t, c.fatals, r.fatals, "fatals")
		})
	}
}

// This package stands left of everything, so nothing of ours may be in it.
func TestImports(t *testing.T) {
	Check(t, "internal/imports", "schema", "syncengine", "server", "clients", "github.com", "os/exec", "net")
}
