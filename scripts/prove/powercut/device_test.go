//go:build prove

package powercut

import (
	"context"
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
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// replicaFile is where the SDK asks SQLite for a flush at every commit, and makes sure of it.
const replicaFile = "clients/device/open.go"

func replicaWith(setting string, number int) []overlay.Edit {
	return []overlay.Edit{
		{File: replicaFile, From: `q.Set("_sync", "FULL")`, To: `q.Set("_sync", "` + setting + `")`},
		{File: replicaFile, From: `{"synchronous", "2"}`, To: fmt.Sprintf(`{"synchronous", "%d"}`, number)},
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

// checkReplica holds a replica against the promises and against the county it was in step with.
func checkReplica(r *device.Replica, county *store.Store, s *schema.Schema, lines []string) (f workload.Faults, n tally) {
	var q workload.Querier = r.Query
	if err := q.Integrity(); err != nil {
		f.Otherwise("integrity_check: %v", err)
	}
	got, err := workload.ReadReplica(q)
	if err != nil {
		f.Otherwise("%v", err)
		return f, n
	}
	checkPromises(&f, got, lines)
	applied, verdicts, faults := history(county.Reader().QueryContext, got.Cursor)
	f.Add(faults)
	f.Add(got.Check(self, verdicts))
	for n := range got.LastN {
		applied[workload.Mark{Who: self, N: n + 1}] = true // its rows show, decided or pending
	}
	compare(&f, q, applied)
	if got.Device != "" && len(f.Lost) == 0 {
		goOn(&f, r, county, s)
	}
	return f, tally{changesets: len(applied)}
}

func checkPromises(f *workload.Faults, got workload.Replica, lines []string) {
	for _, line := range lines {
		var word string
		var n, kind int64
		if _, err := fmt.Sscanf(line, "%s %d", &word, &n); err != nil {
			f.Otherwise("the writer said %q", line)
		}
		kept := true
		switch word {
		case "known":
			kept = got.Device == workload.Device(self)
		case "wrote":
			kept = n <= got.LastN
		case "filed":
			_, err := fmt.Sscanf(line, "filed %d %d", &n, &kind)
			kept = err == nil && got.Journal[n].Kind == kind
		case "at":
			kept = n <= got.Cursor
		default:
			kept = false
		}
		if !kept {
			f.Lost = append(f.Lost, fmt.Sprintf("%q (last n %d, cursor %d)", line, got.LastN, got.Cursor))
		}
	}
}

// history gives what took effect in the county up to a seq, and all verdicts.
func history(q workload.Querier, upTo int64) (map[workload.Mark]bool, map[workload.Mark]workload.Verdict, workload.Faults) {
	verdicts, f := workload.Verdicts(q, workload.Names(10))
	applied := workload.Effective(verdicts)
	for m, v := range verdicts {
		if v.Seq > upTo {
			delete(applied, m)
		}
	}
	return applied, verdicts, f
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
	got, err := workload.ReadReplica(r.Query)
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	applied, verdicts, faults := history(county.Reader().QueryContext, 1<<62)
	f.Add(faults)
	f.Add(got.Check(self, verdicts))
	if len(got.Outbox) > 0 || got.Pending > 0 || got.Cursor != int64(len(applied)) {
		f.Otherwise("in step after the cut, and cursor %d of %d, %d in the outbox, %d pending", got.Cursor, len(applied), len(got.Outbox), got.Pending)
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
