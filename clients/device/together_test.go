package device_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Two programs with the SDK and one without write to one file at the same time: nothing is lost, n has no gap, every
// changeset names the one before.
func TestProgramsWriteTogether(t *testing.T) {
	one := create(t)
	two, err := device.Open(one.Path(), device.Options{})
	require.NoError(t, err)
	defer two.Close()
	program, err := device.Foreign(one.Path(), "_busy_timeout=20000&_txlock=immediate")
	require.NoError(t, err)
	defer program.Close()
	const each = 40
	var g errgroup.Group
	for i, r := range []*device.Replica{one, two} {
		g.Go(func() error {
			for j := range each {
				if _, err := r.Write(bg, func(tx *device.Tx) error {
					_, err := tx.Insert("dispute", map[string]any{"kind_code": "neighbour", "notes": fmt.Sprint(i, "-", j)})
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		for j := range each {
			if _, err := program.Exec(`INSERT INTO dispute(kind_code, notes) VALUES('neighbour', ?)`, fmt.Sprint("p-", j)); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, g.Wait())
	_, err = one.Seal(bg)
	require.NoError(t, err)
	var prev se.Hash
	rows := map[se.RowID]bool{}
	for i, cs := range outbox(t, one) {
		require.EqualValues(t, i+1, cs.N)
		require.Equal(t, prev, cs.Prev)
		prev = cs.Hash()
		for _, c := range cs.Changes {
			require.False(t, rows[c.Row])
			rows[c.Row] = true
		}
	}
	require.Len(t, rows, 3*each)
}

func TestBusyFileIsTold(t *testing.T) {
	r := create(t)
	require.NoError(t, r.Close())
	r, err := device.Open(r.Path(), device.Options{Clock: &hand{}, BusyTimeout: 30 * time.Millisecond})
	require.NoError(t, err)
	defer r.Close()
	program, err := device.Foreign(r.Path(), "_txlock=immediate")
	require.NoError(t, err)
	defer program.Close()
	tx, err := program.Begin()
	require.NoError(t, err)
	_, err = r.Write(bg, func(*device.Tx) error { return nil })
	var e *device.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, device.CodeBusy, e.Code)
	require.True(t, e.Retry)
	require.NoError(t, tx.Rollback())
	dwelling(t, r)
}

// A context that ends in the middle of a Write, at any statement, leaves nothing behind and no transaction open.
func TestWriteThatIsCancelled(t *testing.T) {
	r := create(t)
	for at := range 4 {
		ctx, cancel := context.WithCancel(bg)
		_, err := r.Write(ctx, func(tx *device.Tx) error {
			for i := range 4 {
				if i == at {
					cancel()
				}
				if _, err := tx.Insert("dispute", map[string]any{"kind_code": "neighbour"}); err != nil {
					return err
				}
			}
			return nil
		})
		cancel()
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err := r.Write(canceled(), func(*device.Tx) error { return errors.New("must not matter") })
	require.Error(t, err)
	require.Empty(t, outbox(t, r))
	require.Equal(t, "0", shell(t, r, "SELECT count(*) FROM dispute;"))
	dwelling(t, r)
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(bg)
	cancel()
	return ctx
}

// ○ until the verdict is durable here, ◐ until the cursor has passed it, ● then.
func TestMarks(t *testing.T) {
	r := create(t)
	id := dwelling(t, r)
	s := r.Session()
	require.Equal(t, device.MarkSaved, mark(t, r, "household", id))
	cs := outbox(t, r)[0]
	require.NoError(t, s.File([]se.Verdict{{N: 1, Hash: cs.Hash(), Kind: se.Accepted, Epoch: 1, Seq: 11}}))
	require.Equal(t, device.MarkReceived, mark(t, r, "household", id))
	shell(t, r, "UPDATE household SET notes = 'x';")
	require.Equal(t, device.MarkSaved, mark(t, r, "household", id), "an edit that is not sealed yet")
	shell(t, r, "UPDATE household SET notes = NULL;")
	_, err := r.Seal(bg)
	require.NoError(t, err)
	require.Equal(t, device.MarkReceived, mark(t, r, "household", id))
	applied, err := s.Stage(&se.Delta{View: viewA, From: se.Base{Epoch: 1, Seq: 10}, Scope: grid, Start: se.Position{Seq: 10}, After: se.Position{Seq: 11},
		Items: []se.DeltaItem{{Seq: 11, Kind: se.DeltaRow, Table: "household", Row: id, Whole: true, Cells: []se.CellValue{{Cell: "scope", Values: cs.Changes[0].Cells[0].Values}}}},
		Done:  true, To: se.Base{Epoch: 1, Seq: 11}, LastN: 1, Scopes: []se.StagedScope{{Scope: grid, After: se.Position{Seq: 11}}}})
	require.NoError(t, err)
	require.True(t, applied)
	require.Equal(t, device.MarkDone, mark(t, r, "household", id))

	_, err = r.Write(bg, func(tx *device.Tx) error { return tx.Delete("household", id) })
	require.Equal(t, device.CodeNoRight, device.CodeOf(err), "a grid worker deletes no household")
	shell(t, r, "DELETE FROM household;")
	_, err = r.Seal(bg)
	require.NoError(t, err)
	require.Equal(t, device.MarkSaved, mark(t, r, "household", id), "deleted rows have one too")
	_, err = r.Mark(bg, "household", deviceB)
	require.Equal(t, device.CodeNoRow, device.CodeOf(err))
}
