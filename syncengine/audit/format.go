package audit

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// The file is UTF-8 text, a JSON object a line, each in the one form that Writer gives it: first {"doorstep_audit":…},
// then {"history":…} in order of seq, then {"audit":…} in order of number, last {"end":…}. Hashes are hexadecimal.
// Where values are left out, history has the changeset's hash alone, which is all that the chain needs.

// Version of the file's form.
const Version = 1

type line struct {
	Head    *head        `json:"doorstep_audit,omitempty"`
	History *historyLine `json:"history,omitempty"`
	Audit   *auditLine   `json:"audit,omitempty"`
	End     *end         `json:"end,omitempty"`
	Anchor  *anchorLine  `json:"anchor,omitempty"`
}

type head struct {
	Version int   `json:"version"`
	County  int64 `json:"county"`
}

type end struct {
	History int `json:"history"`
	Audit   int `json:"audit"`
}

type historyLine struct {
	Seq       int64           `json:"seq"`
	Epoch     int64           `json:"epoch"`
	At        int64           `json:"at"`       // effective time, ms since 1970 UTC
	Received  int64           `json:"received"` // by the centre's clock
	Suspect   bool            `json:"suspect,omitempty"`
	Outcomes  []outcome       `json:"outcomes"`
	Hashed    string          `json:"changeset_hash"`
	Changeset json.RawMessage `json:"changeset,omitempty"` // as in doorstep.proto
	Prev      string          `json:"prev"`
	Hash      string          `json:"hash"`
}

type outcome struct {
	Change int    `json:"change"`
	Cell   string `json:"cell"`
	Fate   int    `json:"fate"` // 1 stands, 2 won, 3 converged, 4 combined, 5 candidate, 6 lost
}

type auditLine struct {
	I      int64  `json:"i"`
	At     int64  `json:"at"`
	Kind   string `json:"kind"`
	Who    string `json:"who,omitempty"`
	Device string `json:"device,omitempty"`
	What   string `json:"what"`
	Prev   string `json:"prev"`
	Hash   string `json:"hash"`
}

type anchorLine struct {
	Epoch   int64  `json:"epoch"`
	Seq     int64  `json:"seq"`
	History string `json:"history"`
	I       int64  `json:"i"`
	Audit   string `json:"audit"`
	At      int64  `json:"at"`
}

// encode gives a line in its one form, with the line feed.
func encode(l *line) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(l)
	return b.Bytes(), err
}

// Writer writes a file. Give it all of history, then all of the audit log, then Close.
type Writer struct {
	w      io.Writer
	values bool
	end    end
}

// NewWriter begins a file; values says whether it holds what people wrote, or only its hashes.
func NewWriter(w io.Writer, county int64, values bool) (*Writer, error) {
	out := &Writer{w: w, values: values}
	return out, out.put(&line{Head: &head{Version, county}})
}

func (w *Writer) put(l *line) error {
	b, err := encode(l)
	if err == nil {
		_, err = w.w.Write(b)
	}
	return err
}

// Entry writes an entry of history.
func (w *Writer) Entry(e *se.Entry) error {
	hash := e.Changeset.Hash()
	h := &historyLine{Seq: e.Seq, Epoch: e.Epoch, At: e.At, Received: e.Received, Suspect: e.Suspect, Outcomes: []outcome{},
		Hashed: hash.String(), Prev: e.Prev.String(), Hash: e.Hash.String()}
	for _, o := range e.Outcomes {
		h.Outcomes = append(h.Outcomes, outcome{o.Change, o.Cell, int(o.Fate)})
	}
	if w.values {
		var err error
		if h.Changeset, err = wire.MarshalChangesetJSON(e.Changeset); err != nil {
			return err
		}
	}
	w.end.History++
	return w.put(&line{History: h})
}

// Line writes a line of the audit log.
func (w *Writer) Line(e *se.AuditEvent) error {
	w.end.Audit++
	return w.put(&line{Audit: &auditLine{e.I, e.At, string(e.Kind), e.Who, e.Device, e.What, e.Prev.String(), e.Hash.String()}})
}

// Close ends the file's text; it closes nothing.
func (w *Writer) Close() error { return w.put(&line{End: &w.end}) }

// maxLine bounds a line: a changeset is at most some MiB.
const maxLine = 64 << 20

// ErrNoExport says that a file is something else than Writer writes: no line of it looks like one of such a file. One that
// was an export and whose first line was changed is *Bad.
var ErrNoExport = errors.New("this is no export of history and audit log")

// starts are what the lines of a file begin with.
var starts = [][]byte{[]byte(`{"doorstep_audit"`), []byte(`{"history"`), []byte(`{"audit"`), []byte(`{"end"`)}

// foreign tells whether what a scanner stands at, and all that follows, is of another kind of file.
func foreign(s *bufio.Scanner) bool {
	for more := true; more; more = s.Scan() {
		for _, start := range starts {
			if bytes.Contains(s.Bytes(), start) {
				return false
			}
		}
	}
	return true
}

