package kill

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// canary is in the notes of each building of the other grid, and nowhere else.
const canary = "第二网格第"

// regrant gives a phone's person the other grid, or takes it away. An error says that it is not known whether that was
// done.
func (f *fleet) regrant(p *phone, gives bool) error {
	if !gives {
		err := f.centre.ask("POST", "/v1/assignments/"+p.grant+"/end", struct{}{}, nil)
		if err == nil {
			p.grant = ""
		}
		return err
	}
	var made struct{ ID string }
	err := f.centre.ask("POST", "/v1/assignments", map[string]string{"account": p.account, "role": "grid_worker", "scope": workload.Other}, &made)
	if err == nil {
		p.grant = made.ID
	}
	return err
}

// granted asks the centre, which was killed perhaps, whether the phone's person has the other grid, and holds that against what
// it had said.
func (s *strike) granted() (faults workload.Faults) {
	var list struct {
		Assignments []struct {
			ID, Scope string
			To        *string
		}
	}
	if err := s.fleet.centre.ask("GET", "/v1/assignments?account="+s.phone.account, nil, &list); err != nil {
		faults.Otherwise("%v", err)
		return faults
	}
	now := ""
	for _, a := range list.Assignments {
		if a.Scope == workload.Other && a.To == nil {
			now = a.ID
		}
	}
	if s.promisedGrant && s.gave != (now != "") {
		faults.Lost = append(faults.Lost, fmt.Sprintf("the centre said that phone %d's grant was given (%v), and it is %q", s.phone.who, s.gave, now))
	}
	s.phone.grant = now
	return faults
}

// buildings counts what a database holds of the other grid.
func buildings(q workload.Querier, prefix string) (n int, err error) {
	err = q.Each(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT count(*) FROM `+prefix+`building WHERE scope = ?`, workload.Other)
	return n, err
}

// mover looks at the file of the phone that moves: it holds the other grid or nothing of it, and its cursor stands where
// the county has been.
func (l *ledger) mover(p *phone) (faults workload.Faults) {
	l.f.reading(p.file, func(q workload.Querier) {
		var cursor int64
		var applying bool
		n, err := buildings(q, "")
		if err == nil {
			err = q.One(`SELECT cursor, applying FROM ds_control`, &cursor, &applying)
		}
		if err != nil || applying || n != 0 && n != workload.Buildings {
			faults.Torn = append(faults.Torn, fmt.Sprintf("phone %d holds %d of %d buildings of the other grid, applying: %v (%v)", p.who, n, workload.Buildings, applying, err))
		}
		l.f.reading(l.f.centre.file(), func(centre workload.Querier) { faults.Add(l.extend(centre)) })
		if cursor > int64(len(l.marks)) {
			faults.Lost = append(faults.Lost, fmt.Sprintf("phone %d is at cursor %d, and the centre's history ends at %d", p.who, cursor, len(l.marks)))
		}
	})
	return faults
}

// canary tells whether the phone's files hold a byte of the other grid's rows.
func (p *phone) canary() (there bool, err error) {
	for _, file := range []string{p.file, p.file + "-wal"} {
		text, e := os.ReadFile(file)
		if e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
		there = there || bytes.Contains(text, []byte(canary))
	}
	return there, err
}

// holds tells whether a phone shows the other grid, or nothing of it, as its grants are, and is not leaving any more.
func (p *phone) holds(q workload.Querier) (ok bool, why string) {
	var leaving int64
	n, err := buildings(q, "")
	if err == nil {
		err = q.One(`SELECT coalesce(json_extract(leaving, '$.state'), 0) FROM ds_state`, &leaving)
	}
	want := 0
	if p.grant != "" {
		want = workload.Buildings
	}
	return err == nil && n == want && leaving != 1,
		fmt.Sprintf("phone %d holds %d buildings of the other grid, not %d, and is leaving: %d (%v)", p.who, n, want, leaving, err)
}

// shows waits until it does. The file is opened once for that: opening it costs more than looking, so moved is asked only then.
func (f *fleet) shows(p *phone) error {
	db, err := open(p.file)
	if err != nil {
		return err
	}
	defer db.Close()
	return f.untilEvery(20*time.Millisecond, func() (ok bool, why string) {
		f.moment(db, func(q workload.Querier) { ok, why = p.holds(q) })
		return ok, why
	})
}

// moved tells whether a phone holds the other grid, or nothing of it, not a byte, and the centre knows that: as its grants
// are.
func (f *fleet) moved(p *phone) (ok bool, why string) {
	f.reading(p.file, func(q workload.Querier) { ok, why = p.holds(q) })
	if !ok {
		return ok, why
	}
	there, err := p.canary()
	if err != nil || there != (p.grant != "") {
		return false, fmt.Sprintf("phone %d has bytes of the other grid in its files: %v (%v)", p.who, there, err)
	}
	if there {
		return true, ""
	}
	f.reading(f.centre.file(), func(q workload.Querier) {
		var owed int64
		err := q.Each(func(r *sql.Rows) error { return r.Scan(&owed) },
			`SELECT count(*) FROM device_told t, json_each(t.lost) l WHERE t.device = ? AND coalesce(json_extract(l.value, '$.purged'), 0) = 0`, p.device)
		ok = err == nil && owed == 0
		why = fmt.Sprintf("phone %d owes %d receipts (%v)", p.who, owed, err)
	})
	return ok, why
}
