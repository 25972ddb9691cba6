package floor

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// conflicting is how many records both devices of W5 edited.
const conflicting = 1000

// BenchmarkConflicts is W5: two devices edited the same 1,000 records, all of them in one column, or half of them in
// another. Both hand in their edits in one message; the centre reads, merges and writes 2,000 times, with version and log;
// each device pulls what became of the records and writes it. Who lost is kept nowhere.
func BenchmarkConflicts(b *testing.B) {
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	require.NoError(b, err)
	reader, err := zstd.NewReader(nil)
	require.NoError(b, err)
	defer reader.Close()
	list := record.Generate(5, conflicting)
	waiting, news := make(chan pushed, 2), make(chan []byte)
	url := serve(b, func(ws *websocket.Conn) {
		for {
			_, m, err := ws.ReadMessage()
			if err != nil {
				return
			}
			waiting <- pushed{packed: m}
			if ws.WriteMessage(websocket.BinaryMessage, <-news) != nil {
				return
			}
		}
	})
	lines := [2]*websocket.Conn{dial(b, url), dial(b, url)}
	file := files(b)
	commits := 0
	for b.Loop() {
		b.StopTimer()
		c := newCentre(b, file())
		seed(b, c.db, list, true)
		var replicas [2]*sql.DB
		var mine [2][]record.Record
		for d := range replicas {
			replicas[d], mine[d] = open(b, file(), record.Table), edits(list, d)
			seed(b, replicas[d], list, false)
		}
		b.StartTimer()
		var both sync.WaitGroup
		var errs [2]error
		for d, ws := range lines {
			both.Go(func() {
				var plain []byte
				for k := range mine[d] {
					plain = record.Append(plain, &mine[d][k])
				}
				err1 := ws.WriteMessage(websocket.BinaryMessage, writer.EncodeAll(plain, nil))
				_, packed, err2 := ws.ReadMessage()
				plain, err3 := reader.DecodeAll(packed, nil)
				errs[d] = errors.Join(err1, err2, err3, pull(replicas[d], plain))
			})
		}
		for left := len(lines); left > 0; commits++ {
			group := [][]byte{(<-waiting).packed}
			if left == 2 && len(waiting) > 0 {
				group = append(group, (<-waiting).packed)
			}
			for i, packed := range group {
				group[i], err = reader.DecodeAll(packed, nil)
				require.NoError(b, err)
			}
			c.mergeCells(group...)
			left -= len(group)
		}
		packed := writer.EncodeAll(c.changed(), nil)
		for range lines {
			news <- packed
		}
		both.Wait()
		b.StopTimer()
		require.NoError(b, errors.Join(errs[:]...))
		want := merged(list, mine)
		for _, db := range []*sql.DB{c.db, replicas[0], replicas[1]} {
			require.Equal(b, want, cells(b, db))
			require.NoError(b, db.Close())
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(commits)/float64(b.N), "commits/op")
	rate(b, conflicting, "records")
}

// merged is what the records have to be afterwards: the second device wrote last.
func merged(list []record.Record, mine [2][]record.Record) map[[16]byte][2]string {
	out := map[[16]byte][2]string{}
	for i, r := range list {
		for _, by := range mine {
			if by[i].Door != "" {
				r.Door = by[i].Door
			}
			if by[i].Note != "" {
				r.Note = by[i].Note
			}
		}
		out[r.ID] = [2]string{r.Door, r.Note}
	}
	return out
}

// edits are what a device wrote: records with nothing but their id, the time and the column that was edited.
func edits(list []record.Record, device int) []record.Record {
	out := make([]record.Record, len(list))
	for i, r := range list {
		out[i] = record.Record{ID: r.ID, Updated: r.Updated + int64(1+device)}
		switch {
		case device == 0:
			out[i].Note = r.Note + "甲"
		case i < len(list)/2:
			out[i].Door = r.Door + "乙"
		default:
			out[i].Note = r.Note + "乙"
		}
	}
	return out
}

// seed puts records into a database, with their versions where it is the centre's.
func seed(t testing.TB, db *sql.DB, list []record.Record, versions bool) {
	t.Helper()
	writing(t, db, func(write func(*record.Record) error) {
		for i := range list {
			require.NoError(t, write(&list[i]))
		}
	})
	if versions {
		_, err := db.Exec("INSERT INTO version SELECT id, zeroblob(16) FROM measured")
		require.NoError(t, err)
	}
}

// mergeCells takes edits of devices in one transaction: of two edits of a column the later one stands.
func (c *centre) mergeCells(edits ...[]byte) {
	within(c.t, c.db, func(tx *sql.Tx) {
		var statements [4]*sql.Stmt
		for i, text := range []string{
			"SELECT door, note, version FROM measured JOIN version USING (id) WHERE id = ?", "UPDATE measured SET door = ?, note = ? WHERE id = ?",
			"UPDATE version SET version = ? WHERE id = ?", "INSERT INTO log VALUES (?, ?, 0)",
		} {
			s, err := tx.Prepare(text)
			require.NoError(c.t, err)
			defer s.Close()
			statements[i] = s
		}
		require.NoError(c.t, record.Each(slices.Concat(edits...), func(r *record.Record) error {
			var door, note string
			var version []byte
			if err := statements[0].QueryRow(r.ID[:]).Scan(&door, &note, &version); err != nil {
				return err
			}
			for i, cell := range []struct {
				now   *string
				wrote string
			}{{&door, r.Door}, {&note, r.Note}} {
				if at := version[8*i:]; cell.wrote != "" && uint64(r.Updated) > binary.BigEndian.Uint64(at) {
					*cell.now = cell.wrote
					binary.BigEndian.PutUint64(at, uint64(r.Updated))
				}
			}
			c.seq++
			for i, args := range [][]any{{door, note, r.ID[:]}, {version, r.ID[:]}, {c.seq, r.ID[:]}} {
				if _, err := statements[1+i].Exec(args...); err != nil {
					return err
				}
			}
			return nil
		}))
	})
}

// changed is what became of the records that were edited, as a batch.
func (c *centre) changed() (plain []byte) {
	rows, err := c.db.Query("SELECT id, door, note FROM measured WHERE id IN (SELECT id FROM log)")
	require.NoError(c.t, err)
	defer rows.Close()
	var r record.Record
	var id []byte
	for rows.Next() {
		require.NoError(c.t, rows.Scan(&id, &r.Door, &r.Note))
		copy(r.ID[:], id)
		plain = record.Append(plain, &r)
	}
	require.NoError(c.t, rows.Err())
	return plain
}

// pull writes what the centre gave, in one transaction.
func pull(db *sql.DB, plain []byte) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	s, err := tx.Prepare("UPDATE measured SET door = ?, note = ? WHERE id = ?") //nolint:sqlclosecheck // closed below
	if err != nil {
		return err
	}
	defer s.Close()
	err = record.Each(plain, func(r *record.Record) error {
		_, err := s.Exec(r.Door, r.Note, r.ID[:])
		return err
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

// cells are the two columns of all records.
func cells(t testing.TB, db *sql.DB) map[[16]byte][2]string {
	t.Helper()
	rows, err := db.Query("SELECT id, door, note FROM measured")
	require.NoError(t, err)
	defer rows.Close()
	out := map[[16]byte][2]string{}
	var id []byte
	var both [2]string
	for rows.Next() {
		require.NoError(t, rows.Scan(&id, &both[0], &both[1]))
		out[[16]byte(id)] = both
	}
	require.NoError(t, rows.Err())
	return out
}
