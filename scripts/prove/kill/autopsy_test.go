package kill

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// ledger is the county's history as the proof has read it, and how far each database has been looked at. After each
// kill it looks at what is new in the files of the dead, before anything else touches them; what was looked at before
// is looked at again, whole, when the county's trials are over.
type ledger struct {
	f     *fleet
	names map[string]int          // devices
	marks []workload.Mark         // by seq - 1
	seqs  map[workload.Mark]int64 // the other way round
	head  []byte                  // hash of the last entry
	// looked is how far a database was: of each phone's changesets, and of the others by seq. The centre is Desk.
	looked map[int]extent
}

type extent struct {
	n    map[int]int64
	seq  int64
	acks int64
}

// margin is how many changesets are looked at on either side of what is new.
const margin = 16

func newLedger(f *fleet) ledger {
	l := ledger{f: f, names: f.names(), seqs: map[workload.Mark]int64{}, head: make([]byte, 32), looked: map[int]extent{}}
	for who := range len(f.phones) + 1 {
		l.looked[who] = extent{n: map[int]int64{}}
	}
	return l
}

// names gives the number of each device.
func (f *fleet) names() map[string]int {
	names := map[string]int{f.desk.device: workload.Desk}
	for _, p := range f.phones {
		names[p.device] = p.who
	}
	return names
}

// reading runs fn on one moment of a database and lets go of the file: whoever opens it next finds it as it was left.
func (f *fleet) reading(file string, fn func(workload.Querier)) {
	f.t.Helper()
	db, err := open(file)
	require.NoError(f.t, err)
	defer db.Close()
	f.moment(db, fn)
}

// moment runs fn on one moment of a database that is open.
func (f *fleet) moment(db *sql.DB, fn func(workload.Querier)) {
	f.t.Helper()
	tx, err := db.BeginTx(context.Background(), nil)
	require.NoError(f.t, err)
	defer tx.Rollback()
	fn(tx.QueryContext)
}

// centre looks at the centre's file.
func (l *ledger) centre() (faults workload.Faults) {
	l.f.reading(l.f.centre.file(), func(q workload.Querier) {
		faults.Add(l.extend(q))
		last := map[int]int64{}
		err := q.Each(func(r *sql.Rows) error {
			var id string
			var n int64
			err := r.Scan(&id, &n)
			last[l.names[id]] = n
			return err
		}, `SELECT id, last_n FROM sync_device WHERE county = 1`)
		if err != nil {
			faults.Otherwise("%v", err)
			return
		}
		seen := l.looked[workload.Desk]
		var marks []workload.Mark
		for _, p := range l.f.phones {
			for n := last[p.who] + 1; n <= p.acked; n++ {
				faults.Lost = append(faults.Lost, fmt.Sprintf("%s: the phone has its verdict, and the centre has not", workload.Mark{Who: p.who, N: n}.Token()))
			}
			marks = append(marks, between(p.who, seen.n[p.who], last[p.who])...)
			seen.n[p.who] = last[p.who]
		}
		applied := func(m workload.Mark) bool { return m.N <= last[m.Who] }
		faults.Add(part(q, "rec_", marks, applied, l.count(int64(len(l.marks)), 0)))
	})
	return faults
}

// between lists the changesets of a device that are new, and some on either side of them.
func between(who int, from, to int64) (marks []workload.Mark) {
	for n := max(1, from-margin); n <= to+margin; n++ {
		marks = append(marks, workload.Mark{Who: who, N: n})
	}
	return marks
}

func part(q workload.Querier, prefix string, marks []workload.Mark, applied func(workload.Mark) bool, count int64) workload.Faults {
	state, err := workload.ReadPart(q, prefix, marks)
	if err != nil {
		var f workload.Faults
		f.Otherwise("%v", err)
		return f
	}
	return state.CheckPart(marks, applied, count)
}

// count is how many changesets of phones took effect up to a seq, those of one phone left out.
func (l *ledger) count(upTo int64, without int) (n int64) {
	for _, m := range l.marks[:upTo] {
		if m.Who != workload.Desk && m.Who != without {
			n++
		}
	}
	return n
}

