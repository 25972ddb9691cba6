package workload

import (
	"errors"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// promise is one "ack" line of a writer.
type promise struct {
	mark Mark
	Verdict
}

func promises(lines []string) (out []promise, err error) {
	for _, line := range lines {
		var p promise
		if _, err := fmt.Sscanf(line, "ack %d %d %d %d %s", &p.mark.Who, &p.mark.N, &p.Kind, &p.Seq, &p.Hash); err != nil {
			return nil, fmt.Errorf("the writer said %q: %w", line, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// CheckStore holds a store against the "ack" lines of writers, and its parts against each other; it goes on with it
// for one changeset. changesets is how many took effect.
func CheckStore(st *store.Store, s *schema.Schema, lines []string, now func() time.Time) (f Faults, changesets int) {
	list, err := promises(lines)
	if err != nil {
		f.Otherwise("%v", err)
	}
	var q Querier = st.Reader().QueryContext
	if err := q.Integrity(); err != nil {
		f.Otherwise("integrity_check: %v", err)
	}
	verdicts, faults := Verdicts(q, Names(100))
	f.Add(faults)
	for _, p := range list {
		switch now, ok := verdicts[p.mark]; {
		case !ok:
			f.Lost = append(f.Lost, fmt.Sprintf("the verdict on %s, seq %d", p.mark.Token(), p.Seq))
		case now != p.Verdict:
			f.Otherwise("the verdict on %s was %+v and is now %+v", p.mark.Token(), p.Verdict, now)
		}
	}
	applied := Effective(verdicts)
	got, err := Read(q, "rec_")
	if err != nil {
		f.Otherwise("%v", err)
		return f, 0
	}
	f.Add(got.Check(applied))
	f.Add(History(q))
	if err := st.View(func(tx se.ReadTx) error { return checkRows(tx, s, &f) }); err != nil {
		f.Otherwise("read rows: %v", err)
	}
	checkGoesOn(st, s, &f, applied, now)
	return f, len(applied)
}

// checkRows reads every row with its versions, as the engine does, and wants nothing in it to be after the head.
func checkRows(tx se.ReadTx, s *schema.Schema, f *Faults) error {
	head, err := tx.Head()
	if err != nil {
		return err
	}
	at := se.Position{}
	for {
		items, err := tx.Changed(Scope, at, 1000)
		if err != nil || len(items) == 0 {
			return err
		}
		for i := range items {
			it := &items[i]
			at = se.Position{Seq: it.Seq, Key: it.Key}
			if it.Seq > head.Seq {
				f.Torn = append(f.Torn, fmt.Sprintf("%s is of seq %d, and the head is at %d", it.Key, it.Seq, head.Seq))
			}
			if it.Row == nil {
				continue
			}
			for j := range it.Row.Cells {
				c := &it.Row.Cells[j]
				for _, w := range c.Survivors {
					if c.Shown > it.Seq || max(w.Seq, w.From, w.To) > head.Seq {
						f.Torn = append(f.Torn, fmt.Sprintf("%s.%s has a version beyond seq %d", it.Key, s.Table(it.Row.Table).Cells[j].Name, head.Seq))
					}
				}
			}
		}
	}
}

// checkGoesOn sends the last changeset of each device again, which must change nothing, and one more.
func checkGoesOn(st *store.Store, s *schema.Schema, f *Faults, applied map[Mark]bool, now func() time.Time) {
	if !applied[Mark{Who: Desk, N: 1}] {
		return // the power went before the first changeset
	}
	engine := se.New(s, se.DefaultLimits)
	if err := Enrol(st, 1); err != nil {
		f.Otherwise("write the directory: %v", err)
		return
	}
	a, err := NewAuthor(st, engine, 1, millis(now))
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	cs := a.Next(1)[0]
	for range 2 { // the second time it is known
		r := engine.Commit(st, []se.Submission{{Changeset: cs, Contact: a.Contact(), Now: now().UnixMilli()}})[0]
		if r.Err != nil || !r.Verdict.Kind.Effective() {
			f.Otherwise("the next changeset after the cut: %+v", r)
			return
		}
	}
	var count int64
	var q Querier = st.Reader().QueryContext
	err = q.One(fmt.Sprintf("SELECT count(*) FROM history WHERE device = '%s' AND n = %d", cs.Device, cs.N), &count)
	if err = errors.Join(err, q.Integrity()); err != nil || count != 1 {
		f.Otherwise("the next changeset after the cut took effect %d times: %v", count, err)
	}
}
