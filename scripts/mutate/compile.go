package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// compiler tells which mutants are programs at all: a statement that is dropped may leave a variable that nobody uses.
type compiler struct {
	root    string
	exports map[string]string   // files with what packages export
	sources map[string][]string // files of a package, by its folder
	paths   map[string]string   // its import path
}

func newCompiler(ctx context.Context, root string) (*compiler, error) {
	list := exec.CommandContext(ctx, "go", "list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export", "./scripts/sim", "./scripts/fleet")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages: %w", err)
	}
	c := &compiler{root: root, exports: map[string]string{}, sources: map[string][]string{}, paths: map[string]string{}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return c, nil
		} else if err != nil {
			return nil, err
		}
		c.exports[p.ImportPath], c.sources[p.Dir], c.paths[p.Dir] = p.Export, p.GoFiles, p.ImportPath
	}
}

// works tells whether a package still compiles with a mutant.
func (c *compiler) works(m *mutant) (bool, error) {
	dir := filepath.Join(c.root, filepath.Dir(m.file))
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range c.sources[dir] {
		var text any
		if name == filepath.Base(m.file) {
			text = m.text
		}
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), text, parser.SkipObjectResolution)
		if err != nil {
			return false, nil // what is left is no Go
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return false, fmt.Errorf("%s is in no package of the simulation", m.file)
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(c.exports[path]) }
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", open), Error: func(error) {}}
	_, err := config.Check(c.paths[dir], fset, files, nil)
	return err == nil, nil
}
