package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Differential does the same random transactions on two empty stores and requires the same answers: inside the
// transactions, after each, and from the next process. The same seed does the same.
func Differential(t *testing.T, seed uint64, transactions int, a, b Opened) {
	t.Helper()
	for i := range transactions {
		plan := rand.New(rand.NewPCG(seed, uint64(i)))
		ops := randomOps(plan, int64(i)*100+1, 12, 2)
		fail := plan.IntN(6) == 0
		var logs [2]answers
		for j, o := range []Opened{a, b} {
			err := o.Store.Update(func(tx syncengine.Tx) error {
				logs[j] = answers{} // fn may be run again
				for k, op := range ops {
					op(tx, logs[j], fmt.Sprint(k))
				}
				if fail {
					return errOurs
				}
				return nil
			})
			require.Equal(t, fail, errors.Is(err, errOurs), "seed %d, transaction %d: %v", seed, i, err)
		}
		requireSame(t, logs[0], logs[1])
		if i%8 == 7 || i == transactions-1 {
			requireSame(t, dump(t, a.Store), dump(t, b.Store))
		}
	}
	for _, o := range []Opened{a, b} {
		if o.Reopen != nil {
			requireSame(t, dump(t, a.Store), dump(t, o.Reopen()))
		}
	}
}

// op does one thing and logs what the store answered. It is run on both stores, so it holds no state.
type op func(tx syncengine.Tx, log answers, at string)

func randomOps(r *rand.Rand, seq int64, n, depth int) []op {
	var out []op
	for i := range n {
		s := seq + int64(i)
		if depth > 0 && r.IntN(6) == 0 {
			inner, fail := randomOps(r, s, 5, depth-1), r.IntN(2) == 0
			out = append(out, func(tx syncengine.Tx, log answers, at string) {
				err := tx.Savepoint(func() error {
					for k, op := range inner {
						op(tx, log, fmt.Sprint(at, ".", k))
					}
					if fail {
						return errOurs
					}
					return nil
				})
				log.add("failed", nil, "%s savepoint %v", at, err)
			})
			continue
		}
		out = append(out, randomOp(r, s))
	}
	return out
}

