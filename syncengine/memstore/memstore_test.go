package memstore_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
	"github.com/doorstep-sync/doorstep/syncengine/storetest"
)

func open(*testing.T) storetest.Opened {
	s := memstore.New(storetest.Schema())
	return storetest.Opened{
		Store:        s,
		SetPrincipal: func(p *syncengine.Principal) { s.SetPrincipal(p.Device, p) },
		FailCommit: func() {
			s.FailCommit = func() error { s.FailCommit = nil; return errors.New("told to fail") }
		},
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestDifferential(t *testing.T) {
	for seed := range uint64(6) { // a store that runs everything twice is no different
		b := open(t)
		b.Store.(*memstore.Store).RunTwice = true
		a := open(t)
		storetest.Differential(t, seed, 40, a, b)
	}
}

func TestRunTwice(t *testing.T) {
	s := memstore.New(storetest.Schema())
	s.RunTwice = true
	runs := 0
	require.NoError(t, s.Update(func(tx syncengine.Tx) error {
		runs++
		h, err := tx.Head()
		require.EqualValues(t, 0, h.Seq)
		h.Seq++
		return errors.Join(err, tx.PutHead(h))
	}))
	require.Equal(t, 2, runs)
}
