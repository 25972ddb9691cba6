package workload

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Verdict is what became of a changeset, as it lies in a database.
type Verdict struct {
	Kind, Seq int64
	Hash      string // of the changeset, hexadecimal
}

// Names are the devices whose ids the proof gave out itself.
func Names(devices int) map[string]int {
	names := map[string]int{}
	for who := range devices {
		names[Device(who)] = who
	}
	return names
}

// Verdicts reads every verdict at the centre. Each device's must go from 1 to its last n, and all must have taken
// effect: nothing in the workload is ever refused.
func Verdicts(q Querier, names map[string]int) (map[Mark]Verdict, Faults) {
	var f Faults
	out, last := map[Mark]Verdict{}, map[int]int64{}
	err := q.Each(func(r *sql.Rows) error {
		var id string
		var m Mark
		var v Verdict
		if err := r.Scan(&id, &m.N, &v.Kind, &v.Seq, &v.Hash); err != nil {
			return err
		}
		var ok bool
		if m.Who, ok = names[id]; !ok {
			return fmt.Errorf("a device nobody knows: %s", id)
		}
		if m.N != last[m.Who]+1 {
			f.Torn = append(f.Torn, fmt.Sprintf("after the verdict on %s comes that on %s", Mark{m.Who, last[m.Who]}.Token(), m.Token()))
		}
		if !se.VerdictKind(v.Kind).Effective() {
			f.Otherwise("%s is %s", m.Token(), se.VerdictKind(v.Kind))
		}
		last[m.Who], out[m] = m.N, v
		return nil
	}, `SELECT device, n, kind, seq, lower(hex(hash)) FROM verdict ORDER BY device, n`)
	if err != nil {
		f.Otherwise("%v", err)
	}
	err = q.Each(func(r *sql.Rows) error {
		var id string
		var n int64
		err := r.Scan(&id, &n)
		if who := names[id]; n != last[who] {
			f.Torn = append(f.Torn, fmt.Sprintf("device %d is at n %d and its verdicts end at %d", who, n, last[who]))
		}
		delete(last, names[id])
		return err
	}, `SELECT id, last_n FROM sync_device`)
	if err != nil || len(last) > 0 {
		f.Otherwise("verdicts without their device: %v %v", last, err)
	}
	return out, f
}

// Effective gives the changesets that took effect.
func Effective(verdicts map[Mark]Verdict) map[Mark]bool {
	out := make(map[Mark]bool, len(verdicts))
	for m, v := range verdicts {
		if se.VerdictKind(v.Kind).Effective() {
			out[m] = true
		}
	}
	return out
}

// History wants one entry of history for each seq up to the head, chained by hash, each of a changeset whose verdict
// has that seq, and no verdict without one.
func History(q Querier) (f Faults) {
	var seq, verdicts, entries int64
	var head []byte
	err := errors.Join(
		q.One(`SELECT seq, history FROM county`, &seq, &head),
		q.One(`SELECT count(*) FROM verdict WHERE seq > 0`, &verdicts))
	if err != nil {
		f.Otherwise("%v", err)
		return f
	}
	prev := make([]byte, 32)
	err = q.Each(func(r *sql.Rows) error {
		var at int64
		var before, hash []byte
		var verdict sql.NullInt64
		if err := r.Scan(&at, &before, &hash, &verdict); err != nil {
			return err
		}
		if entries++; at != entries || !bytes.Equal(before, prev) || verdict.Int64 != at {
			return fmt.Errorf("entry %d of history says it is %d, of a verdict with seq %v, or its chain is broken", entries, at, verdict)
		}
		prev = slices.Clone(hash)
		return nil
	}, `SELECT h.seq, h.prev, h.hash, v.seq FROM history h LEFT JOIN verdict v ON v.county = h.county AND v.device = h.device AND v.n = h.n ORDER BY h.seq`)
	if err != nil {
		f.Torn = append(f.Torn, err.Error())
	}
	if entries != seq || !bytes.Equal(prev, head) || verdicts != seq {
		f.Torn = append(f.Torn, fmt.Sprintf("the head is at %d, history ends at %d, %d verdicts took effect", seq, entries, verdicts))
	}
	return f
}

// Replica is what the engine's own tables of a replica say.
type Replica struct {
	Device   string
	LastN    int64
	Cursor   int64
	Outbox   map[int64]bool
	Journal  map[int64]Verdict
	Pending  int64 // changes whose overlay has not ended
	Unsealed int64 // lines that the triggers caught
	Applying bool
}

// ReadReplica reads them, from one moment if nobody writes.
func ReadReplica(q Querier) (Replica, error) {
	s := Replica{Outbox: map[int64]bool{}, Journal: map[int64]Verdict{}}
	err := errors.Join(
		q.One(`SELECT coalesce(c.device, ''), c.cursor, s.last_n, c.applying, (SELECT count(*) FROM ds_pending), (SELECT count(*) FROM ds_capture)
			FROM ds_control c JOIN ds_state s ON s.k = c.k`, &s.Device, &s.Cursor, &s.LastN, &s.Applying, &s.Pending, &s.Unsealed),
		q.Each(func(r *sql.Rows) error {
			var n int64
			err := r.Scan(&n)
			s.Outbox[n] = true
			return err
		}, `SELECT n FROM ds_outbox`),
		q.Each(func(r *sql.Rows) error {
			var n int64
			var v Verdict
			err := r.Scan(&n, &v.Kind, &v.Seq, &v.Hash)
			s.Journal[n] = v
			return err
		}, `SELECT n, kind, seq, lower(hex(hash)) FROM ds_journal`))
	return s, err
}

// Check wants each n up to the last in the outbox or in the journal, each verdict to be that of the centre, and
// nothing at the centre that the replica does not know.
func (s *Replica) Check(who int, verdicts map[Mark]Verdict) (f Faults) {
	for n := int64(1); n <= s.LastN; n++ {
		m := Mark{who, n}
		v, done := s.Journal[n]
		if done == s.Outbox[n] {
			f.Torn = append(f.Torn, fmt.Sprintf("%s has a verdict: %v, and waits for one: %v", m.Token(), done, s.Outbox[n]))
		}
		if done && v != verdicts[m] {
			f.Otherwise("the verdict on %s is %+v on the device and %+v at the centre", m.Token(), v, verdicts[m])
		}
	}
	if int64(len(s.Outbox)+len(s.Journal)) != s.LastN || s.Applying || s.Unsealed != 0 {
		f.Torn = append(f.Torn, fmt.Sprintf("device %d is at n %d with %d in the outbox, %d in the journal, %d lines unsealed, applying: %v",
			who, s.LastN, len(s.Outbox), len(s.Journal), s.Unsealed, s.Applying))
	}
	for m := range verdicts {
		if m.Who == who && m.N > s.LastN {
			f.Lost = append(f.Lost, m.Token()+", which the centre has and its device has not")
		}
	}
	return f
}
