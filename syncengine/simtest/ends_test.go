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
