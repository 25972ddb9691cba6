package centre

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// Who reads waits until all who write have their verdicts, but not longer than for a while; where nobody writes, not at all.
func TestWhoReadsLetsCommitsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p precedence
		began := time.Now()
		p.wait()
		require.Zero(t, time.Since(began))

		p.enter()
		p.enter()
		read := make(chan time.Duration)
		go func() { p.wait(); read <- time.Since(began) }()
		time.Sleep(yields / 4) //nolint:forbidigo // the bubble's clock
		p.leave()
		synctest.Wait()
		time.Sleep(yields / 4) //nolint:forbidigo // the bubble's clock
		p.leave()
		require.Equal(t, yields/2, <-read, "the second one had his verdict then")

		p.enter()
		began = time.Now()
		p.wait()
		require.Equal(t, yields, time.Since(began), "somebody always writes")
		p.leave()
		p.wait()
		require.Equal(t, yields, time.Since(began))
	})
}

// What waits to be read is read when the commit under way has ended, and has what it brought in it.
func TestReadingWaitsForTheCommitUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := load.Default()
		require.NoError(t, err)
		slow := &slowly{Store: memstore.New(s), takes: yields / 2}
		slow.Store.(*memstore.Store).SetPrincipal("d", &syncengine.Principal{Account: "a", Device: "d", Grants: []syncengine.Grant{{Scope: "g", Role: "grid_worker"}}})
		c := New(syncengine.New(s, syncengine.DefaultLimits), slow, Options{Now: time.Now})
		defer c.Close()
		go func() {
			_, _ = c.Submit(t.Context(), []*syncengine.Changeset{{Device: "d", N: 1, Author: "a", Schema: s.Version}}, syncengine.Contact{})
		}()
		synctest.Wait() // it is being committed
		began := time.Now()
		part, err := c.Next(syncengine.NextRequest{Device: "d", Cursor: syncengine.Base{Epoch: 1}, Budget: 1 << 20})
		require.NoError(t, err)
		require.Equal(t, slow.takes, time.Since(began))
		require.Equal(t, int64(1), part.Head.Seq)
	})
}

// slowly is a store whose commits take a while.
type slowly struct {
	syncengine.Store
	takes time.Duration
}

func (s *slowly) Update(fn func(syncengine.Tx) error) error {
	time.Sleep(s.takes) //nolint:forbidigo // the bubble's clock
	return s.Store.Update(fn)
}
