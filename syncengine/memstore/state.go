package memstore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// state is a county. What its maps and lists point to is never changed, only replaced.
type state struct {
	head      syncengine.Head
	tables    map[string]*table
	devices   map[string]*syncengine.Device
	told      map[string]*syncengine.Told
	verdicts  map[syncengine.WriteID]*syncengine.Verdict
	quar      map[syncengine.WriteID]*syncengine.Quarantined
	awaited   sorted[rowKey, syncengine.WriteID] // rows that open quarantined changesets would have created
	parked    sorted[string, int64]              // n of open parked changesets by device
	parkedOn  sorted[rowKey, syncengine.WriteID] // open parked changesets by the rows they change
	waiting   sorted[syncengine.RowID, syncengine.WriteID]
	ready     sorted[struct{}, syncengine.WriteID]
	conflicts map[string]*syncengine.Conflict
	byKey     sorted[syncengine.ConflictKey, string] // ids of conflicts
	steps     sorted[rowKey, syncengine.Step]
	moves     sorted[rowKey, *syncengine.Move]
	moved     sorted[rowKey, *syncengine.Move] // those that were pruned
	repointed sorted[rowKey, syncengine.Repointed]
	streams   sorted[string, syncengine.Item] // by scope
	inboxes   sorted[string, *syncengine.Message]
	history   []*syncengine.Entry
	scopeRows map[string]int64
	refused   map[string]syncengine.Usage    // by device
	rowLog    map[rowKey][]*syncengine.Entry // entries that name a row, in order
	audit     []syncengine.AuditEvent
	restores  []syncengine.Restore
	works     map[syncengine.Hash]syncengine.WriteID
	kin       map[string][]syncengine.WriteID // by device, in order of the other's id
}

type rowKey struct {
	table string
	id    syncengine.RowID
}

func newState(s *schema.Schema) *state {
	st := &state{
		head:      syncengine.Head{Epoch: 1},
		tables:    map[string]*table{},
		devices:   map[string]*syncengine.Device{},
		told:      map[string]*syncengine.Told{},
		works:     map[syncengine.Hash]syncengine.WriteID{},
		kin:       map[string][]syncengine.WriteID{},
		verdicts:  map[syncengine.WriteID]*syncengine.Verdict{},
		quar:      map[syncengine.WriteID]*syncengine.Quarantined{},
		conflicts: map[string]*syncengine.Conflict{},
		scopeRows: map[string]int64{},
		refused:   map[string]syncengine.Usage{},
		rowLog:    map[rowKey][]*syncengine.Entry{},
		awaited:   newSorted[rowKey](compareWriteID),
		parked:    newSorted[string](cmp.Compare[int64]),
		parkedOn:  newSorted[rowKey](compareWriteID),
		waiting:   newSorted[syncengine.RowID](compareWriteID),
		ready:     newSorted[struct{}](compareWriteID),
		byKey:     newSorted[syncengine.ConflictKey](strings.Compare),
		steps:     newSorted[rowKey](func(a, b syncengine.Step) int { return cmp.Compare(a.Number, b.Number) }),
		moves:     newSorted[rowKey](compareMove),
		moved:     newSorted[rowKey](compareMove),
		repointed: newSorted[rowKey](compareRepointed),
		streams:   newSorted[string](compareItem),
		inboxes:   newSorted[string](func(a, b *syncengine.Message) int { return cmp.Compare(a.Number, b.Number) }),
	}
	for _, t := range s.Tables {
		st.tables[t.Name] = newTable(t)
	}
	return st
}

func compareWriteID(a, b syncengine.WriteID) int {
	return cmp.Or(strings.Compare(a.Device, b.Device), cmp.Compare(a.N, b.N))
}

func compareMove(a, b *syncengine.Move) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(a.Scope, b.Scope), strings.Compare(a.Door, b.Door))
}

func compareItem(a, b syncengine.Item) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(a.Key, b.Key))
}

// sorted keeps a list in order under each key; elements that compare equal are the same element.
type sorted[K comparable, V any] struct {
	lists   map[K][]V
	compare func(a, b V) int
}

func newSorted[K comparable, V any](compare func(a, b V) int) sorted[K, V] {
	return sorted[K, V]{lists: map[K][]V{}, compare: compare}
}

// add puts v into the list of k, in place of its equal if there is one. Lists change in place: what was taken out
// of one must be copied before the transaction goes on.
func (s sorted[K, V]) add(t *tx, k K, v V) {
	list := s.lists[k]
	i, found := slices.BinarySearchFunc(list, v, s.compare)
	if found {
		old := list[i]
		list[i] = v
		t.undo = append(t.undo, func() { s.insert(k, old) })
		return
	}
	s.lists[k] = slices.Insert(list, i, v)
	t.undo = append(t.undo, func() { s.delete(k, v) })
}

// remove takes v's equal out of the list of k.
func (s sorted[K, V]) remove(t *tx, k K, v V) {
	i, found := slices.BinarySearchFunc(s.lists[k], v, s.compare)
	if !found {
		return
	}
	old := s.lists[k][i]
	s.delete(k, v)
	t.undo = append(t.undo, func() { s.insert(k, old) })
}

func (s sorted[K, V]) insert(k K, v V) {
	list := s.lists[k]
	i, found := slices.BinarySearchFunc(list, v, s.compare)
	if found {
		list[i] = v
		return
	}
	s.lists[k] = slices.Insert(list, i, v)
}

func (s sorted[K, V]) delete(k K, v V) {
	list := s.lists[k]
	if i, found := slices.BinarySearchFunc(list, v, s.compare); found {
		s.lists[k] = slices.Delete(list, i, i+1)
	}
	if len(s.lists[k]) == 0 {
		delete(s.lists, k)
	}
}
