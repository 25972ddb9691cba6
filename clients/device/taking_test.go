package device_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// script is a centre that says what it is given to say, whatever it hears.
type script struct {
	says chan session.Message
	over chan struct{}
	once sync.Once
}

func newScript() *script { return &script{says: make(chan session.Message), over: make(chan struct{})} }

func (s *script) Dial(context.Context) (device.Conn, error) { return s, nil }
func (s *script) Send(session.Message) error                { return nil }
func (s *script) Close() error                              { s.once.Do(func() { close(s.over) }); return nil }
func (s *script) Receive() (session.Message, error) {
	select {
	case m := <-s.says:
		return m, nil
	case <-s.over:
		return nil, errors.New("closed")
	}
}

// snapshotOf packs rows into a snapshot, one in each chunk.
func snapshotOf(t *testing.T, rows ...se.RowID) (*session.Manifest, []*session.Delta) {
	m := &session.Manifest{Manifest: se.Manifest{ID: "s1", Scope: grid, Encoding: se.Deflate, Seq: 20}}
	var deltas []*session.Delta
	at := se.Position{}
	for i, id := range rows {
		packed, size, err := wire.Deflated{}.Pack([]se.DeltaItem{{Seq: int64(11 + i), Kind: se.DeltaRow, Table: "building", Row: id, Whole: true, Cells: []se.CellValue{
			{Cell: "scope", Values: []schema.Value{schema.Text(grid)}}, {Cell: "no", Values: []schema.Value{schema.Text("1")}},
		}}})
		require.NoError(t, err)
		m.Chunks = append(m.Chunks, se.ChunkSum{Hash: sha256.Sum256(packed), Bytes: len(packed), Size: size, Rows: 1})
		m.Rows, m.Bytes = m.Rows+1, m.Bytes+len(packed)
		after := se.Position{Seq: int64(11 + i), Key: string(id)}
		deltas = append(deltas, &session.Delta{Delta: se.Delta{View: viewA, Reset: true, Scope: grid, Snapshot: "s1", Chunk: i + 1, Packed: packed, Start: at, After: after, Read: 20}})
		at = after
	}
	last := deltas[len(deltas)-1]
	last.Done, last.To = true, se.Base{Epoch: 1, Seq: 20}
	last.Scopes = []se.StagedScope{{Scope: grid, After: last.After}}
	return m, deltas
}

// While one program takes a snapshot, another one that has the same replica open can tell how far it has come, and the
// one that takes it knows that it waits for its turn. What was taken is told after a cut too, and no more when all is in.
func TestHowFarASnapshotHasComeIsSeenFromElsewhere(t *testing.T) {
	r, err := device.Create(filepath.Join(t.TempDir(), "replica.db"), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Identify(bg, device.Identity{Device: deviceA, Account: account}))
	other, err := device.Open(r.Path(), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer other.Close()
	elsewhere := func() session.Taken {
		s, err := other.Status(bg)
		require.NoError(t, err)
		return s.Staged
	}
	m, chunks := snapshotOf(t, "01941f29-7c00-7000-8000-000000000001", "01941f29-7c00-7000-8000-000000000002", "01941f29-7c00-7000-8000-000000000003")
	welcome := &session.Welcome{Welcome: se.Welcome{Epoch: 1, Head: 20, View: viewA, Reset: true, Grants: grants(), Limits: se.DefaultLimits}}
	begin := func(c *script) (told chan device.Progress, done chan error) {
		told, done = make(chan device.Progress), make(chan error, 1)
		go func() {
			ctx, end := timeout()
			defer end()
			_, err := r.SyncTelling(ctx, c, func(p device.Progress) { told <- p })
			close(told)
			done <- err
		}()
		return told, done
	}
	c := newScript()
	told, done := begin(c)
	says := func(m session.Message) device.Progress {
		await.Put(t, c.says, m, "what the centre says")
		return await.Value(t, told, "how far it has come")
	}
	require.False(t, says(welcome).Queued)
	require.True(t, says(&session.Notice{Code: session.NoticeBusy, Text: "later"}).Queued)
	require.Zero(t, elsewhere())
	says(m)
	p := says(chunks[0])
	require.False(t, p.Queued)
	want := session.Taken{Rows: 1, AllRows: 3, Bytes: m.Chunks[0].Bytes, AllBytes: m.Bytes}
	require.Equal(t, want, p.Staged)
	require.Equal(t, want, elsewhere())
	require.NoError(t, c.Close()) // the link is cut
	for range told {
	}
	require.Error(t, await.Value(t, done, "the sync to end"))
	require.Equal(t, want, elsewhere())

	c = newScript()
	told, done = begin(c)
	says(welcome)
	says(m)
	says(chunks[1])
	require.Equal(t, 2, elsewhere().Rows)
	go func() { c.says <- chunks[2] }()
	for range told {
	}
	require.NoError(t, await.Value(t, done, "the sync to end"))
	require.Zero(t, elsewhere(), "all of it is shown")
	var n int
	require.NoError(t, other.QueryRow(bg, `SELECT count(*) FROM building`).Scan(&n))
	require.Equal(t, 3, n)
}
