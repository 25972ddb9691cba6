package floor

import (
	"database/sql"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/own"
)

func countOwn(t testing.TB, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT count(*) FROM "+own.Table).Scan(&n))
	return n
}

// BenchmarkFirstSyncFileOwn is W1 at its quickest in our own schema: a replica that is ready is shipped, put on the device's
// disk, opened and counted.
func BenchmarkFirstSyncFileOwn(b *testing.B) {
	plain, err := os.ReadFile(replica(b, ownRecords(1, firstSync)))
	require.NoError(b, err)
	writer, err := zstd.NewWriter(nil)
	require.NoError(b, err)
	packed := writer.EncodeAll(plain, nil)
	url := serve(b, func(ws *websocket.Conn) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil || ws.WriteMessage(websocket.BinaryMessage, packed) != nil {
				return
			}
		}
	})
	ws, file := dial(b, url), files(b)
	reader, err := zstd.NewReader(nil)
	require.NoError(b, err)
	defer reader.Close()
	for b.Loop() {
		path := file()
		require.NoError(b, ws.WriteMessage(websocket.BinaryMessage, nil))
		_, m, err := ws.NextReader()
		require.NoError(b, err)
		require.NoError(b, reader.Reset(m))
		flushed(b, path, func(f *os.File) {
			_, err := io.Copy(f, reader)
			require.NoError(b, err)
		})
		db := open(b, path)
		require.Equal(b, firstSync, countOwn(b, db))
		require.NoError(b, db.Close())
		require.NoError(b, os.Remove(path))
	}
	b.ReportMetric(float64(len(packed)), "wire-B")
	b.ReportMetric(float64(len(plain)), "file-B")
}

// BenchmarkFirstSyncRowsOwn is W1 with rows in our own schema: batches by column that a device which was enrolled before writes
// into the tables that it has, in one transaction, in order of their ids, and moves out of its log. Its wire-B is the floor
// of bytes.
func BenchmarkFirstSyncRowsOwn(b *testing.B) {
	const batch = 2000
	list := ownRecords(1, firstSync)
	slices.SortFunc(list, func(x, y own.Stored) int {
		a, z := own.Row(&x.Record), own.Row(&y.Record)
		return slices.Compare(a[:], z[:])
	})
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(b, err)
	bytes := 0
	url := serve(b, func(ws *websocket.Conn) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
			bytes = 0
			for part := range slices.Chunk(list, batch) {
				packed := writer.EncodeAll(own.Pack(part), nil)
				bytes += len(packed)
				if ws.WriteMessage(websocket.BinaryMessage, packed) != nil {
					return
				}
			}
		}
	})
	ws, file := dial(b, url), files(b)
	reader, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	require.NoError(b, err)
	defer reader.Close()
	enrolled := replica(b, nil)
	for b.Loop() {
		b.StopTimer()
		path := file()
		copied(b, enrolled, path)
		db := open(b, path)
		b.StartTimer()
		require.NoError(b, ws.WriteMessage(websocket.BinaryMessage, nil))
		quietly(b, db, func(tx *sql.Tx) {
			insert, err := tx.Prepare(insertOwn)
			require.NoError(b, err)
			for range firstSync / batch {
				_, packed, err := ws.ReadMessage()
				require.NoError(b, err)
				plain, err := reader.DecodeAll(packed, nil)
				require.NoError(b, err)
				part, err := own.Unpack(plain)
				require.NoError(b, err)
				for i := range part {
					_, err := insert.Exec(part[i].All()...)
					require.NoError(b, err)
				}
			}
			require.NoError(b, insert.Close()) //nolint:sqlclosecheck // before the triggers come back
		})
		checkpoint(b, db)
		require.Equal(b, firstSync, countOwn(b, db))
		b.StopTimer()
		require.NoError(b, db.Close())
		require.NoError(b, os.Remove(path))
		b.StartTimer()
	}
	b.ReportMetric(float64(bytes), "wire-B")
}
