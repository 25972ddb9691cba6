package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// A revoked device on which nothing was ever written has nothing to drain. It gives its receipt all the same, once on
// each connection: the centre would wait for it for ever.
func TestReceiptOfADeviceThatNeverWrote(t *testing.T) {
	w := newTown(t)
	p := w.phone("wei", worker("A"))
	for range 2 {
		d := session.NewDevice(&end{dev: p.MemDevice, schema: w.schema, clock: p.clock})
		_, err := d.Start("", "")
		require.NoError(t, err)
		out, err := d.Receive(&session.Retire{Retire: se.Retire{Wipe: true}})
		require.NoError(t, err)
		require.Equal(t, []session.Message{&session.Purged{}}, out)
		again, err := d.Purged()
		require.NoError(t, err)
		require.Empty(t, again)
	}
	require.Equal(t, replica.LeavingPurged, p.ctl.Leaving.State)
}

// receipt purges, and gives the receipt to the centre.
func (p *phone) receipt() {
	p.town.t.Helper()
	got, err := (&end{dev: p.MemDevice, schema: p.town.schema, clock: p.clock}).Purge()
	require.NoError(p.town.t, err)
	require.NotNil(p.town.t, got)
	_, err = p.town.engine.Record(p.town.store, se.Tell{Device: p.id, View: got.View, N: got.N, Purged: true, At: p.town.now}, p.town.now)
	require.NoError(p.town.t, err)
}

// A device that has purged once, and never heard of the next loss because its answer was not waited for, purges again:
// the receipt that it has is for something earlier.
func TestReceiptOfALossThatWasNeverHeard(t *testing.T) {
	w := newTown(t)
	p := w.phone("wei", worker("A"), worker("B"))
	p.does(place(at(1), "A"))
	p.grant(worker("A"))
	p.sync()
	p.receipt()
	p.does(place(at(2), "A"))
	p.push() // over the same connection: no Welcome says that the receipt has come
	p.grant(worker("C"))
	welcome, err := w.engine.Open(w.store, se.Hello{Device: p.id, View: p.ctl.View, LastN: p.ctl.LastN}, w.now) // it never came
	require.NoError(t, err)
	_, err = w.engine.Record(w.store, se.Tell{Device: p.id, View: welcome.View, N: p.ctl.LastN}, w.now)
	require.NoError(t, err)
	for range 2 { // the first receipt is lost
		p.pull()
		require.NotEqual(t, replica.LeavingNothing, p.ctl.Leaving.State)
		require.Equal(t, "gone", p.shows("place", at(2), "address"))
	}
	p.receipt()
	_ = w.store.View(func(tx se.ReadTx) error {
		told, err := tx.Told(p.id)
		require.NoError(t, err)
		require.Len(t, told.Lost, 2)
		for _, l := range told.Lost {
			require.NotZero(t, l.Purged, "%+v", l)
		}
		return nil
	})
}

// What ended, was given back and ended again, all on one connection and with nothing written between, has two receipts
// though they say the same.
func TestReceiptOfALossThatCameTwice(t *testing.T) {
	w := newTown(t)
	p := w.phone("wei", worker("A"))
	d := session.NewDevice(&end{dev: p.MemDevice, schema: w.schema, clock: p.clock})
	_, err := d.Start("", "")
	require.NoError(t, err)
	for range 2 {
		for _, grants := range [][]se.Grant{nil, {worker("A")}} {
			p.grant(grants...)
			welcome, err := w.engine.Open(w.store, se.Hello{Device: p.id, View: p.ctl.View}, w.now)
			require.NoError(t, err)
			out, err := d.Receive(&session.Welcome{Welcome: *welcome})
			require.NoError(t, err)
			if len(welcome.Lost) > 0 {
				_, err = w.engine.Record(w.store, se.Tell{Device: p.id, View: welcome.View}, w.now)
				require.NoError(t, err)
			}
			require.NoError(t, w.store.View(func(tx se.ReadTx) error {
				part, err := w.engine.Next(tx, se.NextRequest{Device: p.id, View: welcome.View, Now: w.now, Budget: 1 << 20})
				require.NoError(t, err)
				for i := range part.Frames {
					more, err := d.Receive(&session.Delta{Delta: part.Frames[i]})
					require.NoError(t, err)
					out = append(out, more...)
				}
				return nil
			}))
			receipts := 0
			for _, m := range out {
				if x, ok := m.(*session.Purged); ok {
					receipts++
					_, err = w.engine.Record(w.store, se.Tell{Device: p.id, View: x.View, N: x.N, Purged: true, At: w.now}, w.now)
					require.NoError(t, err)
				}
			}
			require.Len(t, welcome.Lost, receipts, "one for each loss")
		}
	}
}

// What cannot be made durable is not told: nobody hears of a view that is not on record.
func TestWelcomeThatIsNotOnRecordIsNotGiven(t *testing.T) {
	w := newTown(t)
	p := w.phone("wei", worker("A"))
	p.grant(worker("A"), worker("B"))
	w.store.SetHook(func() error { return errDisk })
	welcome, err := w.engine.Open(w.store, se.Hello{Device: p.id}, w.now)
	require.ErrorIs(t, err, errDisk)
	require.Nil(t, welcome)
}
