//go:build prove

package powercut

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// storeFile is where the store asks SQLite for a flush at every commit, and makes sure of it.
const storeFile = "server/store/open.go"

func storeWith(setting string, number int) []edit {
	return []edit{
		{storeFile, "_sync=FULL", "_sync=" + setting},
		{storeFile, "synchronous != 2", fmt.Sprintf("synchronous != %d", number)},
	}
}

// TestCentre cuts the power of a centre that commits changesets of many devices.
func TestCentre(t *testing.T) { none(t, series(t, centreProof(t), buildWriter(t), 50, 1)) }

// TestCentreWithoutFlushes shows that TestCentre sees what a missing flush does.
func TestCentreWithoutFlushes(t *testing.T) {
	for number, setting := range []string{"OFF", "NORMAL"} {
		t.Run(setting, func(t *testing.T) {
			some(t, series(t, centreProof(t), buildWriter(t, storeWith(setting, number)...), 8, 2))
		})
	}
}

// centreProof checks a store.
func centreProof(t *testing.T) proof {
	s, err := load.Default()
	require.NoError(t, err)
	return proof{
		args: func(dir, _ string, seed uint64) []string {
			return []string{"centre", dir, strconv.FormatUint(seed, 10)}
		},
		check: func(dir, _ string, lines []string) (f workload.Faults, n tally) {
			file := filepath.Join(dir, "centre.db")
			if _, err := os.Stat(file); err != nil {
				return opened(err, lines), n
			}
			st, err := store.Open(file, s)
			if err != nil {
				return opened(err, lines), n
			}
			f, n = checkStore(st, s, lines)
			if err := st.Close(); err != nil {
				f.Otherwise("close: %v", err)
			}
			return f, n
		},
	}
}

// promise is one "ack" line of a writer.
type promise struct {
	who       int
	n         int64
	kind, seq int64
	hash      string
}

