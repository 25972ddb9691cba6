//go:build prove

package powercut

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// replicaFile is where the SDK asks SQLite for a flush at every commit, and makes sure of it.
const replicaFile = "clients/device/open.go"

func replicaWith(setting string, number int) []edit {
	return []edit{
		{replicaFile, `q.Set("_sync", "FULL")`, `q.Set("_sync", "` + setting + `")`},
		{replicaFile, `{"synchronous", "2"}`, fmt.Sprintf(`{"synchronous", "%d"}`, number)},
	}
}

// TestDevice cuts the power of a device that writes, files verdicts and applies deltas.
func TestDevice(t *testing.T) { none(t, series(t, deviceProof(t), buildWriter(t), 50, 3)) }

// TestDeviceWithoutFlushes shows that TestDevice sees what a missing flush does.
func TestDeviceWithoutFlushes(t *testing.T) {
	for number, setting := range []string{"OFF", "NORMAL"} {
		t.Run(setting, func(t *testing.T) {
			some(t, series(t, deviceProof(t), buildWriter(t, replicaWith(setting, number)...), 8, 4))
		})
	}
}

// self is the writer's phone.
const self = 1

func deviceProof(t *testing.T) proof {
	s, err := load.Default()
	require.NoError(t, err)
	return proof{
		args: func(dir, beside string, seed uint64) []string {
			return []string{"device", dir, strconv.FormatUint(seed, 10), beside}
		},
		check: func(dir, beside string, lines []string) (f workload.Faults, n tally) {
			r, err := device.Open(filepath.Join(dir, "replica.db"), device.Options{Schema: s})
			if code := device.CodeOf(err); len(lines) == 0 && (code == device.CodeMissingFile || code == device.CodeNotReplica) {
				return f, n // the power went before the replica was made
			}
			if err != nil {
				return opened(err, lines), n
			}
			county, err := store.Open(filepath.Join(beside, "centre.db"), s)
			if err != nil {
				return opened(err, lines), n
			}
			f, n = checkReplica(r, county, s, lines)
			if err := errors.Join(r.Close(), county.Close()); err != nil {
				f.Otherwise("close: %v", err)
			}
			return f, n
		},
	}
}

// replicaState is what the engine's tables of a replica say.
type replicaState struct {
	device       string
	lastN        int64
	cursor       int64
	outbox       map[int64]bool
	journal      map[int64]filed
	applying     bool
	pending, cap int64
}

type filed struct {
	kind, seq int64
	hash      string
}

func readReplica(q workload.Querier) (s replicaState, err error) {
	s.outbox, s.journal = map[int64]bool{}, map[int64]filed{}
	return s, errors.Join(
		q.One(`SELECT coalesce(c.device, ''), c.cursor, s.last_n, c.applying, (SELECT count(*) FROM ds_pending), (SELECT count(*) FROM ds_capture)
			FROM ds_control c JOIN ds_state s ON s.k = c.k`, &s.device, &s.cursor, &s.lastN, &s.applying, &s.pending, &s.cap),
		q.Each(func(r *sql.Rows) error {
			var n int64
			err := r.Scan(&n)
			s.outbox[n] = true
			return err
		}, `SELECT n FROM ds_outbox`),
		q.Each(func(r *sql.Rows) error {
			var n int64
			var v filed
			err := r.Scan(&n, &v.kind, &v.seq, &v.hash)
			s.journal[n] = v
			return err
		}, `SELECT n, kind, seq, lower(hex(hash)) FROM ds_journal`))
}

