package memstore

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/doorstep-sync/doorstep/syncengine"
)

func (t *readTx) HistoryHash(seq int64) (h syncengine.Hash, ok bool, err error) {
	list := t.state.history
	i := sort.Search(len(list), func(i int) bool { return list[i].Seq >= seq })
	if i == len(list) || list[i].Seq != seq {
		return h, false, nil
	}
	return list[i].Hash, true, nil
}

func (t *readTx) Restores() ([]syncengine.Restore, error) { return slices.Clone(t.state.restores), nil }

func (t *readTx) Work(h syncengine.Hash) (syncengine.WriteID, error) { return t.state.works[h], nil }

func (t *tx) PutWork(h syncengine.Hash, id syncengine.WriteID) error {
	put(t, t.state.works, h, id)
	return nil
}

func (t *readTx) Kin(device string) ([]syncengine.WriteID, error) {
	return slices.Clone(t.state.kin[device]), nil
}

func (t *tx) PutKin(device string, other syncengine.WriteID) error {
	list := slices.Clone(t.state.kin[device])
	i, had := slices.BinarySearchFunc(list, other, func(a, b syncengine.WriteID) int { return strings.Compare(a.Device, b.Device) })
	if !had {
		list = slices.Insert(list, i, other)
	}
	list[i].N = max(list[i].N, other.N)
	put(t, t.state.kin, device, list)
	return nil
}

func (t *tx) PutRestore(r syncengine.Restore) error {
	old := t.state.restores
	list := slices.Clone(old)
	i := slices.IndexFunc(list, func(x syncengine.Restore) bool { return x.Epoch == r.Epoch })
	if i < 0 {
		list = append(list, r)
		slices.SortFunc(list, func(a, b syncengine.Restore) int { return int(a.Epoch - b.Epoch) })
	} else {
		list[i] = r
	}
	t.state.restores = list
	t.undo = append(t.undo, func() { t.state.restores = old })
	return nil
}

// Quarantine gives every changeset in quarantine, for tests.
func (s *Store) Quarantine() map[syncengine.WriteID]*syncengine.Quarantined {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := map[syncengine.WriteID]*syncengine.Quarantined{}
	for id, q := range s.state.quar {
		out[id] = copyQuarantined(q)
	}
	return out
}

// RowIDs lists the live rows of a record type in order of id, for tests.
func (s *Store) RowIDs(table string) []syncengine.RowID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.state.tables[table].rows))
}
