package device_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// full runs fn with room for 0, 1, 2 … more pages until it succeeds. Every failure must say that the storage is full
// and leave the file as it was.
func full(t *testing.T, r *device.Replica, fn func() error) (failures int) {
	t.Helper()
	shell(t, r, "VACUUM;") // no free pages to hide in
	before := everything(t, r)
	for room := int64(0); ; room++ {
		pages, err := r.Pragma("page_count")
		require.NoError(t, err)
		_, err = r.Pragma(fmt.Sprintf("max_page_count = %d", pages+room))
		require.NoError(t, err)
		err = fn()
		_, e := r.Pragma("max_page_count = 1000000")
		require.NoError(t, e)
		if err == nil {
			return failures
		}
		failures++
		require.Equal(t, device.CodeDiskFull, device.CodeOf(err), "%v", err)
		require.Equal(t, before, everything(t, r), "room for %d pages", room)
	}
}

// everything is the whole file as text, the engine's tables included.
func everything(t *testing.T, r *device.Replica) string {
	t.Helper()
	return shell(t, r, ".dump")
}

func TestStorageFullAtEveryPage(t *testing.T) {
	r := create(t)
	text := strings.Repeat("字", 1300) // almost a page each
	var id se.RowID
	n := full(t, r, func() error {
		_, err := r.Write(bg, func(tx *device.Tx) (err error) {
			for range 4 {
				if id, err = tx.Insert("household", map[string]any{"dwelling_id": building, "notes": text}); err != nil {
					return err
				}
			}
			return nil
		})
		return err
	})
	require.Greater(t, n, 10, "pages in the table, in the log, in the outbox")

	s := r.Session()
	change := func(seq int64, done bool) *se.Delta {
		d := &se.Delta{View: viewA, From: se.Base{Epoch: 1, Seq: 10}, Scope: grid, Start: se.Position{Seq: seq - 1}, After: se.Position{Seq: seq}}
		for i := range 4 {
			d.Items = append(d.Items, se.DeltaItem{Seq: seq, Kind: se.DeltaRow, Table: "household", Whole: true,
				Row: se.RowID(fmt.Sprintf("00000000-0000-7000-8000-0000000%02d0%02d", seq, i)),
				Cells: []se.CellValue{
					{Cell: "scope", Values: []schema.Value{schema.Text(grid)}}, {Cell: "notes", Values: []schema.Value{schema.Text(text)}},
				}})
		}
		if done {
			d.Done, d.To, d.Scopes = true, se.Base{Epoch: 1, Seq: seq}, []se.StagedScope{{Scope: grid, After: d.After}}
		}
		return d
	}
	require.Positive(t, full(t, r, func() error { _, err := s.Stage(change(11, false)); return err }))
	require.Positive(t, full(t, r, func() error { _, err := s.Stage(change(12, true)); return err }))
	rows, err := r.List(bg, "household", nil, 0)
	require.NoError(t, err)
	require.Len(t, rows, 12)

	cs := outbox(t, r)[0]
	refusal := se.Verdict{N: 1, Hash: cs.Hash(), Kind: se.Rejected, Epoch: 1, Reason: &se.Reason{Code: se.CodeNoRight, Table: "household", Row: id}}
	require.Positive(t, full(t, r, func() error { return s.File([]se.Verdict{refusal}) }))
	rows, err = r.List(bg, "household", nil, 0)
	require.NoError(t, err)
	require.Len(t, rows, 8, "what was refused is no longer shown")
	list, err := r.Rejected(bg, false)
	require.NoError(t, err)
	require.Equal(t, cs.Canonical(), list[0].Changeset.Canonical(), "and kept whole")
}