// checkReplica holds a replica against the promises and against the county it was in step with.
func checkReplica(r *device.Replica, county *store.Store, s *schema.Schema, lines []string) (f workload.Faults, n tally) {
	var q workload.Querier = r.Query
	if err := q.Integrity(); err != nil {
		f.Otherwise("integrity_check: %v", err)
	}
	got, err := readReplica(q)
	if err != nil {
		f.Otherwise("%v", err)
		return f, n
	}
	checkPromises(&f, got, lines)
	applied, verdicts, err := history(county.Reader().QueryContext, got.cursor)
	if err != nil {
		f.Otherwise("read the county: %v", err)
		return f, n
	}
	for n := int64(1); n <= got.lastN; n++ {
		v, done := got.journal[n]
		if done == got.outbox[n] {
			f.Torn = append(f.Torn, fmt.Sprintf("changeset %d has a verdict: %v, and waits for one: %v", n, done, got.outbox[n]))
		}
		if done && v != verdicts[n] {
			f.Otherwise("the verdict on changeset %d is %+v here and %+v at the centre", n, v, verdicts[n])
		}
		applied[workload.Mark{Who: self, N: n}] = true // its rows show, decided or pending
	}
	if int64(len(got.outbox)+len(got.journal)) != got.lastN || got.applying || got.cap != 0 {
		f.Torn = append(f.Torn, fmt.Sprintf("%+v", got))
	}
	for n := range verdicts {
		if n > got.lastN {
			f.Lost = append(f.Lost, fmt.Sprintf("changeset %d, which the centre has", n))
		}
	}
	compare(&f, q, applied)
	if got.device != "" && len(f.Lost) == 0 {
		goOn(&f, r, county, s)
	}
	return f, tally{changesets: len(applied)}
}

func checkPromises(f *workload.Faults, got replicaState, lines []string) {
	for _, line := range lines {
		var word string
		var n, kind int64
		if _, err := fmt.Sscanf(line, "%s %d", &word, &n); err != nil {
			f.Otherwise("the writer said %q", line)
		}
		kept := true
		switch word {
		case "known":
			kept = got.device == workload.Device(self)
		case "wrote":
			kept = n <= got.lastN
		case "filed":
			_, err := fmt.Sscanf(line, "filed %d %d", &n, &kind)
			kept = err == nil && got.journal[n].kind == kind
		case "at":
			kept = n <= got.cursor
		default:
			kept = false
		}
		if !kept {
			f.Lost = append(f.Lost, fmt.Sprintf("%q (last n %d, cursor %d)", line, got.lastN, got.cursor))
		}
	}
}

// history gives what took effect in the county up to a seq, and all verdicts on the phone's changesets.
func history(q workload.Querier, upTo int64) (map[workload.Mark]bool, map[int64]filed, error) {
	names := map[string]int{}
	for who := range 10 {
		names[workload.Device(who)] = who
	}
	applied, verdicts := map[workload.Mark]bool{}, map[int64]filed{}
	return applied, verdicts, q.Each(func(r *sql.Rows) error {
		var id string
		var n int64
		var v filed
		if err := r.Scan(&id, &n, &v.kind, &v.seq, &v.hash); err != nil {
			return err
		}
		who, ok := names[id]
		if !ok {
			return fmt.Errorf("a device nobody knows: %s", id)
		}
		if v.seq <= upTo {
			applied[workload.Mark{Who: who, N: n}] = true
		}
		if who == self {
			verdicts[n] = v
		}
		return nil
	}, `SELECT device, n, kind, seq, lower(hex(hash)) FROM verdict`)
}

func compare(f *workload.Faults, q workload.Querier, applied map[workload.Mark]bool) {
	shows, err := workload.Read(q, "")
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	f.Add(shows.Check(applied))
}

// goOn brings the replica in step with the county and writes once more: both must then show everything.
func goOn(f *workload.Faults, r *device.Replica, county *store.Store, s *schema.Schema) {
	engine := se.New(s, se.DefaultLimits)
	l, err := workload.NewLink(r, county, engine, func() int64 { return time.Now().UnixMilli() }, nil)
	if err == nil && workloadThere(r) {
		if _, err = workload.Write(context.Background(), r, self); err == nil {
			err = errors.Join(l.Sealed(), l.Bell())
		}
	}
	if err != nil {
		f.Otherwise("go on after the cut: %v", err)
		return
	}
	got, err := readReplica(r.Query)
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	applied, verdicts, err := history(county.Reader().QueryContext, 1<<62)
	if err != nil {
		f.Otherwise("read the county: %v", err)
		return
	}
	if len(got.outbox) > 0 || got.pending > 0 || int64(len(verdicts)) != got.lastN || got.cursor != int64(len(applied)) {
		f.Otherwise("in step after the cut, and %+v with %d verdicts at the centre", got, len(verdicts))
	}
	compare(f, r.Query, applied)
	shows, err := workload.Read(county.Reader().QueryContext, "rec_")
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	f.Add(shows.Check(applied))
}

// workloadThere tells whether the shared rows have come.
func workloadThere(r *device.Replica) bool {
	_, err := r.Get(context.Background(), "wish", workload.Wish)
	return err == nil
}