// extend reads the entries of history that are new: each goes on from the one before, in seq and in the chain of
// hashes, and is of the next changeset of its device, whose verdict says so.
func (l *ledger) extend(q workload.Querier) (faults workload.Faults) {
	var head int64
	var hash []byte
	if err := q.One(`SELECT seq, history FROM county`, &head, &hash); err != nil {
		faults.Otherwise("%v", err)
		return faults
	}
	known := int64(len(l.marks))
	if head < known {
		faults.Lost = append(faults.Lost, fmt.Sprintf("%d entries of history: the head was at %d and is at %d", known-head, known, head))
		return faults
	}
	err := q.Each(func(r *sql.Rows) error {
		var at, n int64
		var device string
		var before, own []byte
		var seq, kind, next sql.NullInt64
		if err := r.Scan(&at, &device, &n, &before, &own, &seq, &kind, &next); err != nil {
			return err
		}
		who, ok := l.names[device]
		m := workload.Mark{Who: who, N: n}
		switch {
		case !ok || at != int64(len(l.marks))+1 || !bytes.Equal(before, l.head):
			return fmt.Errorf("the entry of seq %d does not go on from seq %d", at, len(l.marks))
		case seq.Int64 != at || !se.VerdictKind(kind.Int64).Effective() || next.Int64 < n:
			return fmt.Errorf("the entry of seq %d is of %s, whose verdict is %d of seq %d, and its device is at n %d", at, m.Token(), kind.Int64, seq.Int64, next.Int64)
		case n > 1 && l.seqs[workload.Mark{Who: who, N: n - 1}] == 0 || l.seqs[m] != 0:
			return fmt.Errorf("the entry of seq %d is of %s, which is not the next one of its device", at, m.Token())
		}
		l.marks, l.seqs[m], l.head = append(l.marks, m), at, slices.Clone(own)
		return nil
	}, `SELECT h.seq, h.device, h.n, h.prev, h.hash, v.seq, v.kind, d.last_n FROM history h
		LEFT JOIN verdict v ON v.county = h.county AND v.device = h.device AND v.n = h.n
		LEFT JOIN sync_device d ON d.county = h.county AND d.id = h.device
		WHERE h.county = 1 AND h.seq > ? ORDER BY h.seq`, known)
	if err == nil && (int64(len(l.marks)) != head || !bytes.Equal(l.head, hash)) {
		err = fmt.Errorf("history ends at %d, and the head is at %d", len(l.marks), head)
	}
	if err != nil {
		faults.Torn = append(faults.Torn, err.Error())
	}
	return faults
}

// filed is what a replica says of one of its changesets.
type filed struct {
	outbox, journal bool
	verdict         workload.Verdict
}

// phone looks at a phone's file, and at what the centre says now of what it holds.
func (l *ledger) phone(p *phone) (faults workload.Faults) {
	seen := l.looked[p.who]
	var lastN, acked, cursor int64
	own := map[int64]filed{}
	var shown workload.State
	var marks []workload.Mark
	l.f.reading(p.file, func(q workload.Querier) {
		faults.Add(l.ours(q, p, seen, own, &lastN, &acked, &cursor))
		l.f.reading(l.f.centre.file(), func(centre workload.Querier) {
			faults.Add(l.extend(centre))
			faults.Add(l.judged(centre, p, seen.n[p.who], own))
		})
		marks = between(p.who, seen.n[p.who], lastN)
		for seq := max(1, seen.seq-margin); seq <= int64(len(l.marks)); seq++ { // what is beyond the cursor shows nowhere
			if m := l.marks[seq-1]; m.Who != p.who && m.Who != workload.Desk {
				marks = append(marks, m)
			}
		}
		var err error
		if shown, err = workload.ReadPart(q, "", marks); err != nil {
			faults.Otherwise("phone %d: %v", p.who, err)
		}
	})
	if cursor > int64(len(l.marks)) {
		faults.Lost = append(faults.Lost, fmt.Sprintf("phone %d is at cursor %d, and the centre's history ends at %d", p.who, cursor, len(l.marks)))
		return faults
	}
	faults.Add(shown.CheckPart(marks, func(m workload.Mark) bool {
		if m.Who == p.who {
			return m.N <= lastN
		}
		seq := l.seqs[m]
		return seq > 0 && seq <= cursor
	}, l.count(cursor, p.who)+lastN))
	seen.n[p.who] = lastN
	l.looked[p.who] = extent{seen.n, cursor, p.acked}
	return faults
}

