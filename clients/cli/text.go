package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// columns writes lines of cells in columns. Chinese characters take two places on a terminal.
func columns(w io.Writer, lines [][]string) {
	var wide []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], places(cell))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			b.WriteString(cell)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", wide[i]-places(cell)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// places is how many columns of a terminal a text takes.
func places(s string) int {
	n := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.Mn, r):
		case k == width.EastAsianWide, k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// clean makes a text fit for a terminal: one line, and nothing in it that would move the cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, s)
}

// short cuts a text for a list.
func short(s string, limit int) string {
	s = clean(s)
	if places(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += places(string(r)); n > limit-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// emit writes a document of --json: indented, ended by a line feed.
func (a *app) emit(doc any) error {
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// line writes a document as one line, for --json of commands that go on.
func (a *app) line(doc any) {
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	_ = e.Encode(doc)
}
