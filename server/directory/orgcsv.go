package directory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Limits of a file to import. A county has a few thousand units.
const (
	MaxImportBytes  = 16 << 20
	MaxImportLines  = 200_000
	maxImportCells  = 10_000 // of a record: to read one takes some hundred times its bytes
	maxImportErrors = 200    // reported; all are counted
	maxImportKept   = 20_000 // from which the first lines' are reported
)

// Finding is something about one cell of a file: an error, or a hint.
type Finding struct {
	Line   int    // as in a text editor, from 1; 0 = the whole file
	Column string // name in the header, "" = the whole line
	Value  string // of the cell, cut to 60 characters
	Text   messages.Sentence
}

// findings collects errors; beyond a limit it only counts.
type findings struct {
	list  []Finding
	count int
}

func (f *findings) add(line int, column, value string, key messages.Key, args ...any) {
	f.count++
	if len(f.list) < maxImportKept {
		f.list = append(f.list, Finding{line, column, shorten(value), messages.Say(key, args...)})
	}
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// column is a column that a kind of file may have.
type column struct {
	name     string
	aliases  []string // other headings, lower case
	required bool
}

// record is one line of a file.
type record struct {
	line  int
	cells map[string]string // by column name, trimmed
}

// decode gives a file's text and the name of its encoding: UTF-8, else GB18030, with or without BOM.
func decode(data []byte) (text, encoding string, err error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if utf8.Valid(data) {
		if binary(data) {
			return "", "", messages.Refuse(messages.FileBinary)
		}
		return string(data), "UTF-8", nil
	}
	if binary(data) {
		return "", "", messages.Refuse(messages.FileBinary)
	}
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return "", "", messages.Refuse(messages.FileEncoding)
	}
	return strings.TrimPrefix(string(out), "\ufeff"), "GB18030", nil
}

// binary tells whether data holds bytes that no text of either encoding does. UTF-16, which spreadsheets write too,
// is left to the sentence about encodings.
func binary(data []byte) bool {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return false
	}
	return bytes.ContainsAny(data, "\x00\x01\x02\x03\x04\x05\x06\x0e\x0f\x10")
}

// readAll reads at most the permitted size.
func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxImportBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	if len(data) > MaxImportBytes {
		return nil, messages.Refuse(messages.ImportTooLarge, MaxImportLines, MaxImportBytes>>20)
	}
	return data, nil
}

// parseCSV splits a text into records by its header. What is wrong with the header or the form of lines goes into
// bad; records of well-formed lines are returned. Blank lines and lines of empty cells are passed over.
func parseCSV(text string, columns []column, bad *findings) ([]record, error) {
	if strings.TrimSpace(text) == "" {
		bad.add(0, "", "", messages.FileEmpty, columnNames(columns))
		return nil, nil
	}
	if line, cells := crowdedLine(text); cells > 0 {
		bad.add(line, "", "", messages.CellsExtra, cells, len(columns))
		return nil, nil
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			bad.add(0, "", "", messages.FileEmpty, columnNames(columns))
			return nil, nil
		}
		syntax(err, bad)
		return nil, nil
	}
	names, ok := header(head, columns, bad)
	if !ok {
		return nil, nil
	}
	var out []record
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			syntax(err, bad) // what follows a broken quote cannot be trusted
			return out, nil
		}
		line, _ := r.FieldPos(0)
		if line > MaxImportLines {
			return nil, messages.Refuse(messages.ImportTooLarge, MaxImportLines, MaxImportBytes>>20)
		}
		if rec, ok := lineRecord(line, cells, names, bad); ok {
			out = append(out, rec)
		}
	}
}

// crowdedLine finds a record with more cells than any file has, and the line it begins at; 0 cells if there is none. It
// tells records as the reader does: a comma or a new line between quotes is text. A quote within a bare cell, which is
// none, is counted as one here: the reader refuses such a file when it comes to it.
func crowdedLine(text string) (line, cells int) {
	at, quoted := 1, false
	line, cells = 1, 1
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			cells++
		case c == '\n':
			at++
			if quoted {
				continue
			}
			if cells > maxImportCells {
				return line, cells
			}
			line, cells = at, 1
		}
	}
	if cells > maxImportCells {
		return line, cells
	}
	return 0, 0
}

func lineRecord(line int, cells, names []string, bad *findings) (record, bool) {
	rec := record{line: line, cells: make(map[string]string, len(names))}
	blank := true
	for i, c := range cells {
		c = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(c), "\ufeff"))
		blank = blank && c == ""
		if i < len(names) {
			rec.cells[names[i]] = c
		} else if c != "" {
			bad.add(line, "", c, messages.CellsExtra, len(cells), len(names))
			return record{}, false
		}
	}
	if blank {
		return record{}, false
	}
	if len(cells) < len(names) {
		bad.add(line, "", strings.Join(cells, ","), messages.CellsMissing, len(cells), len(names))
		return record{}, false
	}
	return rec, true
}

func syntax(err error, bad *findings) {
	var p *csv.ParseError
	switch {
	case !errors.As(err, &p):
		bad.add(0, "", "", messages.FileSyntax)
	case errors.Is(p.Err, csv.ErrQuote):
		bad.add(p.StartLine, "", "", messages.FileOpenQuote)
	case errors.Is(p.Err, csv.ErrBareQuote):
		bad.add(p.Line, "", "", messages.FileQuote)
	default:
		bad.add(p.Line, "", "", messages.FileSyntax)
	}
}

// header maps the first line's cells to column names.
func header(cells []string, columns []column, bad *findings) (names []string, ok bool) {
	known := map[string]string{}
	for _, c := range columns {
		known[c.name] = c.name
		for _, a := range c.aliases {
			known[a] = c.name
		}
	}
	if len(cells) == 1 && strings.ContainsAny(cells[0], ";\t|；，") {
		bad.add(1, "", cells[0], messages.FileSeparator)
		return nil, false
	}
	if !slices.ContainsFunc(cells, func(cell string) bool { return known[strings.ToLower(strings.TrimSpace(cell))] != "" }) {
		bad.add(1, "", strings.Join(cells, ","), messages.FileHeader, columnNames(columns))
		return nil, false
	}
	before := bad.count
	have := map[string]bool{}
	for _, cell := range cells {
		cell = strings.TrimSpace(cell)
		name, found := known[strings.ToLower(cell)]
		switch {
		case !found:
			bad.add(1, cell, cell, messages.ColumnUnknown, shorten(cell), columnNames(columns))
		case have[name]:
			bad.add(1, cell, cell, messages.ColumnTwice, shorten(cell))
		}
		have[name] = true
		names = append(names, name)
	}
	for _, c := range columns {
		if c.required && !have[c.name] {
			bad.add(1, c.name, "", messages.ColumnMissing, c.name)
		}
	}
	return names, bad.count == before
}

// sorted gives what was found in order of lines, each line's in the order it was found, and no more than is reported.
func (f *findings) sorted() []Finding {
	sort.SliceStable(f.list, func(i, j int) bool { return f.list[i].Line < f.list[j].Line })
	return f.list[:min(len(f.list), maxImportErrors)]
}

func columnNames(columns []column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return strings.Join(names, ",")
}
