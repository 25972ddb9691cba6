package floor

import (
	"os"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// BenchmarkBacklogOne is W2: one device hands in 5,000 records, until it knows that they are on the centre's disk.
func BenchmarkBacklogOne(b *testing.B) { backlog(b, 1, 5000, plainCentre) }

// BenchmarkBacklogMany is W2: a hundred devices hand in 50 records each at once. What has come while a transaction ran goes
// into the next.
func BenchmarkBacklogMany(b *testing.B) { backlog(b, 100, 50, plainCentre) }

// merging is a centre that takes batches of devices in one transaction. What merge returns from is on the disk.
type merging interface {
	merge(batches ...[]byte)
	records() int
	end()
}

func plainCentre(t testing.TB, path string) merging { return newCentre(t, path) }

// pushed is a batch that waits for the centre.
type pushed struct {
	packed []byte
	done   chan struct{}
}

func backlog(b *testing.B, devices, each int, centre func(testing.TB, string) merging) {
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	require.NoError(b, err)
	reader, err := zstd.NewReader(nil)
	require.NoError(b, err)
	defer reader.Close()
	list := record.Generate(2, devices*each)
	waiting := make(chan pushed, devices)
	url := serve(b, func(ws *websocket.Conn) {
		for {
			_, m, err := ws.ReadMessage()
			if err != nil {
				return
			}
			p := pushed{m, make(chan struct{})}
			waiting <- p
			<-p.done
			if ws.WriteMessage(websocket.BinaryMessage, []byte{1}) != nil {
				return
			}
		}
	})
	lines := make([]*websocket.Conn, devices)
	for i := range lines {
		lines[i] = dial(b, url)
	}
	file := files(b)
	commits := 0
	for b.Loop() {
		b.StopTimer()
		path := file()
		c := centre(b, path)
		b.StartTimer()
		var all sync.WaitGroup
		for d, ws := range lines {
			all.Go(func() {
				var plain []byte
				for k := range each {
					plain = record.Append(plain, &list[d*each+k])
				}
				if ws.WriteMessage(websocket.BinaryMessage, writer.EncodeAll(plain, nil)) == nil {
					_, _, _ = ws.ReadMessage()
				}
			})
		}
		for left := devices; left > 0; {
			group := []pushed{<-waiting}
			for more := true; more; {
				select {
				case p := <-waiting:
					group = append(group, p)
				default:
					more = false
				}
			}
			batches := make([][]byte, len(group))
			for k, p := range group {
				batches[k], err = reader.DecodeAll(p.packed, nil)
				require.NoError(b, err)
			}
			c.merge(batches...)
			commits++
			for _, p := range group {
				close(p.done)
			}
			left -= len(group)
		}
		all.Wait()
		b.StopTimer()
		require.Equal(b, devices*each, c.records())
		c.end()
		require.NoError(b, os.Remove(path))
		b.StartTimer()
	}
	b.ReportMetric(float64(commits)/float64(b.N), "commits/op")
	rate(b, devices*each, "records")
}
