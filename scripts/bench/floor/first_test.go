package floor

import (
	"io"
	"os"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// BenchmarkFirstSyncFile is W1 at its quickest: a file that is ready is shipped, put on the device's disk, opened and
// counted.
func BenchmarkFirstSyncFile(b *testing.B) {
	plain, err := os.ReadFile(grid(b))
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
		require.Equal(b, firstSync, count(b, db))
		require.NoError(b, db.Close())
		require.NoError(b, os.Remove(path))
	}
	b.ReportMetric(float64(len(packed)), "wire-B")
}

// BenchmarkFirstSyncRows is W1 with rows: batches of 500 that the device writes in one transaction, and moves out of its
// log.
func BenchmarkFirstSyncRows(b *testing.B) {
	const batch = 500
	list := record.Generate(1, firstSync)
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	require.NoError(b, err)
	bytes := 0
	url := serve(b, func(ws *websocket.Conn) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
			bytes = 0
			for at := 0; at < len(list); at += batch {
				var plain []byte
				for i := range list[at : at+batch] {
					plain = record.Append(plain, &list[at+i])
				}
				packed := writer.EncodeAll(plain, nil)
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
	for b.Loop() {
		path := file()
		db := open(b, path, record.Table)
		require.NoError(b, ws.WriteMessage(websocket.BinaryMessage, nil))
		writing(b, db, func(write func(*record.Record) error) {
			for range firstSync / batch {
				_, packed, err := ws.ReadMessage()
				require.NoError(b, err)
				plain, err := reader.DecodeAll(packed, nil)
				require.NoError(b, err)
				require.NoError(b, record.Each(plain, write))
			}
		})
		checkpoint(b, db)
		require.NoError(b, db.Close())
		require.NoError(b, os.Remove(path))
	}
	b.ReportMetric(float64(bytes), "wire-B")
}