func promises(lines []string) (out []promise, err error) {
	for _, line := range lines {
		var p promise
		if _, err := fmt.Sscanf(line, "ack %d %d %d %d %s", &p.who, &p.n, &p.kind, &p.seq, &p.hash); err != nil {
			return nil, fmt.Errorf("the writer said %q: %w", line, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// checkStore holds a store against the promises, and its parts against each other.
func checkStore(st *store.Store, s *schema.Schema, lines []string) (f workload.Faults, n tally) {
	list, err := promises(lines)
	if err != nil {
		f.Otherwise("%v", err)
	}
	var q workload.Querier = st.Reader().QueryContext
	if err := q.Integrity(); err != nil {
		f.Otherwise("integrity_check: %v", err)
	}
	byHash := map[string]promise{}
	for _, p := range list {
		byHash[p.hash] = p
	}
	applied := map[workload.Mark]bool{}
	for who := range devicesOf(q, &f) {
		checkVerdicts(q, &f, who, applied, byHash)
	}
	for _, p := range byHash {
		f.Lost = append(f.Lost, fmt.Sprintf("the verdict on changeset %d of device %d, seq %d", p.n, p.who, p.seq))
	}
	slices.Sort(f.Lost)
	got, err := workload.Read(q, "rec_")
	if err != nil {
		f.Otherwise("%v", err)
		return f, n
	}
	f.Add(got.Check(applied))
	checkHistory(q, &f, applied)
	if err := st.View(func(tx se.ReadTx) error { return checkRows(tx, s, &f) }); err != nil {
		f.Otherwise("read rows: %v", err)
	}
	checkGoesOn(st, s, &f, applied)
	return f, tally{changesets: len(applied)}
}

// devicesOf numbers the devices that the store has heard.
func devicesOf(q workload.Querier, f *workload.Faults) map[int]bool {
	known := map[int]bool{}
	names := map[string]int{}
	for who := range 100 {
		names[workload.Device(who)] = who
	}
	if err := q.Each(func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		who, ok := names[id]
		if !ok {
			f.Otherwise("a device nobody knows: %s", id)
		}
		known[who] = true
		return err
	}, "SELECT id FROM sync_device UNION SELECT device FROM verdict"); err != nil {
		f.Otherwise("%v", err)
	}
	return known
}

// checkVerdicts wants a verdict for each n up to the device's last, once, and strikes out the promises kept.
func checkVerdicts(q workload.Querier, f *workload.Faults, who int, applied map[workload.Mark]bool, open map[string]promise) {
	var last, want int64
	if err := q.One(`SELECT coalesce(max(last_n), 0) FROM sync_device WHERE id = '`+workload.Device(who)+`'`, &last); err != nil {
		f.Otherwise("%v", err)
	}
	err := q.Each(func(r *sql.Rows) error {
		var p promise
		p.who = who
		if err := r.Scan(&p.n, &p.kind, &p.seq, &p.hash); err != nil {
			return err
		}
		if want++; p.n != want {
			f.Otherwise("device %d: verdict %d where %d was to come", who, p.n, want)
			want = p.n
		}
		if se.VerdictKind(p.kind).Effective() {
			applied[workload.Mark{Who: who, N: p.n}] = true
		} else {
			f.Otherwise("device %d: verdict %d is %s", who, p.n, se.VerdictKind(p.kind))
		}
		if told, ok := open[p.hash]; ok {
			if told != p {
				f.Otherwise("the verdict was %+v and is now %+v", told, p)
			}
			delete(open, p.hash)
		}
		return nil
	}, `SELECT n, kind, seq, lower(hex(hash)) FROM verdict WHERE device = '`+workload.Device(who)+`' ORDER BY n`)
	if err != nil {
		f.Otherwise("%v", err)
	}
	if want != last {
		f.Torn = append(f.Torn, fmt.Sprintf("device %d is at n %d and its verdicts end at %d", who, last, want))
	}
}

// checkHistory wants one entry for each seq up to the head, chained, each with a verdict of that seq.
func checkHistory(q workload.Querier, f *workload.Faults, applied map[workload.Mark]bool) {
	var seq int64
	var head []byte
	if err := q.One("SELECT seq, history FROM county", &seq, &head); err != nil {
		f.Otherwise("%v", err)
		return
	}
	entries, prev := int64(0), make([]byte, 32)
	err := q.Each(func(r *sql.Rows) error {
		var at int64
		var before, hash []byte
		var verdict sql.NullInt64
		if err := r.Scan(&at, &before, &hash, &verdict); err != nil {
			return err
		}
		if entries++; at != entries || string(before) != string(prev) || verdict.Int64 != at {
			return fmt.Errorf("entry %d of history says it is %d, of a verdict with seq %v, or its chain is broken", entries, at, verdict)
		}
		prev = slices.Clone(hash)
		return nil
	}, `SELECT h.seq, h.prev, h.hash, v.seq FROM history h LEFT JOIN verdict v ON v.county = h.county AND v.device = h.device AND v.n = h.n ORDER BY h.seq`)
	if err != nil {
		f.Torn = append(f.Torn, err.Error())
	}
	if entries != seq || string(prev) != string(head) || int64(len(applied)) != seq {
		f.Torn = append(f.Torn, fmt.Sprintf("the head is at %d, history ends at %d, %d verdicts took effect", seq, entries, len(applied)))
	}
}

// checkRows reads every row with its versions, as the engine does, and wants nothing in it to be after the head.
func checkRows(tx se.ReadTx, s *schema.Schema, f *workload.Faults) error {
	head, err := tx.Head()
	if err != nil {
		return err
	}
	at := se.Position{}
	for {
		items, err := tx.Changed(workload.Scope, at, 1000)
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
func checkGoesOn(st *store.Store, s *schema.Schema, f *workload.Faults, applied map[workload.Mark]bool) {
	if !applied[workload.Mark{Who: workload.Desk, N: 1}] {
		return // the power went before the first changeset
	}
	engine := se.New(s, se.DefaultLimits)
	now := func() int64 { return time.Now().UnixMilli() }
	if err := workload.Enrol(st, 1); err != nil {
		f.Otherwise("write the directory: %v", err)
		return
	}
	a, err := workload.NewAuthor(st, engine, 1, now)
	if err != nil {
		f.Otherwise("%v", err)
		return
	}
	cs := a.Next(1)[0]
	for range 2 { // the second time it is known
		r := engine.Commit(st, []se.Submission{{Changeset: cs, Contact: a.Contact(), Now: now()}})[0]
		if r.Err != nil || !r.Verdict.Kind.Effective() {
			f.Otherwise("the next changeset after the cut: %+v", r)
			return
		}
	}
	var count int64
	var q workload.Querier = st.Reader().QueryContext
	err = q.One(fmt.Sprintf("SELECT count(*) FROM history WHERE device = '%s' AND n = %d", cs.Device, cs.N), &count)
	if err = errors.Join(err, q.Integrity()); err != nil || count != 1 {
		f.Otherwise("the next changeset after the cut took effect %d times: %v", count, err)
	}
}
