package session

import (
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// shelf is a replica that only takes chunks: the packed bytes are one item's table.
type shelf struct {
	Replica
	staged  []string
	spoiled int
}

func (s *shelf) Hello() (se.Hello, error) {
	h := se.Hello{Device: "d"}
	if s.spoiled < 2 {
		h.Unpacks = []string{se.Deflate}
	}
	return h, nil
}
func (s *shelf) Greet(*se.Welcome) (*se.Drain, error)       { return nil, nil }
func (s *shelf) Retire(se.Retire) error                     { return nil }
func (s *shelf) Purge() (*se.Purged, error)                 { return nil, nil }
func (s *shelf) Outbox(int64, int) ([]*se.Changeset, error) { return nil, nil }
func (s *shelf) Seen() (Seen, error)                        { return Seen{}, nil }
func (s *shelf) Spoiled(string) error                       { s.spoiled++; return nil }
func (s *shelf) Stage(d *se.Delta) (applied bool, err error) {
	for _, it := range d.Items {
		s.staged = append(s.staged, it.Table)
	}
	return d.Done, nil
}
func (s *shelf) Unpack(_ string, packed []byte, size int) ([]se.DeltaItem, error) {
	if len(packed) != size {
		return nil, errors.New("another size")
	}
	return []se.DeltaItem{{Kind: se.DeltaRow, Table: string(packed), Row: "r"}}, nil
}

// A chunk whose bytes are not those of the manifest is not staged, nor even unpacked; the connection says so, what was
// checked before stays, and after the second time the device takes no packed chunks any more.
func TestChunkWithWrongHash(t *testing.T) {
	sum := func(s string) se.ChunkSum {
		return se.ChunkSum{Hash: sha256.Sum256([]byte(s)), Bytes: len(s), Size: len(s), Rows: 1}
	}
	offer := func() *Manifest {
		return &Manifest{se.Manifest{ID: "s1", Scope: "A", Rows: 2, Bytes: 8, Chunks: []se.ChunkSum{sum("home"), sum("door")}}}
	}
	chunk := func(n int, packed string) *Delta {
		return &Delta{se.Delta{View: "v", Reset: true, Scope: "A", Snapshot: "s1", Chunk: n, Packed: []byte(packed)}}
	}
	s := &shelf{}
	open := func() (*Device, *Hello) {
		d := NewDevice(s)
		h, err := d.Start("", "")
		require.NoError(t, err)
		_, err = d.Receive(&Welcome{se.Welcome{View: "v", Reset: true, Limits: se.DefaultLimits}})
		require.NoError(t, err)
		return d, h
	}
	refused := func(d *Device, m Message, code NoticeCode) {
		t.Helper()
		_, err := d.Receive(m)
		var closed *Closed
		require.ErrorAs(t, err, &closed)
		require.Equal(t, code, closed.Code)
		require.True(t, closed.Code.Retry())
	}
	d, h := open()
	require.NotEmpty(t, h.Unpacks)
	refused(d, chunk(1, "home"), NoticeProtocol) // no manifest
	d, _ = open()
	_, err := d.Receive(offer())
	require.NoError(t, err)
	_, err = d.Receive(chunk(1, "home"))
	require.NoError(t, err)
	at, ok := d.Taken(&chunk(1, "").Delta)
	require.True(t, ok)
	require.Equal(t, Taken{Rows: 1, AllRows: 2, Bytes: 4, AllBytes: 8}, at)
	refused(d, chunk(2, "dooR"), NoticeChunk)
	require.Equal(t, []string{"home"}, s.staged)

	d, h = open()
	require.NotEmpty(t, h.Unpacks, "once may be the link")
	refused(d, chunk(2, "door"), NoticeProtocol) // the manifest comes anew on each connection
	d, _ = open()
	_, err = d.Receive(offer())
	require.NoError(t, err)
	refused(d, chunk(3, "door"), NoticeProtocol)
	d, _ = open()
	bomb := offer()
	bomb.Chunks[0].Size = maxChunk + 1
	refused(d, bomb, NoticeProtocol)
	d, _ = open()
	_, err = d.Receive(offer())
	require.NoError(t, err)
	refused(d, chunk(2, "home"), NoticeChunk) // the bytes of another chunk
	require.Equal(t, []string{"home"}, s.staged)
	_, h = open()
	require.Empty(t, h.Unpacks, "twice is no accident")
}
