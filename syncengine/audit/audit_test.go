package audit

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func TestImports(t *testing.T) {
	imports.Check(t, "syncengine/audit", "database/sql", "net", "github.com/rs/zerolog", "server", "clients")
}

// made writes a file of some entries and lines.
func made(t testing.TB, entries, lines int, values bool) [][]byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, 1, values)
	require.NoError(t, err)
	var prev se.Hash
	for i := 1; i <= entries; i++ {
		e := &se.Entry{
			Seq: int64(i), Epoch: 1 + int64(i/30), Author: "a", At: int64(i * 10), Received: int64(i*10 + 1), Suspect: i%5 == 0, Prev: prev,
			Outcomes: []se.WriteOutcome{{Change: 0, Cell: "phone", Fate: se.Fate(1 + i%6)}},
			Changeset: &se.Changeset{Device: "01890000-0000-7000-8000-000000000001", N: int64(i), Schema: 1, Author: "a", Boot: "b", Changes: []se.Change{
				{Table: "household", Row: "01890000-0000-7000-8000-000000000002", Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "phone", Values: []schema.Value{schema.Text(fmt.Sprint("电话<", i, ">"))}}}},
			}},
		}
		e.Hash = e.Chain(e.Changeset.Hash())
		prev = e.Hash
		require.NoError(t, w.Entry(e))
	}
	var last *se.AuditEvent
	for i := range lines {
		e := se.AuditLink(last, se.AuditEvent{At: int64(i), Kind: "read", Who: "a", What: se.AuditWhat(map[string]any{"row": i})})
		last = &e
		require.NoError(t, w.Line(&e))
	}
	require.NoError(t, w.Close())
	list := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	return list[:len(list)-1]
}

// Two hundred tamperings, each of one kind at a place of chance: the first bad line is named. A truncation is named by
// the anchor; everything else needs none.
func TestAuditNamesTheFirstBadEntry(t *testing.T) {
	const entries, lines = 40, 25
	r := rand.New(rand.NewPCG(1, 2))
	for _, values := range []bool{true, false} {
		clean := made(t, entries, lines, values)
		report, err := Verify(bytes.NewReader(bytes.Join(clean, nil)), nil)
		require.NoError(t, err)
		require.Equal(t, []any{entries, lines, int64(entries), int64(lines)}, []any{report.Entries, report.Lines, report.Seq, report.I})
		anchor := Anchor{Epoch: report.Epoch, Seq: report.Seq, History: report.History, I: report.I, Audit: report.Audit, From: "the anchor"}
		kinds := map[string]int{}
		for range 100 {
			file := slices.Clone(clean)
			at := 1 + r.IntN(entries+lines) // not the first line nor the last: those are in no chain
			kind := []string{"flip", "delete", "swap", "insert", "truncate"}[r.IntN(5)]
			want := at
			var anchors []Anchor
			switch kind {
			case "flip":
				b := slices.Clone(file[at])
				b[r.IntN(len(b)-1)] ^= 1 << r.IntN(7)
				if bytes.ContainsAny(b[:len(b)-1], "\n\r") {
					continue // two lines, or one that ends earlier: other kinds
				}
				file[at] = b
			case "delete":
				file = slices.Delete(file, at, at+1)
			case "swap":
				other := 1 + r.IntN(entries+lines)
				if other == at {
					continue
				}
				file[at], file[other] = file[other], file[at]
				want = min(at, other)
			case "insert":
				from := 1 + r.IntN(entries+lines)
				file = slices.Insert(file, at, file[from])
				if from == at {
					want = at + 1 // the same line twice: the second is one too many
				}
			case "truncate":
				file, anchors = file[:at], []Anchor{anchor}
			}
			kinds[kind]++
			_, err := Verify(bytes.NewReader(bytes.Join(file, nil)), anchors)
			var bad *Bad
			require.True(t, errors.As(err, &bad), "%s at %d: %v", kind, at, err)
			require.Equal(t, want, bad.Index, "%s at %d: %v", kind, at, bad)
			require.NotZero(t, bad.Number, "%s at %d: %v", kind, at, bad)
		}
		for _, kind := range []string{"flip", "delete", "swap", "insert", "truncate"} {
			require.Greater(t, kinds[kind], 5, kind)
		}
		report, err = Verify(bytes.NewReader(bytes.Join(clean, nil)), []Anchor{anchor})
		require.NoError(t, err)
		require.Equal(t, 1, report.Anchors)
	}
}

// Whoever computes the whole chain anew after a change is found out by an anchor, and so is who cuts off the end and
// writes the last line anew; without an anchor neither can be.
func TestAnchorsFindWhatWasMadeAnew(t *testing.T) {
	clean := made(t, 40, 25, true)
	report, err := Verify(bytes.NewReader(bytes.Join(clean, nil)), nil)
	require.NoError(t, err)
	text, err := EncodeAnchor(Anchor{Epoch: report.Epoch, Seq: report.Seq, History: report.History, I: report.I, Audit: report.Audit, At: 5})
	require.NoError(t, err)
	anchors, err := ReadAnchors(bytes.NewReader(append(text, text[:20]...)), "disk 2")
	require.NoError(t, err)
	require.Len(t, anchors, 1, "half a line is what a power cut leaves")
	for _, forged := range [][][]byte{made(t, 39, 25, true), made(t, 40, 24, true), made(t, 40, 25, true)[:0]} {
		if len(forged) > 0 {
			_, err = Verify(bytes.NewReader(bytes.Join(forged, nil)), nil)
			require.NoError(t, err)
		}
		_, err = Verify(bytes.NewReader(bytes.Join(forged, nil)), anchors)
		require.Error(t, err)
	}
	other := anchors[0]
	other.History[0] ^= 1
	_, err = Verify(bytes.NewReader(bytes.Join(clean, nil)), []Anchor{other})
	var bad *Bad
	require.True(t, errors.As(err, &bad))
	require.Equal(t, int64(40), bad.Number)
	_, err = ReadAnchors(bytes.NewReader([]byte("{}\n")), "x")
	require.ErrorContains(t, err, "line 1 of x is no anchor")
}

// Another kind of file is called so, and an export whose first line was changed, or cut off, is not.
func TestNoExport(t *testing.T) {
	for _, text := range []string{"hello\n", "{}\n", "# Notes\n\n- {\"x\": 1}\n", "\n\n", "\x00\x01\x02"} {
		_, err := Verify(strings.NewReader(text), nil)
		require.ErrorIs(t, err, ErrNoExport, "%q", text)
	}
	var bad *Bad
	for _, text := range []string{
		"", `{"doorstep_audit":{"version":1,"county":2}` + "\n", `{"doorstep_audit":{"version":9,"county":2}}` + "\n",
		"x\n" + `{"history":{"seq":1}}` + "\n", "hello\n" + `{"end":{"history":0,"audit":0}}` + "\n", ` {"audit":{}}` + "\n",
	} {
		_, err := Verify(strings.NewReader(text), nil)
		require.ErrorAs(t, err, &bad, "%q", text)
	}
}