// ours reads what the replica says of itself and holds it against the phone's promises.
func (l *ledger) ours(q workload.Querier, p *phone, seen extent, own map[int64]filed, lastN, acked, cursor *int64) (f workload.Faults) {
	var applying bool
	var unsealed int64
	err := errors.Join(
		q.One(`SELECT s.last_n, s.acked, c.cursor, c.applying, (SELECT count(*) FROM ds_capture) FROM ds_control c JOIN ds_state s ON s.k = c.k`,
			lastN, acked, cursor, &applying, &unsealed),
		q.Each(func(r *sql.Rows) error {
			var n int64
			err := r.Scan(&n)
			own[n] = filed{outbox: true}
			return err
		}, `SELECT n FROM ds_outbox`),
		q.Each(func(r *sql.Rows) error {
			var n int64
			var v workload.Verdict
			err := r.Scan(&n, &v.Kind, &v.Seq, &v.Hash)
			own[n] = filed{own[n].outbox, true, v}
			return err
		}, `SELECT n, kind, seq, lower(hex(hash)) FROM ds_journal WHERE n > ?`, seen.n[p.who]-margin))
	if err != nil {
		f.Otherwise("phone %d: %v", p.who, err)
		return f
	}
	for n := *lastN + 1; n <= p.wrote; n++ {
		f.Lost = append(f.Lost, fmt.Sprintf("%s: the phone said that it is written, and it is not there", workload.Mark{Who: p.who, N: n}.Token()))
	}
	for n := seen.acks + 1; n <= p.acked; n++ {
		if x := own[n]; n > seen.n[p.who]-margin && !x.journal || n > *acked {
			f.Lost = append(f.Lost, fmt.Sprintf("the verdict on %s, which the phone had", workload.Mark{Who: p.who, N: n}.Token()))
		}
	}
	for n := max(1, seen.n[p.who]-margin+1); n <= *lastN; n++ {
		if x := own[n]; x.outbox == x.journal {
			f.Torn = append(f.Torn, fmt.Sprintf("%s has a verdict: %v, and waits for one: %v", workload.Mark{Who: p.who, N: n}.Token(), x.journal, x.outbox))
		}
	}
	if applying || unsealed != 0 || *cursor < seen.seq {
		f.Torn = append(f.Torn, fmt.Sprintf("phone %d: %d lines unsealed, applying: %v, cursor %d after %d", p.who, unsealed, applying, *cursor, seen.seq))
	}
	return f
}

// judged wants each verdict that the replica holds to be the centre's.
func (l *ledger) judged(centre workload.Querier, p *phone, after int64, own map[int64]filed) (f workload.Faults) {
	theirs := map[int64]workload.Verdict{}
	err := centre.Each(func(r *sql.Rows) error {
		var n int64
		var v workload.Verdict
		err := r.Scan(&n, &v.Kind, &v.Seq, &v.Hash)
		theirs[n] = v
		return err
	}, `SELECT n, kind, seq, lower(hex(hash)) FROM verdict WHERE county = 1 AND device = ? AND n > ?`, p.device, after-margin)
	if err != nil {
		f.Otherwise("%v", err)
	}
	for n, x := range own {
		if x.journal && x.verdict != theirs[n] {
			f.Otherwise("the verdict on %s is %+v on the device and %+v at the centre", workload.Mark{Who: p.who, N: n}.Token(), x.verdict, theirs[n])
		}
	}
	return f
}
