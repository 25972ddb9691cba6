package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// behind is a replica whose cursor another connection has moved.
type behind struct {
	shelf
	hello  int64
	cursor int64
	view   string
	broken int
}

func (b *behind) Hello() (se.Hello, error) {
	return se.Hello{Device: "d", Epoch: 1, Cursor: b.hello}, nil
}
func (b *behind) Seen() (Seen, error) { return Seen{Epoch: 1, Cursor: b.cursor, View: b.view}, nil }
func (b *behind) Broken() error       { b.broken++; return nil }
func (b *behind) Salvage() error      { return nil }

// Two connections of one device: one has brought it to seq 112, the other a snapshot of a new view that was read at 111.
// Applied, it would take the cursor back, and with it what the device wrote itself (P10).
func TestSnapshotReadBeforeWhatIsHere(t *testing.T) {
	last := &Delta{se.Delta{View: "new", Reset: true, Done: true, To: se.Base{Epoch: 1, Seq: 111}}}
	open := func(b *behind) *Device {
		d := NewDevice(b)
		_, err := d.Start("", "")
		require.NoError(t, err)
		_, err = d.Receive(&Welcome{se.Welcome{Epoch: 1, View: "new", Reset: true, Head: 111, Limits: se.DefaultLimits}})
		require.NoError(t, err)
		return d
	}
	b := &behind{hello: 100, cursor: 112}
	_, err := open(b).Receive(last)
	var closed *Closed
	require.ErrorAs(t, err, &closed)
	require.Equal(t, NoticeGap, closed.Code)
	require.Equal(t, 1, b.broken, "what is staged is forgotten")

	for name, b := range map[string]*behind{
		"nobody was faster":              {hello: 100, cursor: 100},
		"the snapshot is in already":     {hello: 100, cursor: 112, view: "new"},
		"a cursor that the centre never": {hello: 5000, cursor: 5000},
	} {
		_, err := open(b).Receive(last)
		require.NoError(t, err, name)
		require.Zero(t, b.broken, name)
	}
}
