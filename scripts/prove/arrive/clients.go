package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

type taken struct{ rows, bytes, chunks int }

// link is a light client: the real protocol, and no replica. It is cut when its context ends.
type link struct {
	ws  *websocket.Conn
	cut func() bool
	now func() time.Time

	welcome *session.Welcome
	frames  int64 // seen
	got     taken
}

// dial opens a link. Whoever finds no room stays away for what the centre says and a random part of as much again, like
// every device.
func (k *county) dial(ctx context.Context, url string, m member) (*link, error) {
	for {
		ws, resp, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1)+"/v1/sync", http.Header{
			"Authorization": {"Bearer " + m.token}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary},
		})
		if err == nil {
			return &link{ws: ws, now: k.now, cut: context.AfterFunc(ctx, func() { _ = ws.Close() })}, nil
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
		if err := pause(ctx, away+k.random(away+1)); err != nil {
			return nil, err
		}
	}
}

func (l *link) close() {
	l.cut()
	_ = l.ws.Close()
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *link) say(m session.Message) error {
	b, err := wire.Marshal(m, wire.Binary)
	if err != nil {
		return err
	}
	return l.ws.WriteMessage(websocket.BinaryMessage, b)
}

func (l *link) hear() (session.Message, error) {
	_ = l.ws.SetReadDeadline(l.now().Add(10 * time.Minute))
	_, b, err := l.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	l.got.bytes += len(b)
	m, err := wire.Unmarshal(b, wire.Binary, se.DefaultLimits)
	if n, ok := m.(*session.Notice); ok && n.Close {
		return nil, fmt.Errorf("closed: %s: %s", n.Code, n.Text)
	}
	return m, err
}

// visit takes a whole snapshot, checks every hash and counts.
func (k *county) visit(ctx context.Context, url string, i int) (taken, error) {
	l, err := k.dial(ctx, url, k.devices[i])
	if err != nil {
		return taken{}, err
	}
	defer l.close()
	err = l.step(k.devices[i])
	return l.got, err
}

// step says Hello and takes everything up to the end of the first step.
func (l *link) step(m member) error {
	hello := se.Hello{Device: m.Device, App: "arrive", Schema: 1, Wall: l.now().UnixMilli(), Unpacks: []string{se.Deflate}}
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
			l.welcome = x
		case *session.Manifest:
			manifests[x.ID] = x
		case *session.Delta:
			l.got.rows += len(x.Items)
			if x.Packed != nil {
				of := manifests[x.Snapshot]
				if of == nil || x.Chunk > len(of.Chunks) || of.Chunks[x.Chunk-1].Hash != se.Hash(sha256.Sum256(x.Packed)) {
					return errors.New("a chunk is not what its manifest says")
				}
				l.got.chunks++
				l.got.rows += of.Chunks[x.Chunk-1].Rows
			}
			if err := l.seen(x); err != nil || x.Done {
				return err
			}
		}
	}
}

// seen says that a frame was taken.
func (l *link) seen(x *session.Delta) error {
	l.frames++
	return l.say(&session.Seen{Frames: l.frames, Epoch: x.To.Epoch, Cursor: x.To.Seq, View: x.View})
}

// replica is a device as people have it: the SDK with its file.
func (k *county) replica(ctx context.Context, url, path string, i int) (got taken, err error) {
	r, err := device.Create(path, device.Options{App: "arrive"})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if _, err = r.Enrol(ctx, device.Enrolment{Centre: url, Code: k.codes[i], Label: "replica"}); err != nil {
		return got, err
	}
	tokens, err := r.KeyTokens(ctx, nil)
	if err != nil {
		return got, err
	}
	way, err := device.WebSocket(url, tokens, device.WebSocketOptions{})
	if err != nil {
		return got, err
	}
	report, err := r.Sync(ctx, way)
	if err != nil {
		return got, err
	}
	var rows int
	if err := r.QueryRow(ctx, `SELECT count(*) FROM hazard`).Scan(&rows); err != nil {
		return got, err
	}
	return taken{rows: rows, bytes: int(report.In)}, nil
}
