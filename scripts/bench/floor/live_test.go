package floor

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/own"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// everySo is the pace of W3: twenty writes a second.
const everySo = 50 * time.Millisecond

// BenchmarkLive is W3: a device writes a record, the centre merges it, another device writes it; three commits, each on its
// disk. Its time for each is that from before the first commit until after the last, at twenty a second.
func BenchmarkLive(b *testing.B) {
	dir := b.TempDir()
	phone := func(name string) *sql.DB { return open(b, filepath.Join(dir, name), record.Table) }
	live(b, newCentre(b, filepath.Join(dir, "centre.db")), phone("a.db"), phone("b.db"), func(tx *sql.Tx, r *record.Record) error {
		_, err := tx.Exec(record.Upsert, r.Values()...)
		return err
	})
}

// BenchmarkLiveOwn is W3 in the tables of replica and centre, without the replicas' triggers.
func BenchmarkLiveOwn(b *testing.B) {
	dir, enrolled := b.TempDir(), replica(b, nil)
	phone := func(name string) *sql.DB {
		path := filepath.Join(dir, name)
		copied(b, enrolled, path)
		db := open(b, path)
		for _, t := range triggersOf(b, db) {
			_, err := db.Exec(`DROP TRIGGER "` + t.name + `"`)
			require.NoError(b, err)
		}
		return db
	}
	write := strings.Replace(insertOwn, "INSERT", "INSERT OR REPLACE", 1)
	live(b, ownCentres(b, 1)(b, filepath.Join(dir, "centre.db")), phone("a.db"), phone("b.db"), func(tx *sql.Tx, r *record.Record) error {
		s := own.Stored{Record: *r, Scope: ownUnit, Author: ownAccount, Received: r.Updated}
		_, err := tx.Exec(write, s.All()...)
		return err
	})
}

// live is W3 at a centre, from one device to another.
func live(b *testing.B, c merging, writes, reads *sql.DB, write func(*sql.Tx, *record.Record) error) {
	out := make(chan []byte, 1)
	url := serve(b, func(ws *websocket.Conn) {
		_, hello, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if string(hello) == "listens" {
			for m := range out {
				if ws.WriteMessage(websocket.BinaryMessage, m) != nil {
					return
				}
			}
			return
		}
		for {
			_, m, err := ws.ReadMessage()
			if err != nil {
				return
			}
			c.merge(m)
			out <- m
		}
	})
	defer close(out)
	a, z := dial(b, url), dial(b, url)
	require.NoError(b, a.WriteMessage(websocket.BinaryMessage, []byte("writes")))
	require.NoError(b, z.WriteMessage(websocket.BinaryMessage, []byte("listens")))
	put := func(db *sql.DB, r *record.Record) {
		within(b, db, func(tx *sql.Tx) { require.NoError(b, write(tx, r)) })
	}
	list := record.Generate(3, 1000)
	tick := time.NewTicker(everySo)
	defer tick.Stop()
	var took []time.Duration
	for b.Loop() {
		<-tick.C
		began := b.Elapsed()
		r := &list[len(took)%len(list)]
		put(writes, r)
		require.NoError(b, a.WriteMessage(websocket.BinaryMessage, record.Append(nil, r)))
		_, m, err := z.ReadMessage()
		require.NoError(b, err)
		require.NoError(b, record.Each(m, func(r *record.Record) error { put(reads, r); return nil }))
		took = append(took, b.Elapsed()-began)
	}
	slices.Sort(took)
	at := func(percent int) float64 { return float64(took[(len(took)-1)*percent/100].Microseconds()) / 1000 }
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(95), "p95-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(0, "ns/op") // it is the pace
}
