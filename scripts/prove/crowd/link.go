package crowd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Taken is what came over a link.
type Taken struct{ Rows, Bytes, Chunks int }

// Link is a light client: the real protocol, and no replica. It is cut when its context ends.
type Link struct {
	Welcome *session.Welcome // since Step
	Got     Taken

	ws     *websocket.Conn
	cut    func() bool
	now    func() time.Time
	frames int64 // seen
	cursor cursor
}

// cursor is what a device says that it has, with the centre's own proof of it.
type cursor struct {
	to           se.Base
	view         string
	history, mac se.Hash
}

// Dial opens a link for a member who has a token. Whoever finds no room stays away for what the centre says and a random part of as much again, like
// every device.
func (o Outside) Dial(ctx context.Context, url string, m Member) (*Link, error) {
	for {
		ws, resp, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1)+"/v1/sync", http.Header{
			"Authorization": {"Bearer " + m.token}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary},
		})
		if err == nil {
			return &Link{ws: ws, now: o.Now, cut: context.AfterFunc(ctx, func() { _ = ws.Close() })}, nil
		}
		if resp == nil {
			return nil, err
		}
		_ = resp.Body.Close()
		after, bad := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != http.StatusServiceUnavailable || bad != nil {
			return nil, err
		}
		away := time.Duration(after) * time.Second
		if err := Pause(ctx, away+o.Random(away+1)); err != nil {
			return nil, err
		}
	}
}

// Close ends the link.
func (l *Link) Close() {
	l.cut()
	_ = l.ws.Close()
}

// Pause waits, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Link) say(m session.Message) error {
	b, err := wire.Marshal(m, wire.Binary)
	if err != nil {
		return err
	}
	return l.ws.WriteMessage(websocket.BinaryMessage, b)
}

func (l *Link) hear() (session.Message, error) {
	_ = l.ws.SetReadDeadline(l.now().Add(10 * time.Minute))
	_, b, err := l.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	l.Got.Bytes += len(b)
	return l.read(b)
}

func (l *Link) read(b []byte) (session.Message, error) {
	m, err := wire.Unmarshal(b, wire.Binary, se.DefaultLimits)
	if n, ok := m.(*session.Notice); ok && n.Close {
		return nil, fmt.Errorf("closed: %s: %s", n.Code, n.Text)
	}
	return m, err
}

// Step says Hello and takes everything up to the end of the first step. A link that goes on from a cursor waits for the
// Welcome alone: what is new comes before the verdicts of what it hands in.
func (l *Link) Step(m Member) error {
	hello := se.Hello{Device: m.Device, App: "crowd", Schema: 1, Wall: l.now().UnixMilli(), Unpacks: []string{se.Deflate}}
	at := l.cursor
	hello.Epoch, hello.Cursor, hello.View, hello.History, hello.MAC = at.to.Epoch, at.to.Seq, at.view, at.history, at.mac
	if err := l.say(&session.Hello{Hello: hello}); err != nil {
		return err
	}
	manifests := map[string]*session.Manifest{}
	for {
		x, err := l.hear()
		if err != nil {
			return err
		}
		switch x := x.(type) {
		case *session.Welcome:
			l.Welcome = x
			if at.to.Epoch != 0 && !x.Reset {
				return nil
			}
		case *session.Manifest:
			manifests[x.ID] = x
		case *session.Delta:
			l.Got.Rows += len(x.Items)
			if x.Packed != nil {
				of := manifests[x.Snapshot]
				if of == nil || x.Chunk > len(of.Chunks) || of.Chunks[x.Chunk-1].Hash != se.Hash(sha256.Sum256(x.Packed)) {
					return errors.New("a chunk is not what its manifest says")
				}
				l.Got.Chunks++
				l.Got.Rows += of.Chunks[x.Chunk-1].Rows
			}
			if err := l.seen(x); err != nil || x.Done {
				return err
			}
		}
	}
}

// Listen takes what comes after Step until the link is cut, and says of each frame that it was seen; rows is told how many it
// brought. The error is never nil.
func (l *Link) Listen(rows func(int)) error {
	if err := l.ws.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	var m bytes.Buffer
	for {
		_, r, err := l.ws.NextReader()
		if err != nil {
			return err
		}
		m.Reset()
		if _, err := m.ReadFrom(r); err != nil {
			return err
		}
		g, ok := glance(m.Bytes())
		if !ok {
			if g, ok, err = l.look(m.Bytes()); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		rows(g.rows)
		l.frames++
		if err := l.ws.WriteMessage(websocket.BinaryMessage, seenBytes(l.frames, g)); err != nil {
			return err
		}
	}
}

// look reads what a glance does not understand; ok is false for what is no frame.
func (l *Link) look(b []byte) (g glanced, ok bool, err error) {
	m, err := l.read(b)
	d, ok := m.(*session.Delta)
	if !ok || err != nil {
		return g, false, err
	}
	return glanced{len(d.Items), d.To, d.View}, true, nil
}

// seen says that a frame was taken.
func (l *Link) seen(x *session.Delta) error {
	l.frames++
	if x.Done {
		l.cursor = cursor{x.To, x.View, x.History, x.MAC}
	}
	return l.say(&session.Seen{Frames: l.frames, Epoch: x.To.Epoch, Cursor: x.To.Seq, View: x.View})
}
