package session

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// What a device has used of its checks it has used on its next connection too, until time has passed.
func TestAllowanceOutlivesConnections(t *testing.T) {
	var a Allowance
	n := 0
	for ; a.Spend(1000); n++ {
	}
	require.InDelta(t, 300, n, 2)
	c := greeted()
	c.Spending(a.Spend)
	c.Receive(&Seen{Frames: 1, Epoch: 1, View: "v"}, 0)
	require.True(t, stale(t, ask(c, 1, 1000)))
	require.False(t, stale(t, ask(c, 2, 1000+5*checkEvery)))
	require.False(t, a.Unused(1000))
	require.True(t, a.Unused(1000+10*allowance))
	require.False(t, a.Spend(0) && a.Unused(0), "a clock that goes back gives nothing")
}

// A centre cannot fill a device's memory: with announcements of snapshots, with repairs, with notices.
func TestHostileCentreIsBounded(t *testing.T) {
	open := func() *Device {
		d := NewDevice(&shelf{})
		_, err := d.Start("", "")
		require.NoError(t, err)
		_, err = d.Receive(&Welcome{se.Welcome{View: "v", Limits: se.DefaultLimits}})
		require.NoError(t, err)
		return d
	}
	closed := func(err error, words string) {
		t.Helper()
		var c *Closed
		require.ErrorAs(t, err, &c)
		require.Equal(t, NoticeProtocol, c.Code)
		require.Contains(t, c.Text, words)
	}
	announce := func(d *Device, scope int, chunks int) error {
		_, err := d.Receive(&Manifest{se.Manifest{ID: "s", Scope: fmt.Sprint(scope), Chunks: make([]se.ChunkSum, chunks)}})
		return err
	}
	many := func(d *Device, chunks int) (n int, err error) {
		for n = 0; n < 100_000; n++ {
			if err = announce(d, n, chunks); err != nil {
				return n, err
			}
		}
		return n, nil
	}
	n, err := many(open(), 0)
	closed(err, "more snapshots")
	require.Equal(t, maxOffers, n)
	n, err = many(open(), maxChunks)
	closed(err, "more snapshots")
	require.Equal(t, maxOffered/maxChunks, n)
	d := open()
	for range 100 { // one scope's snapshot in place of the one before
		require.NoError(t, announce(d, 1, maxChunks))
	}
	for range 3 * maxNotices {
		_, err := d.Receive(&Notice{Code: NoticeClock, Text: "x"})
		require.NoError(t, err)
	}
	require.Len(t, d.Notices(), maxNotices)

	d.check = &checking{scopes: []string{"A"}, sent: &se.Check{Number: 1, Scope: "A"}}
	row := se.DeltaItem{Kind: se.DeltaRow, Table: "home", Row: "r", Cells: []se.CellValue{{Cell: "text", Values: []schema.Value{schema.Text(string(make([]byte, 4<<20)))}}}}
	for part := 1; ; part++ {
		require.Less(t, part, 1000)
		if _, err = d.Receive(&Repair{se.Repair{Number: 1, Part: part, Items: []se.DeltaItem{row}}}); err != nil {
			break
		}
	}
	closed(err, "a repair of more rows")
}

// A repair that is none ends the connection with a reason, and the check with it: there is nothing wrong with the replica, and
// it asks for no snapshot.
func TestARepairThatIsNone(t *testing.T) {
	d := NewDevice(mending{&shelf{}})
	_, err := d.Start("", "")
	require.NoError(t, err)
	_, err = d.Receive(&Welcome{se.Welcome{View: "v", Limits: se.DefaultLimits}})
	require.NoError(t, err)
	d.check = &checking{scopes: []string{"A"}, sent: &se.Check{Number: 1, Scope: "A"}}
	_, err = d.Receive(&Repair{se.Repair{
		Number: 1, Part: 1, Done: true, Items: []se.DeltaItem{{Kind: se.DeltaDead, Table: "home", Row: "r"}},
		Covered: []se.Covered{{Table: "home", Buckets: 1, Index: []int{0}}},
	}})
	var c *Closed
	require.ErrorAs(t, err, &c)
	require.Equal(t, NoticeProtocol, c.Code)
	require.Contains(t, c.Text, "whole rows")
}

type mending struct{ *shelf }

func (mending) Repair(*se.Check, []se.DeltaItem, []se.Covered) (int, bool, error) {
	return 0, false, fmt.Errorf("%w: a repair holds something else than whole rows", replica.ErrBroken)
}
