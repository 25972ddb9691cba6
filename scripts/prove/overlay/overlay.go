// Package overlay builds programs of this module with changed sources, without touching a file of the module: what a
// proof needs to see (a flush left out, a process that dies at a named place) is no switch in product code.
package overlay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Edit replaces From, which the file must hold exactly once, by To. With an empty From, To is a new file.
type Edit struct {
	File     string // from the module's root
	From, To string
}

// Build builds the main package pkg ("./server/cmd/doorstepd") with the edits into the file out.
func Build(pkg, out string, edits ...Edit) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "overlay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	replace := map[string]string{}
	for _, e := range edits {
		file := filepath.Join(root, e.File)
		name := replace[file]
		if name == "" {
			name = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		}
		text, err := e.apply(file, replace[file])
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return err
		}
		replace[file] = name
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-tags", "sqlite_fts5", "-overlay", overlay, "-o", out, pkg)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// apply gives the file's new text; edited is where an earlier edit of it lies.
func (e *Edit) apply(file, edited string) ([]byte, error) {
	if e.From == "" {
		return []byte(e.To), nil
	}
	if edited != "" {
		file = edited
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(e.From)); n != 1 {
		return nil, fmt.Errorf("%s holds %q %d times and not once: say in this proof how the same thing is done now", e.File, e.From, n)
	}
	return bytes.Replace(text, []byte(e.From), []byte(e.To), 1), nil
}

// Points are edits that make a program die at named places that are armed (package armed).
// Each edit's From is kept, and the place is in front of it; with After, behind it.
func Points(places ...Place) []Edit {
	var edits []Edit
	done := map[string]bool{}
	for _, p := range places {
		call := fmt.Sprintf("provePoint(%q)", p.Name)
		if p.When != "" {
			call = "if " + p.When + " {\n" + call + "\n}"
		}
		to := call + "\n" + p.At
		if p.After {
			to = p.At + "\n" + call
		}
		edits = append(edits, Edit{p.File, p.At, to})
		if dir := path.Dir(p.File); !done[dir] {
			done[dir] = true
			name := path.Base(dir)
			if path.Base(path.Dir(dir)) == "cmd" {
				name = "main"
			}
			edits = append(edits, Edit{File: dir + "/prove_point.go", To: strings.Replace(point, "PACKAGE", name, 1)})
		}
	}
	return edits
}

// Place is a named place in a program.
type Place struct {
	Name  string
	File  string // from the module's root; its package is called like its folder, or main in a folder of cmd
	At    string // a whole line or more
	After bool
	When  string // a Go condition; "" = always
}

const point = `package PACKAGE

import "github.com/doorstep-sync/doorstep/scripts/prove/overlay/armed"

func provePoint(name string) { armed.Point(name) }
`

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
