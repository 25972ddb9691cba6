package centre

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// A part may be asked for long before it is its turn. What is read is what the person may see then: a grant that ended
// while it waited gives nothing any more.
func TestAGrantThatEndedWhileAPartWaited(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	store := memstore.New(s)
	var now atomic.Int64
	now.Store(1000)
	c := New(syncengine.New(s, syncengine.DefaultLimits), store, Options{Now: func() time.Time { return time.UnixMilli(now.Load()) }})
	defer c.Close()
	store.SetPrincipal("d", &syncengine.Principal{Account: "a", Device: "d", Grants: []syncengine.Grant{{Scope: "g", Role: "grid_worker", To: 5000}}})
	text := func(cell, v string) syncengine.CellWrite {
		return syncengine.CellWrite{Cell: cell, Values: []schema.Value{schema.Text(v)}}
	}
	results, err := c.Submit(t.Context(), []*syncengine.Changeset{{Device: "d", N: 1, Author: "a", Schema: s.Version, Changes: []syncengine.Change{{
		Table: "hazard", Row: "01941f29-7c00-7000-8000-000000000001", Op: syncengine.OpInsert,
		Cells: []syncengine.CellWrite{text("scope", "g"), text("kind_code", "stairs"), text("description", "x")},
	}}}}, syncengine.Contact{})
	require.NoError(t, err)
	require.Equal(t, syncengine.Accepted, results[0].Verdict.Kind, "%+v", results[0].Verdict.Reason)
	rows := func(asked int64) (n int) {
		part, err := c.Next(syncengine.NextRequest{Device: "d", Now: asked, Budget: 1 << 20})
		require.NoError(t, err)
		for _, f := range part.Frames {
			n += len(f.Items)
		}
		return n
	}
	require.Equal(t, 1, rows(1000))
	now.Store(6000)
	require.Zero(t, rows(1000))
}

// Who cannot be answered does not keep the answer from those who are read for together with him.
func TestNextTogetherWithOneThatPanics(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	store := memstore.New(s)
	store.SetPrincipal("d", &syncengine.Principal{Account: "a", Device: "d", Grants: []syncengine.Grant{{Scope: "g", Role: "grid_worker"}}})
	c := New(syncengine.New(s, syncengine.DefaultLimits), panicking{store}, Options{Now: func() time.Time { return time.UnixMilli(1) }})
	defer c.Close()
	good := &syncengine.Reading{Request: syncengine.NextRequest{Device: "d", Cursor: syncengine.Base{Epoch: 1}, Budget: 1}}
	bad := &syncengine.Reading{Request: syncengine.NextRequest{Device: "bad", Cursor: syncengine.Base{Epoch: 1}, Budget: 1}}
	require.ErrorIs(t, c.together([]*syncengine.Reading{good, bad}), errTogether)
	part, err := c.Next(good.Request)
	require.NoError(t, err)
	require.Len(t, part.Frames, 1)
	require.PanicsWithValue(t, "bad", func() { _, _ = c.Next(bad.Request) })
}

type panicking struct{ syncengine.Store }

func (p panicking) View(fn func(syncengine.ReadTx) error) error {
	return p.Store.View(func(tx syncengine.ReadTx) error { return fn(panickingTx{tx}) })
}

type panickingTx struct{ syncengine.ReadTx }

func (p panickingTx) Principal(device string) (*syncengine.Principal, error) {
	if device == "bad" {
		panic("bad")
	}
	return p.ReadTx.Principal(device)
}
