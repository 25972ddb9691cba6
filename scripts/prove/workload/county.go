package workload

import (
	"context"
	"database/sql"
	"time"

	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Enrol writes the directory of a county with a desk and so many phones, unless it is there: in one transaction.
func Enrol(st *store.Store, phones int) error {
	return st.WithTx(context.Background(), func(tx *sql.Tx) (err error) {
		do := func(query string, args ...any) {
			if err == nil {
				_, err = tx.Exec(query, args...)
			}
		}
		do(`INSERT OR IGNORE INTO org_unit (county, code, name, level, parent) VALUES (1, $1, '王河', 'community', NULL)`, Community)
		do(`INSERT OR IGNORE INTO org_unit (county, code, name, level, parent) VALUES (1, $1, '第一网格', 'grid', $2)`, Scope, Community)
		for who := range phones + 1 {
			role := "grid_worker"
			if who == Desk {
				role = "supervisor"
			}
			do(`INSERT OR IGNORE INTO account (county, id, login) VALUES (1, $1, $2)`, Account(who), Account(who))
			do(`INSERT OR IGNORE INTO device (county, id, account, console) VALUES (1, $1, $2, 0)`, Device(who), Account(who))
			do(`INSERT OR IGNORE INTO assignment (county, id, account, role, scope) VALUES (1, $1, $2, $3, $4)`, Account(who), Account(who), role, Scope)
		}
		return err
	})
}

// Author makes the changesets of a device without a replica, in order of n. It belongs to one goroutine.
type Author struct {
	who    int
	engine *se.Engine
	n      int64
	hash   se.Hash
	now    func() int64 // ms since 1970 UTC
}

// millis reads a clock in ms since 1970 UTC.
func millis(now func() time.Time) func() int64 { return func() int64 { return now().UnixMilli() } }

// NewAuthor goes on from where the centre says that the device is.
func NewAuthor(st *store.Store, engine *se.Engine, who int, now func() int64) (*Author, error) {
	a := &Author{who: who, engine: engine, now: now}
	err := st.View(func(tx se.ReadTx) error {
		d, err := tx.Device(Device(who))
		if d != nil {
			a.n, a.hash = d.LastN, d.Hash
		}
		return err
	})
	return a, err
}

// N is the last n that was made.
func (a *Author) N() int64 { return a.n }

// Next makes so many changesets.
func (a *Author) Next(count int) []*se.Changeset {
	out := make([]*se.Changeset, 0, count)
	for range count {
		a.n++
		cs := &se.Changeset{
			Device: Device(a.who), N: a.n, Prev: a.hash, Wall: a.now(), Boot: "boot", Mono: a.now(), Author: Account(a.who),
			Schema: a.engine.Schema().Version, Changes: Mark{a.who, a.n}.Changes(a.engine.Schema()),
		}
		a.hash = cs.Hash()
		out = append(out, cs)
	}
	return out
}

// Contact is the author's clock against the centre's: they are one.
func (a *Author) Contact() se.Contact { return se.Contact{Boot: "boot", Mono: a.now(), At: a.now()} }
