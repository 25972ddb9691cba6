package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// CheckReplica holds the replica of phone 1 against the lines "known", "wrote", "filed" and "at" of its writers, and
// against the county that it was in step with; it goes on with both for one changeset. changesets is how many it shows.
func CheckReplica(r *device.Replica, county *store.Store, s *schema.Schema, lines []string, now func() time.Time) (f Faults, changesets int) {
	var q Querier = r.Query
	if err := q.Integrity(); err != nil {
		f.Otherwise("integrity_check: %v", err)
	}
	got, err := ReadReplica(q)
	if err != nil {
		f.Otherwise("%v", err)
		return f, 0
	}
	checkPromises(&f, got, lines)
	applied, verdicts, faults := took(county.Reader().QueryContext, got.Cursor)
	f.Add(faults)
	f.Add(got.Check(Phone, verdicts))
	for n := range got.LastN {
		applied[Mark{Who: Phone, N: n + 1}] = true // its rows show, decided or pending
	}
	compare(&f, q, applied)
	if got.Device != "" && len(f.Lost) == 0 {
		goOn(&f, r, county, s, now)
	}
	return f, len(applied)
}

func checkPromises(f *Faults, got Replica, lines []string) {
	for _, line := range lines {
		var word string
		var n, kind int64
		if _, err := fmt.Sscanf(line, "%s %d", &word, &n); err != nil {
			f.Otherwise("the writer said %q", line)
		}
		var kept bool
		switch word {
		case "known":
			kept = got.Device == Device(Phone)
		case "wrote":
			kept = n <= got.LastN
		case "filed":
			_, err := fmt.Sscanf(line, "filed %d %d", &n, &kind)
			kept = err == nil && got.Journal[n].Kind == kind
		case "at":
			kept = n <= got.Cursor
		}
		if !kept {
			f.Lost = append(f.Lost, fmt.Sprintf("%q (last n %d, cursor %d)", line, got.LastN, got.Cursor))
		}
	}
}

// took gives what took effect in the county up to a seq, and all verdicts.
func took(q Querier, upTo int64) (map[Mark]bool, map[Mark]Verdict, Faults) {
	verdicts, f := Verdicts(q, Names(10))
	applied := Effective(verdicts)
	for m, v := range verdicts {
		if v.Seq > upTo {
			delete(applied, m)
		}
	}
	return applied, verdicts, f
}

func compare(f *Faults, q Querier, applied map[Mark]bool) {
	shows, err := Read(q, "")
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	f.Add(shows.Check(applied))
}

// goOn brings the replica in step with the county and writes once more: both must then show everything.
func goOn(f *Faults, r *device.Replica, county *store.Store, s *schema.Schema, now func() time.Time) {
	engine := se.New(s, se.DefaultLimits)
	l, err := NewLink(r, county, engine, millis(now), nil)
	if err == nil && furnished(r) {
		if _, err = Write(context.Background(), r, Phone); err == nil {
			err = errors.Join(l.Sealed(), l.Bell())
		}
	}
	if err != nil {
		f.Otherwise("go on after the cut: %v", err)
		return
	}
	got, err := ReadReplica(r.Query)
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	applied, verdicts, faults := took(county.Reader().QueryContext, 1<<62)
	f.Add(faults)
	f.Add(got.Check(Phone, verdicts))
	if len(got.Outbox) > 0 || got.Pending > 0 || got.Cursor != int64(len(applied)) {
		f.Otherwise("in step after the cut, and cursor %d of %d, %d in the outbox, %d pending", got.Cursor, len(applied), len(got.Outbox), got.Pending)
	}
	compare(f, r.Query, applied)
	shows, err := Read(county.Reader().QueryContext, "rec_")
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	f.Add(shows.Check(applied))
}

// furnished tells whether the shared rows have come.
func furnished(r *device.Replica) bool {
	_, err := r.Get(context.Background(), "wish", Wish)
	return err == nil
}
