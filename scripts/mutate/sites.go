package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// mutant is one small change of one function.
type mutant struct {
	file string // below the module's root
	line int
	of   string      // the function
	what string      // says which one of several that read alike
	bug  planted.Bug // with the function's whole text, which is in the file once
	text string      // the file with the change
}

func (m *mutant) String() string { return fmt.Sprintf("%s:%d %s: %s", m.file, m.line, m.of, m.what) }

// key names a mutant for as long as its function has the place that it changes.
func (m *mutant) key() string { return m.file + "\t" + m.of + "\t" + m.what }

// mutants gives all changes of a file: conditions negated, bounds moved by one, statements dropped.
func mutants(root, file string) ([]mutant, error) {
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out []mutant
	alike := map[string]int{}
	for _, d := range f.Decls {
		fn, is := d.(*ast.FuncDecl)
		if !is || fn.Body == nil {
			continue
		}
		from, to := fset.Position(fn.Pos()).Offset, fset.Position(fn.End()).Offset
		whole := string(text[from:to])
		if strings.Count(string(text), whole) != 1 {
			continue
		}
		s := sites{offset: func(p token.Pos) int { return fset.Position(p).Offset - from }, text: whole}
		ast.Inspect(fn.Body, s.visit)
		for _, c := range s.found {
			changed := whole[:c.from] + c.now + whole[c.to:]
			if n := alike[fn.Name.Name+c.what] + 1; n > 1 {
				alike[fn.Name.Name+c.what], c.what = n, fmt.Sprintf("%s, no. %d", c.what, n)
			} else {
				alike[fn.Name.Name+c.what] = n
			}
			out = append(out, mutant{
				file: file, line: fset.Position(fn.Pos()).Line + strings.Count(whole[:c.from], "\n"), of: fn.Name.Name, what: c.what,
				bug:  planted.Bug{Name: c.what, File: file, Old: whole, New: changed},
				text: string(text[:from]) + changed + string(text[to:]),
			})
		}
	}
	return out, nil
}

// change replaces a part of a function's text.
type change struct {
	from, to  int
	now, what string
}

// sites finds what can be changed in a function.
type sites struct {
	offset func(token.Pos) int
	text   string
	found  []change
}

func (s *sites) add(n ast.Node, now, what string) {
	from, to := s.offset(n.Pos()), s.offset(n.End())
	was := strings.Join(strings.Fields(s.text[from:to]), " ")
	if len(was) > 60 {
		was = was[:60] + "…"
	}
	s.found = append(s.found, change{from, to, now, fmt.Sprintf("%s `%s`", what, was)})
}

func (s *sites) source(n ast.Node) string { return s.text[s.offset(n.Pos()):s.offset(n.End())] }

// moved are comparisons and what they become: the bound belongs to the other side.
var moved = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}

func (s *sites) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		if !errorCheck(n.Cond) {
			s.add(n.Cond, "!("+s.source(n.Cond)+")", "negated")
		}
	case *ast.BinaryExpr:
		if to, ok := moved[n.Op]; ok {
			s.add(n, s.source(n.X)+" "+to.String()+" "+s.source(n.Y), "bound moved of")
		}
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.BranchStmt:
		s.add(n, "", "dropped")
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			s.add(n, "", "dropped")
		}
	}
	return true
}

// errorCheck tells whether a condition only asks whether something failed: in worlds in memory little does, and what does
// is the faults' to show.
func errorCheck(cond ast.Expr) bool {
	b, ok := cond.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ {
		return false
	}
	x, _ := b.X.(*ast.Ident)
	y, _ := b.Y.(*ast.Ident)
	return x != nil && y != nil && x.Name == "err" && y.Name == "nil"
}
