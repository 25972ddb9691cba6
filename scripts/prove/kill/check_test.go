package kill

import (
	"database/sql"
	"fmt"
	"maps"

	_ "github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// open reads a database beside whoever writes it.
func open(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+file+"?mode=ro&_query_only=1&_busy_timeout=5000")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// whole is a look at all databases of a county at once, when nobody writes any more.
type whole struct {
	*fleet
	db       workload.Querier         // the centre's
	replicas map[int]workload.Querier // by phone
}

// settle lets everybody rest, waits until everything has come everywhere, and holds everything against everything.
func (f *fleet) settle() (faults workload.Faults, compared int) {
	w := whole{fleet: f, replicas: map[int]workload.Querier{}}
	read := func(file string) workload.Querier {
		db, err := open(file)
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { _ = db.Close() })
		return db.QueryContext
	}
	w.db = read(f.centre.file())
	for _, p := range f.all() {
		w.replicas[p.who] = read(p.file)
		p.Tell("rest")
	}
	err := f.until(func() (bool, string) { f.promised(); return w.quiet() })
	if err != nil {
		faults.Otherwise("at rest: %v", err)
	}
	faults.Add(f.known.centre())
	for _, p := range f.phones {
		faults.Add(f.known.phone(p))
	}
	more, compared := w.check()
	faults.Add(more)
	return faults, compared
}

// quiet tells whether everything has come everywhere: all outboxes are empty and all cursors at the head. why says
// who is not there yet.
func (f *whole) quiet() (ok bool, why string) {
	var head int64
	if err := f.db.One(`SELECT seq FROM county`, &head); err != nil {
		return false, err.Error()
	}
	for _, p := range f.phones {
		var last, acked, cursor, outbox, pending int64
		err := f.replicas[p.who].One(`SELECT s.last_n, s.acked, c.cursor, (SELECT count(*) FROM ds_outbox), (SELECT count(*) FROM ds_pending)
			FROM ds_control c JOIN ds_state s ON s.k = c.k`, &last, &acked, &cursor, &outbox, &pending)
		if err != nil || last != acked || cursor != head || outbox+pending != 0 || last < p.wrote {
			return false, fmt.Sprintf("phone %d: %v, n %d with verdicts to %d, cursor %d of %d, %d in the outbox, %d pending; it promised %d",
				p.who, err, last, acked, cursor, head, outbox, pending, p.wrote)
		}
	}
	if f.mover != nil {
		return f.moved(f.mover)
	}
	return true, ""
}

// check holds all databases against the promises and against each other. Everything is quiet.
func (f *whole) check() (workload.Faults, int) {
	verdicts, faults := workload.Verdicts(f.db, f.names())
	faults.Add(workload.History(f.db))
	applied := workload.Effective(verdicts)
	faults.Add(shows(f.db, "rec_", applied))
	for _, p := range f.phones {
		q := f.replicas[p.who]
		for n := int64(1); n <= p.wrote; n++ {
			if m := (workload.Mark{Who: p.who, N: n}); !applied[m] {
				faults.Lost = append(faults.Lost, fmt.Sprintf("%s: the phone said that it is written, and the centre never heard of it", m.Token()))
			}
		}
		got, err := workload.ReadReplica(q)
		if err != nil {
			faults.Otherwise("phone %d: %v", p.who, err)
			continue
		}
		faults.Add(got.Check(p.who, verdicts))
		for n := int64(1); n <= p.acked; n++ {
			if _, ok := got.Journal[n]; !ok {
				faults.Lost = append(faults.Lost, fmt.Sprintf("the verdict on %s", workload.Mark{Who: p.who, N: n}.Token()))
			}
		}
		faults.Add(shows(q, "", applied))
		f.compare(&faults, p, workload.Scope)
	}
	if f.mover != nil {
		faults.Add(f.known.mover(f.mover))
		scopes := []string{workload.Empty}
		if f.mover.grant != "" {
			scopes = append(scopes, workload.Other)
		}
		f.compare(&faults, f.mover, scopes...)
	}
	return faults, len(applied)
}

// compare holds everything that a replica shows against what the centre shows of its grids.
func (f *whole) compare(faults *workload.Faults, p *phone, scopes ...string) {
	want, err := workload.Dump(f.db, f.schema, "rec_", scopes...)
	if err != nil {
		faults.Otherwise("dump the centre: %v", err)
	}
	dump, err := workload.Dump(f.replicas[p.who], f.schema, "")
	if err != nil || !maps.Equal(dump, want) {
		faults.Otherwise("phone %d holds %v %v, and the centre %v", p.who, dump, err, want)
	}
}

func shows(q workload.Querier, prefix string, applied map[workload.Mark]bool) workload.Faults {
	state, err := workload.Read(q, prefix)
	if err != nil {
		var f workload.Faults
		f.Otherwise("%v", err)
		return f
	}
	return state.Check(applied)
}
