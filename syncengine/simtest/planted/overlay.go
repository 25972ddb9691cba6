package planted

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Overlay writes what `go build -overlay` needs into dir and gives the path of the JSON file. It fails if a text is no
// longer in the source, so that a bug never silently stops being planted.
func Overlay(bugs []Bug, root, dir string) (string, error) {
	replace := map[string]string{}
	put := func(path, text string) error {
		into := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		replace[path] = into
		return os.WriteFile(into, []byte(text), 0o600)
	}
	for _, f := range files(bugs) {
		path := filepath.Join(root, filepath.FromSlash(f))
		text, name, err := plant(bugs, f, path)
		if err != nil {
			return "", err
		}
		if err := put(path, text); err != nil {
			return "", fmt.Errorf("plant in %s: %w", f, err)
		}
		if s := filepath.Join(filepath.Dir(path), "planted_switch.go"); replace[s] == "" {
			if err := put(s, fmt.Sprintf(switchFile, name, Switch)); err != nil {
				return "", fmt.Errorf("plant in %s: %w", f, err)
			}
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return path, nil
}

// switchFile is added to each package that has a bug.
const switchFile = `package %s

import (
	"os"
	"strconv"
)

var plantedBug, _ = strconv.Atoi(os.Getenv(%q))
`

func files(bugs []Bug) []string {
	all := map[string]bool{}
	for i := range bugs {
		for _, e := range bugs[i].edits() {
			all[e.File] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// plant gives the text of one file with the bugs that are in it, and the name of its package.
func plant(bugs []Bug, file, path string) (text, name string, err error) {
	p, err := newPlanter(path)
	if err != nil {
		return "", "", fmt.Errorf("plant in %s: %w", file, err)
	}
	for i := range bugs {
		elsewhere := func(e Edit) bool { return e.File != file }
		if err := p.bug(i+1, slices.DeleteFunc(bugs[i].edits(), elsewhere)); err != nil {
			return "", "", fmt.Errorf("plant %q: %s %w", bugs[i].Name, file, err)
		}
	}
	return p.done(), p.file.Name.Name, nil
}

// planter puts bugs into one file.
type planter struct {
	text   string
	files  *token.FileSet
	file   *ast.File
	before map[int]string // what is put in, by the place of a function's first statement
}

func newPlanter(path string) (*planter, error) {
	source, err := os.ReadFile(path) //nolint:gosec // a source file of ours
	if err != nil {
		return nil, err
	}
	p := &planter{text: string(source), files: token.NewFileSet(), before: map[int]string{}}
	p.file, err = parser.ParseFile(p.files, path, source, parser.SkipObjectResolution)
	return p, err
}

// bug adds the second bodies of the functions that the edits are in.
func (p *planter) bug(number int, edits []Edit) error {
	bodies := map[int]body{}
	for _, e := range edits {
		b, err := p.body(e)
		if err != nil {
			return err
		}
		if was, twice := bodies[b.from]; twice {
			return fmt.Errorf("would be changed twice in %s; write it as one text", was.of)
		}
		bodies[b.from] = b
	}
	for at, b := range bodies {
		p.before[at] += fmt.Sprintf("\nif plantedBug == %d {%s%s}\n", number, b.text, b.end)
	}
	return nil
}

// body is what is between the braces of a function.
type body struct {
	of, text, end string
	whole         string // the function as it is
	from          int
}

// body finds the function that an edit changes, and gives what would be in it instead.
func (p *planter) body(e Edit) (body, error) {
	if n := strings.Count(p.text, e.Old); n != 1 {
		return body{}, fmt.Errorf("holds the text to replace %d times, not once; write the bug anew for the code as it is", n)
	}
	at := strings.Index(p.text, e.Old)
	from, to := changed(e)
	for _, d := range p.file.Decls {
		f, is := d.(*ast.FuncDecl)
		if !is || f.Body == nil {
			continue
		}
		open, shut := p.files.Position(f.Body.Lbrace).Offset+1, p.files.Position(f.Body.Rbrace).Offset
		if at+from < open || at+to > shut {
			continue
		}
		b := body{of: f.Name.Name, from: open, whole: p.text[p.files.Position(f.Pos()).Offset : shut+1]}
		b.text = p.text[open:at+from] + e.New[from:len(e.New)-(len(e.Old)-to)] + p.text[at+to:shut]
		if f.Type.Results == nil {
			b.end = "\nreturn\n"
		}
		return b, nil
	}
	return body{}, fmt.Errorf("would be changed outside a function; plant the bug in one")
}

// changed gives what an edit changes of its old text: context that both texts share may lie outside the function.
func changed(e Edit) (from, to int) {
	shorter := min(len(e.Old), len(e.New))
	for from < shorter && e.Old[from] == e.New[from] {
		from++
	}
	same := 0
	for same < shorter-from && e.Old[len(e.Old)-1-same] == e.New[len(e.New)-1-same] {
		same++
	}
	return from, len(e.Old) - same
}

// done is the text with all that was put in.
func (p *planter) done() string {
	text := p.text
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(p.before))) {
		text = text[:at] + p.before[at] + text[at:]
	}
	return text
}