// Verify reads a file and gives the first entry that is bad as *Bad; ErrNoExport if it is another kind of file. Any other
// error is the reader's.
func Verify(r io.Reader, anchors []Anchor) (Report, error) {
	c := &Checker{Anchors: anchors}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<20), maxLine)
	var last *line
	for s.Scan() {
		l, err := parse(s.Bytes())
		if err == nil {
			err = c.take(last, l)
		}
		if err != nil {
			if bad := c.named(err); last != nil || !foreign(s) {
				return c.report, bad
			}
			return c.report, ErrNoExport
		}
		last = l
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong) && last == nil:
		return c.report, ErrNoExport
	case errors.Is(err, bufio.ErrTooLong):
		return c.report, c.named(errors.New("the line is too long"))
	case err != nil:
		return c.report, err
	case last == nil || last.End == nil:
		if _, err := c.End(); err != nil {
			return c.report, err
		}
		return c.report, &Bad{c.index, File, 0, "the file ends here without its last line: the end was cut off"}
	}
	return c.End()
}

// named puts an error about a line's form at the place that was reached.
func (c *Checker) named(err error) error {
	var b *Bad
	if errors.As(err, &b) {
		return b
	}
	b = &Bad{Index: c.index, Log: File, Problem: err.Error()}
	switch {
	case c.index > 0 && c.report.I == 0:
		b.Log, b.Number = History, c.report.Seq+1
	case c.report.I > 0:
		b.Log, b.Number = AuditLog, c.report.I+1
	}
	return b
}

// parse reads a line and holds it to its one form: a changed letter anywhere is seen.
func parse(b []byte) (*line, error) {
	l := &line{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(l); err != nil {
		return nil, errors.New("the line is not in the form of such a file: it was changed")
	}
	same, err := encode(l)
	if err != nil || !bytes.Equal(bytes.TrimSuffix(same, []byte("\n")), b) {
		return nil, errors.New("the line is not written as such a file writes it: it was changed")
	}
	return l, nil
}

func (c *Checker) take(last, l *line) error {
	if last == nil {
		if l.Head == nil || l.Head.Version != Version {
			return fmt.Errorf("this is no audit file of version %d", Version)
		}
		c.Skip()
		return nil
	}
	switch {
	case last.End != nil:
		return errors.New("something stands behind the last line")
	case l.History != nil && c.report.Lines == 0:
		e, changeset, err := l.History.entry()
		if err != nil {
			return err
		}
		return c.Entry(e, changeset)
	case l.Audit != nil:
		e, err := l.Audit.event()
		if err != nil {
			return err
		}
		return c.Line(e)
	case l.End != nil:
		if _, err := c.End(); err != nil {
			return err
		}
		if *l.End != (end{c.report.Entries, c.report.Lines}) {
			return fmt.Errorf("the file's last line counts %d entries and %d lines", l.End.History, l.End.Audit)
		}
		return nil
	}
	return errors.New("the line is not where it belongs")
}

func unhex(s string) (h se.Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, errors.New("a hash is not 64 hexadecimal characters")
	}
	copy(h[:], b)
	return h, nil
}

func (h *historyLine) entry() (*se.Entry, se.Hash, error) {
	changeset, err1 := unhex(h.Hashed)
	prev, err2 := unhex(h.Prev)
	hash, err3 := unhex(h.Hash)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, changeset, err
	}
	e := &se.Entry{Seq: h.Seq, Epoch: h.Epoch, At: h.At, Received: h.Received, Suspect: h.Suspect, Prev: prev, Hash: hash}
	for _, o := range h.Outcomes {
		if o.Fate < 0 || o.Fate > 255 {
			return nil, changeset, errors.New("a fate is out of range: it was changed")
		}
		e.Outcomes = append(e.Outcomes, se.WriteOutcome{Change: o.Change, Cell: o.Cell, Fate: se.Fate(o.Fate)})
	}
	if h.Changeset == nil {
		return e, changeset, nil
	}
	cs, err := wire.UnmarshalChangesetJSON(h.Changeset)
	if err != nil {
		return nil, changeset, errors.New("the changeset cannot be read: it was changed")
	}
	again, err := wire.MarshalChangesetJSON(cs)
	if err != nil || !bytes.Equal(again, h.Changeset) || cs.Hash() != changeset {
		return nil, changeset, errors.New("the changeset does not fit its hash: it was changed")
	}
	return e, changeset, nil
}

func (a *auditLine) event() (*se.AuditEvent, error) {
	prev, err1 := unhex(a.Prev)
	hash, err2 := unhex(a.Hash)
	return &se.AuditEvent{I: a.I, At: a.At, Kind: se.AuditKind(a.Kind), Who: a.Who, Device: a.Device, What: a.What, Prev: prev, Hash: hash}, errors.Join(err1, err2)
}

// EncodeAnchor gives the line of an anchor file, with the line feed.
func EncodeAnchor(a Anchor) ([]byte, error) {
	return encode(&line{Anchor: &anchorLine{a.Epoch, a.Seq, a.History.String(), a.I, a.Audit.String(), a.At}})
}

// ReadAnchors reads an anchor file; from names it in messages. A last line without a line feed, which a power cut left,
// is passed over.
func ReadAnchors(r io.Reader, from string) ([]Anchor, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var out []Anchor
	for i, b := range bytes.SplitAfter(text, []byte("\n")) {
		if !bytes.HasSuffix(b, []byte("\n")) {
			continue
		}
		l, err := parse(bytes.TrimSuffix(b, []byte("\n")))
		if err != nil || l.Anchor == nil {
			return nil, fmt.Errorf("line %d of %s is no anchor", i+1, from)
		}
		x := l.Anchor
		history, err1 := unhex(x.History)
		audit, err2 := unhex(x.Audit)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("line %d of %s: %w", i+1, from, err)
		}
		out = append(out, Anchor{x.Epoch, x.Seq, history, x.I, audit, x.At, from})
	}
	return out, nil
}
