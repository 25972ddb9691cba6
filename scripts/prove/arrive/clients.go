package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

type taken struct{ rows, bytes, chunks int }

// link is a light client: the real protocol, and no replica.
type link struct {
	ws  *websocket.Conn
	got taken
}

func (k *county) dial(ctx context.Context, url string, m member) (*link, error) {
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		ws, resp, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1)+"/v1/sync", http.Header{
			"Authorization": {"Bearer " + m.token}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary},
		})
		if err == nil {
			return &link{ws: ws}, nil
		}
		if resp != nil {
			_ = resp.Body.Close()
		}
		if resp == nil || resp.StatusCode != http.StatusServiceUnavailable || wait > 10*time.Second {
			return nil, err
		}
		time.Sleep(wait)
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
	_ = l.ws.SetReadDeadline(time.Now().Add(10 * time.Minute))
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
	defer l.ws.Close()
	err = l.step(k.devices[i], &l.got)
	return l.got, err
}

// step says Hello and takes everything up to the end of the first step.
func (l *link) step(m member, got *taken) error {
	hello := se.Hello{Device: m.device, App: "arrive", Schema: 1, Wall: time.Now().UnixMilli(), Unpacks: []string{se.Deflate}}
	if err := l.say(&session.Hello{Hello: hello}); err != nil {
		return err
	}
	manifests := map[string]*session.Manifest{}
	for frames := int64(0); ; {
		x, err := l.hear()
		if err != nil {
			return err
		}
		switch x := x.(type) {
		case *session.Manifest:
			manifests[x.ID] = x
		case *session.Delta:
			frames++
			got.rows += len(x.Items)
			if x.Packed != nil {
				of := manifests[x.Snapshot]
				if of == nil || x.Chunk > len(of.Chunks) || of.Chunks[x.Chunk-1].Hash != se.Hash(sha256.Sum256(x.Packed)) {
					return errors.New("a chunk is not what its manifest says")
				}
				got.chunks++
				got.rows += of.Chunks[x.Chunk-1].Rows
			}
			if err := l.say(&session.Seen{Frames: frames, Epoch: x.To.Epoch, Cursor: x.To.Seq, View: x.View}); err != nil || x.Done {
				return err
			}
		}
	}
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

type result struct {
	times []time.Duration
	err   error
}

// push is the bystander: a small changeset every 50 ms, and how long its verdict took.
func (k *county) push(ctx context.Context, url string, stop <-chan struct{}) (r result) {
	m := k.devices[len(k.devices)-1]
	l, err := k.dial(ctx, url, m)
	if err != nil {
		return result{err: err}
	}
	defer l.ws.Close()
	if err := l.say(&session.Hello{Hello: se.Hello{Device: m.device, App: "bystander", Schema: 1, Wall: time.Now().UnixMilli()}}); err != nil {
		return result{err: err}
	}
	var prev se.Hash
	for n := int64(1); ; n++ {
		if n == 1 {
			for greeted := false; !greeted; { // its own snapshot is not waited for
				x, err := l.hear()
				if err != nil {
					return result{r.times, err}
				}
				_, greeted = x.(*session.Welcome)
			}
		}
		cs := &se.Changeset{Device: m.device, N: n, Prev: prev, Author: m.account, Schema: 1, Wall: time.Now().UnixMilli()}
		cs.Changes = []se.Change{hazard(m.grid, 0xfff, int(n))}
		prev = cs.Hash()
		began := time.Now()
		if err := l.say(&session.Push{Changesets: []*se.Changeset{cs}}); err != nil {
			return result{r.times, err}
		}
		for judged := false; !judged; {
			x, err := l.hear()
			if err != nil {
				return result{r.times, err}
			}
			if v, ok := x.(*session.Verdicts); ok {
				judged = true
				if v.Verdicts[0].Kind != se.Accepted {
					return result{r.times, fmt.Errorf("verdict %v", v.Verdicts[0].Kind)}
				}
			}
		}
		r.times = append(r.times, time.Since(began))
		select {
		case <-stop:
			return r
		case <-time.After(50 * time.Millisecond):
		}
	}
}
