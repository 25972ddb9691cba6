// Package imports lets a package's own test say what the package must never import.
//
// The rules of this module, left to right:
//
//	schema, hlc  <-  syncengine  <-  replica  <-  session  <-  wire  <-  server/gateway  <-  server/cmd/doorstepd
//	                 syncengine  <-  server/store, server/feed, server/api   <-  server/cmd/doorstepd
//	                 syncengine, wire, session  <-  clients/device  <-  clients/cli, clients/mobile
//
// What stands right may import what stands left, never back. Sideways is a smell. server and clients
// never import each other; only tests may cross. schema, hlc, syncengine, wire and session do no I/O:
// no sockets, no SQL, no logging.
//
// A package states its part of this in one line of a test:
//
//	func TestImports(t *testing.T) {
//		imports.Check(t, "syncengine/...", "database/sql", "net/http", "github.com/rs/zerolog", "server", "clients")
//	}
package imports

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Check fails the test for each forbidden import that pkg reaches.
//
// pkg is a path inside this module ("syncengine", or "." for the root); with "/..." behind it, it
// means every package below as well. A pkg that matches nothing fails, so that a renamed folder
// cannot silence its rule. Followed are the imports of all files but tests, under every build tag,
// through all packages of this module; of other modules and of the standard library only what is
// imported directly.
//
// A forbidden entry is an import path, or a folder of this module, and covers everything below it:
// "net" covers net/http. With "$" behind it, it covers that one path: "net$" lets net/url pass.
// A slash at its end changes nothing.
func Check(t testing.TB, pkg string, forbidden ...string) {
	t.Helper()
	found, err := violations(".", pkg, forbidden)
	if err != nil {
		t.Fatalf("imports.Check: %v", err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// violations returns one sentence for each forbidden import, in the order of the walk, which is the
// same on every run. dir is any folder inside the module.
func violations(dir, pkg string, forbidden []string) ([]string, error) {
	m, err := findModule(dir)
	if err != nil {
		return nil, err
	}
	start, err := m.match(pkg)
	if err != nil {
		return nil, err
	}
	w := walk{module: m, forbidden: forbidden, seen: map[string]bool{}}
	for _, folder := range start {
		if err := w.visit(folder, []string{folder}); err != nil {
			return nil, err
		}
	}
	return w.found, nil
}

// walk goes once through each package that can be reached, and notes what it must not reach.
type walk struct {
	module    module
	forbidden []string
	seen      map[string]bool // folders, relative to the module's root
	found     []string
}

// visit reads the imports of one folder; chain is how we came here, ending with folder itself.
func (w *walk) visit(folder string, chain []string) error {
	if w.seen[folder] {
		return nil
	}
	w.seen[folder] = true
	list, err := w.module.imports(folder)
	if err != nil {
		return err
	}
	for _, imp := range list {
		next := append(slices.Clone(chain), w.module.short(imp))
		if rule, bad := w.module.forbids(w.forbidden, imp); bad {
			w.found = append(w.found, fmt.Sprintf("forbidden import: %s (rule %q)", strings.Join(next, " -> "), rule))
			continue
		}
		if inside, ok := w.module.folder(imp); ok {
			if err := w.visit(inside, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// module is the Go module that holds the packages under test.
type module struct {
	root string // the folder of go.mod
	path string // its import path
}

// findModule looks for go.mod in dir and above.
func findModule(dir string) (module, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return module{}, fmt.Errorf("find module: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			return parseModule(dir, string(text))
		}
		up := filepath.Dir(dir)
		if up == dir {
			return module{}, fmt.Errorf("find module: no go.mod here or above")
		}
		dir = up
	}
}

func parseModule(root, text string) (module, error) {
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return module{root: root, path: strings.TrimSpace(name)}, nil
		}
	}
	return module{}, fmt.Errorf("find module: %s/go.mod names no module", root)
}

// match returns the folders that pkg names, sorted; it is an error if none of them holds Go code.
func (m module) match(pkg string) ([]string, error) {
	top, deep := strings.CutSuffix(pkg, "...")
	top = path.Clean(strings.TrimSuffix(top, "/"))
	var folders []string
	err := filepath.WalkDir(filepath.Join(m.root, top), func(file string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(m.root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel != top && (!deep || m.ignored(rel)) {
			return filepath.SkipDir
		}
		if files, err := m.files(rel); err != nil || len(files) == 0 {
			return err
		}
		folders = append(folders, rel)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("match %q: %w", pkg, err)
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("match %q: no package there; was it moved?", pkg)
	}
	return folders, nil
}

// ignored tells whether the go command would pass this folder over in a "..." pattern.
func (m module) ignored(folder string) bool {
	name := path.Base(folder)
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(m.root, folder, "go.mod"))
	return err == nil // a module of its own
}

// files lists the Go files of a folder that are not tests.
func (m module) files(folder string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(m.root, folder))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			continue
		}
		files = append(files, filepath.Join(m.root, folder, name))
	}
	return files, nil
}

// imports returns what the files of one folder import, sorted, without repeats.
func (m module) imports(folder string) ([]string, error) {
	files, err := m.files(folder)
	if err != nil {
		return nil, fmt.Errorf("read imports: %w", err)
	}
	var list []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return nil, fmt.Errorf("read imports: %w", err)
		}
		for _, spec := range parsed.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, fmt.Errorf("read imports of %s: %w", file, err)
			}
			list = append(list, imp)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// folder returns where an import path lies in this module, if it does.
func (m module) folder(imp string) (string, bool) {
	if imp == m.path {
		return ".", true
	}
	return strings.CutPrefix(imp, m.path+"/")
}

// short is how a person would name an import: by its folder if it is ours.
func (m module) short(imp string) string {
	if folder, ok := m.folder(imp); ok {
		return folder
	}
	return imp
}

// forbids returns the first rule that covers imp. A rule is compared with the whole import path and,
// for our own packages, with the folder.
func (m module) forbids(rules []string, imp string) (string, bool) {
	for _, rule := range rules {
		if covers(rule, imp) || covers(rule, m.short(imp)) {
			return rule, true
		}
	}
	return "", false
}

func covers(rule, imp string) bool {
	if one, exact := strings.CutSuffix(rule, "$"); exact {
		return imp == one
	}
	rule = strings.TrimSuffix(rule, "/")
	return imp == rule || strings.HasPrefix(imp, rule+"/")
}