func randomOp(r *rand.Rand, seq int64) op {
	n, table, scope := 1+r.IntN(worldIDs), worldTables[r.IntN(len(worldTables))], worldScopes[r.IntN(len(worldScopes))]
	device, num, seed := worldDevices[r.IntN(len(worldDevices))], int64(r.IntN(worldNs)), r.Uint64()
	same := func() *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) } // what is put is made anew for each store
	key := syncengine.ConflictKey{Kind: syncengine.ConflictCell, Table: table, Row: id(n), Cell: []string{"", "name"}[r.IntN(2)]}
	puts := []func(tx syncengine.Tx) error{
		func(tx syncengine.Tx) error { return tx.PutRow(randomRow(same(), table, n, scope, seq)) },
		func(tx syncengine.Tx) error {
			return errors.Join(tx.Revive(table, id(n)), tx.PutRow(randomRow(same(), table, n, scope, seq)))
		},
		func(tx syncengine.Tx) error { return tx.PutRow(randomRow(same(), table, n, scope, seq/4)) },
		func(tx syncengine.Tx) error { return tx.Kill(dead(randomRow(same(), table, n, scope, seq), seq)) },
		func(tx syncengine.Tx) error {
			d := dead(randomRow(same(), table, n, scope, seq), seq)
			d.Into = id(1 + n%worldIDs)
			return tx.Kill(d)
		},
		func(tx syncengine.Tx) error {
			return tx.PutRepointed(syncengine.Repointed{Table: table, Retired: id(n), RefTable: "person", Row: id(int(num) % worldIDs), Column: "place_id", Seq: seq})
		},
		func(tx syncengine.Tx) error { return tx.StripDead(table, id(n)) },
		func(tx syncengine.Tx) error { return tx.Expect(expected(table, n)) },
		func(tx syncengine.Tx) error { return tx.Revive(table, id(n)) },
		func(tx syncengine.Tx) error { return tx.PutHead(headAt(seq)) },
		func(tx syncengine.Tx) error {
			x := told(int(num))
			x.Device = device
			return tx.PutTold(x)
		},
		func(tx syncengine.Tx) error { return tx.PutDevice(&syncengine.Device{ID: device, LastN: seq}) },
		func(tx syncengine.Tx) error {
			v := *verdict(int(num))
			v.N = num
			return tx.PutVerdict(device, v)
		},
		func(tx syncengine.Tx) error {
			q := quarantined(1)
			q.Device, q.N, q.Closed, q.Changeset.Changes[0].Row = device, num, seed%3 == 0, id(n)
			q.Changeset.Changes[0].Table = table
			return tx.PutQuarantined(q)
		},
		func(tx syncengine.Tx) error {
			c := &syncengine.Conflict{ID: fmt.Sprint(num, "-", seed%3), Key: key, Closed: int64(seed % 2 * uint64(seq)), Changed: seq}
			if c.Closed > 0 && seed%5 > 0 {
				c.Outcome = syncengine.Outcome(syncengine.ChoiceBoth)
			}
			// A refusal must leave nothing: a store may be half way through when it finds out.
			return tx.Savepoint(func() error { return tx.PutConflict(c) })
		},
		func(tx syncengine.Tx) error {
			return tx.PutStep(table, id(n), syncengine.Step{Row: id(int(num)), Number: num, State: fmt.Sprint(seq)})
		},
		func(tx syncengine.Tx) error {
			return tx.PutMove(syncengine.Move{Table: table, ID: id(n), Seq: seq / 3, Scope: scope, Door: []string{"", "d1"}[seed%2], Author: fmt.Sprint(seq)})
		},
		func(tx syncengine.Tx) error {
			return tx.PutMessage(syncengine.Message{Device: device, Number: num, Seq: seq})
		},
		func(tx syncengine.Tx) error {
			e := entry(1)
			e.Seq = seq
			e.Changeset.Changes[0].Table, e.Changeset.Changes[0].Row = table, id(n)
			return tx.Savepoint(func() error { return tx.AppendHistory(*e) })
		},
		func(tx syncengine.Tx) error {
			return tx.AppendAudit(syncengine.AuditEvent{At: seq, Kind: "test", Who: fmt.Sprint(num), Device: device, What: "{}"})
		},
	}
	put := puts[r.IntN(len(puts))]
	if r.IntN(3) == 0 {
		put = puts[r.IntN(3)] // rows are most of what a county keeps
	}
	look := r.IntN(3) // a store may write what was put when somebody looks for it
	return func(tx syncengine.Tx, log answers, at string) {
		log.add(put(tx) == nil, nil, "%s put", at)
		if look == 0 {
			return
		}
		row, err := tx.Row(table, id(n))
		log.add(row, err, "%s row %s %s alone", at, table, id(n))
		if look == 1 {
			return
		}
		dumpRow(log.under(at+" row"), tx, table, id(n))
		dumpDevice(log.under(at+" device"), tx, device)
		items, err := tx.Changed(scope, syncengine.Position{Seq: seq / 2}, 5)
		log.add(items, err, "%s changed %s", at, scope)
	}
}

// expected names rows of all kinds, and what means nothing.
func expected(table string, n int) []syncengine.RowKey {
	out := []syncengine.RowKey{{Table: "nothing", Row: id(n)}, {Table: table, Row: "nobody's"}, {Table: table, Row: ""}, {Table: table, Row: id(n)}, {Table: table, Row: id(n)}}
	for _, other := range worldTables {
		out = append(out, syncengine.RowKey{Table: other, Row: id(1 + n%worldIDs)}, syncengine.RowKey{Table: other, Row: id(99)})
	}
	return out
}

// under gives answers of their own, kept under a name.
func (a answers) under(name string) answers {
	inner := answers{}
	a[name] = inner
	return inner
}

func randomRow(r *rand.Rand, table string, n int, scope string, seq int64) *syncengine.Row {
	street, num := worldStreets[r.IntN(len(worldStreets))], int64(r.IntN(worldNs))
	ref := schema.Text(string(id(1 + r.IntN(worldIDs))))
	v := vals{
		"street": schema.Text(street), "house": schema.Int(num), "lat": schema.Real(r.Float64()), "note": schema.Text(odd[r.IntN(len(odd))]),
		"name": schema.Text(fmt.Sprint(street, num)), "place_id": ref, "friends": set(ref.Str(), string(id(1))),
		"tags": set("a", street), "visits": schema.Int(num), "best": schema.Real(float64(num)),
		"secret": schema.Blob([]byte(street)), "source": schema.Text(street), "number": schema.Int(num), "person_id": ref,
	}
	for _, c := range model.Table(table).Columns { // in the schema's order: a map's would not replay
		if r.IntN(5) == 0 {
			delete(v, c.Name)
		}
	}
	out := row(table, n, scope, seq, v)
	out.Door = []string{"", "d1", "d2"}[r.IntN(3)]
	return out
}
