//go:build prove

package net

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// county is a centre and its phones, all of them processes.
type county struct {
	t      testing.TB
	schema *schema.Schema
	dir    string
	centre *centre
	phones []*phone
}

func newCounty(t testing.TB) *county {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	c := &county{t: t, schema: s, dir: t.TempDir()}
	c.centre = &centre{t: t, dir: filepath.Join(c.dir, "centre")}
	t.Cleanup(c.dismiss)
	return c
}

func (c *county) replica(who int) string {
	return filepath.Join(c.dir, fmt.Sprintf("replica-%d.db", who))
}

// dismiss ends all processes.
func (c *county) dismiss() {
	for _, p := range c.phones {
		if p.Child != nil {
			p.Kill()
		}
	}
	if c.centre.Child != nil {
		c.centre.Kill()
	}
}

// until waits for something that all processes together bring about, none of which may end. The error says how far it came.
func (c *county) until(patience time.Duration, so func() (ok bool, why string)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if err := c.alive(); err != nil {
			return err
		}
		ok, why := so()
		switch {
		case ok:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("not within %v: %s", patience, why)
		}
	}
}

// alive takes over what was said, and wants everybody to run.
func (c *county) alive() error {
	for _, p := range c.phones {
		p.listen()
		if p.Gone() {
			return fmt.Errorf("phone %d ended by itself: %s", p.who, p.Errors())
		}
	}
	if c.centre.Gone() {
		return fmt.Errorf("the centre ended by itself: %s", c.centre.Errors())
	}
	return nil
}

// everyone waits until each phone has so many verdicts more.
func (c *county) everyone(patience time.Duration, more int64) error {
	from := map[int]int64{}
	for _, p := range c.phones {
		p.listen()
		from[p.who] = p.acked
	}
	return c.until(patience, func() (bool, string) {
		for _, p := range c.phones {
			if p.acked < from[p.who]+more {
				return false, fmt.Sprintf("phone %d has %d verdicts more", p.who, p.acked-from[p.who])
			}
		}
		return true, ""
	})
}

// rest lets everybody stop writing and waits until everything has come everywhere.
func (c *county) rest(patience time.Duration) error {
	replicas := map[int]workload.Querier{}
	for _, p := range c.phones {
		p.Tell("rest")
		replicas[p.who] = c.open(p.file)
	}
	county := c.open(c.centre.file())
	return c.until(patience, func() (bool, string) {
		var head int64
		if err := county.One(`SELECT seq FROM county`, &head); err != nil {
			return false, err.Error()
		}
		for _, p := range c.phones {
			var last, acked, cursor, outbox, pending int64
			err := replicas[p.who].One(`SELECT s.last_n, s.acked, c.cursor, (SELECT count(*) FROM ds_outbox), (SELECT count(*) FROM ds_pending)
				FROM ds_control c JOIN ds_state s ON s.k = c.k`, &last, &acked, &cursor, &outbox, &pending)
			if err != nil || last != acked || cursor != head || outbox+pending != 0 || last < p.wrote || p.acked < last {
				return false, fmt.Sprintf("phone %d: %v, n %d with verdicts to %d, cursor %d of %d, %d in the outbox, %d pending; it promised %d and %d",
					p.who, err, last, acked, cursor, head, outbox, pending, p.wrote, p.acked)
			}
		}
		return true, ""
	})
}

// open reads a database beside whoever writes it.
func (c *county) open(file string) workload.Querier {
	c.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+file+"?mode=ro&_query_only=1&_busy_timeout=5000")
	require.NoError(c.t, err)
	db.SetMaxOpenConns(1)
	c.t.Cleanup(func() { _ = db.Close() })
	return db.QueryContext
}

// names gives the number of each device.
func (c *county) names() map[string]int {
	names := map[string]int{}
	for who := range len(c.phones) + 1 {
		var id string
		require.NoError(c.t, c.open(c.replica(who)).One(`SELECT device FROM ds_control`, &id))
		names[id] = who
	}
	return names
}

// check holds all databases against the promises and against each other, once everything has come everywhere.
func (c *county) check() (faults workload.Faults, took int) {
	db := c.open(c.centre.file())
	verdicts, faults := workload.Verdicts(db, c.names())
	faults.Add(workload.History(db))
	applied := workload.Effective(verdicts)
	faults.Add(shows(db, "rec_", applied))
	want, err := workload.Dump(db, c.schema, "rec_")
	if err != nil {
		faults.Otherwise("dump the centre: %v", err)
	}
	for _, p := range c.phones {
		p.listen()
		q := c.open(p.file)
		for n := int64(1); n <= p.wrote; n++ {
			if m := (workload.Mark{Who: p.who, N: n}); !applied[m] {
				faults.Lost = append(faults.Lost, fmt.Sprintf("%s: the phone said that it is written, and the centre never heard of it", m.Token()))
			}
		}
		faults.Add(filed(q, p, verdicts))
		faults.Add(shows(q, "", applied))
		dump, err := workload.Dump(q, c.schema, "")
		if err != nil || !maps.Equal(dump, want) {
			faults.Otherwise("phone %d holds %v %v, and the centre %v", p.who, dump, err, want)
		}
	}
	return faults, len(applied)
}

// filed holds what a replica says of its changesets against the centre's verdicts and against what the phone promised.
func filed(q workload.Querier, p *phone, verdicts map[workload.Mark]workload.Verdict) (faults workload.Faults) {
	got, err := workload.ReadReplica(q)
	if err != nil {
		faults.Otherwise("phone %d: %v", p.who, err)
		return faults
	}
	faults.Add(got.Check(p.who, verdicts))
	for n := int64(1); n <= p.acked; n++ {
		if _, ok := got.Journal[n]; !ok {
			faults.Lost = append(faults.Lost, fmt.Sprintf("the verdict on %s", workload.Mark{Who: p.who, N: n}.Token()))
		}
		if _, ok := verdicts[workload.Mark{Who: p.who, N: n}]; !ok {
			faults.Lost = append(faults.Lost, fmt.Sprintf("%s: the phone has its verdict, and the centre has not", workload.Mark{Who: p.who, N: n}.Token()))
		}
	}
	return faults
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
