//go:build prove

package hostile

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// bomb is something that a device, a page or an administrator's program does to the centre.
type bomb struct {
	name  string
	throw func(c *county)
}

// boundless is a planted bug: there is no bound for the long messages of all together.
var boundless = overlay.Edit{File: "server/gateway/gateway.go", From: "o.MaxIncoming = or(o.MaxIncoming, 32<<20)", To: "o.MaxIncoming = or(o.MaxIncoming, 32<<30)"}

// TestBombsOnARunningCentre throws bombs at a running centre, one kind after another. Each is answered where the protocol
// has a place for it, by its own close code or status and a sentence; the centre lives, its memory stays within bounds, a
// healthy worker's changesets are judged meanwhile, and files and goroutines are given back. One centre more has a planted
// bug: this proof is worth something if it sees the memory that one takes.
func TestBombsOnARunningCentre(t *testing.T) {
	c := open(t, 13, 20_000)
	var err error
	c.second, err = c.out.Writer(t.Context(), c.process.URL, c.others[12], 2)
	require.NoError(t, err)
	defer c.second.Close()
	c.others = c.others[:12]
	alone := c.beside(func() { c.pause(3 * time.Second) })
	c.forgetPeak() // of the start
	before, base := c.taking(), c.process.Peak()
	small := c.endure(slices.Concat(framed(), crowding(), requests()), base)
	large := c.endure(append(c.imports(), long()...), base)
	require.LessOrEqual(t, small.growth, mostGrowth)
	require.LessOrEqual(t, large.growth, mostForLong)
	t.Logf("a healthy device's verdicts without bombs: %v", alone)
	c.givesBack(before)

	planted := open(t, 12, 0, boundless)
	planted.forgetPeak()
	bug := planted.endure(long()[2:], planted.process.Peak())
	require.Greater(t, bug.growth, mostForLong, "the bug was not seen")
	figures.Of(t, figures.Bombs, small.bombs+large.bombs)
	figures.Of(t, figures.BombGrowth, small.growth)
	figures.Of(t, figures.LongGrowth, large.growth)
	figures.Of(t, figures.BombVerdict, int(max(small.longest, large.longest).Milliseconds()))
}

// endured is what bombs cost: MiB of memory at most, and the longest wait for a verdict.
type endured struct {
	bombs, growth int
	longest       time.Duration
}

func (c *county) endure(list []bomb, base int) (e endured) {
	c.t.Helper()
	for _, b := range list {
		c.forgetPeak()
		began := c.out.Now()
		c.asked, c.answered = 0, 0
		took := c.beside(func() { b.throw(c) })
		require.True(c.t, c.asked == 0 || c.answered > 0, "%s: every request was cut off", b.name)
		growth := max(c.process.Peak()-base, 0)
		c.t.Logf("%-46s %6v, %3d MiB more, verdicts %v", b.name, c.out.Now().Sub(began).Round(10*time.Millisecond), growth, took)
		e = endured{e.bombs + 1, max(e.growth, growth), max(e.longest, took.longest())}
	}
	return e
}

// forgetPeak has the kernel count the process's most memory from now on.
func (c *county) forgetPeak() {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.process.Pid()), []byte("5"), 0))
}

// zeros gives as many as one likes.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// deflated are 256 MiB of zeros.
func deflated() []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = io.CopyN(w, zeros{}, 256<<20)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // into memory
	}
	return b.Bytes()
}

// framed are bombs in frames: of devices in step, three at once, each answered with a close code.
func framed() (list []bomb) {
	packed, over := deflated(), wire.CloseTooLarge
	for _, x := range []struct {
		name, protocol string
		bytes          []byte
		fill           int64 // zeros behind it, as long as they are taken
		code           int
		told           bool // by a Notice; where a frame itself is wrong there is none
	}{
		{"256 MiB deflated, marked as compressed", wire.SubprotocolBinary, wsframe.Masked(0xc2, len(packed), packed), 0, wire.CloseProtocol, false},
		{"256 MiB deflated, not marked", wire.SubprotocolBinary, wsframe.Masked(0x82, len(packed), packed), 0, wire.CloseMalformed, true},
		{"1 GB announced", wire.SubprotocolBinary, wsframe.Masked(0x82, 1<<30, nil), 64 << 20, over, false},
		{"1 GB in parts", wire.SubprotocolBinary, append(wsframe.Masked(0x02, 100, make([]byte, 100)), wsframe.Masked(0x00, 1<<30, nil)...), 64 << 20, over, false},
		{"10,000 deep", wire.SubprotocolJSON, wsframe.Masked(0x81, 50_000, []byte(strings.Repeat("[[[[[", 10_000))), 0, wire.CloseMalformed, true},
		{"10,000 deep in push", wire.SubprotocolJSON, wsframe.Masked(0x81, 80_000, []byte(strings.Repeat(`{"push":`, 10_000))), 0, wire.CloseMalformed, true},
		{"five million values in a cell", wire.SubprotocolBinary, valued(5_000_000), 0, 0, true},
	} {
		list = append(list, bomb{x.name, func(c *county) {
			c.together(3, x.name, x.protocol, x.bytes, x.fill, x.code, x.told)
		}})
	}
	return list
}

// together has devices throw a bomb at once. Somebody is told why, all are rid of their connections.
func (c *county) together(devices int, name, protocol string, b []byte, fill int64, code int, told bool) {
	c.t.Helper()
	var all sync.WaitGroup
	var heard atomic.Int32
	for i := range devices {
		ws := c.inStep(&c.others[i], protocol)
		all.Go(func() {
			if _, err := ws.NetConn().Write(b); err == nil && fill > 0 {
				_, _ = io.CopyN(ws.NetConn(), zeros{}, fill) // it is cut off, which is the point
			}
		})
		all.Go(func() {
			if c.ends(ws, name, code, told) {
				heard.Add(1)
			}
		})
	}
	all.Wait()
	require.Positive(c.t, heard.Load(), "%s: nobody was told why", name)
}

// valued is a Push whose one cell has so many values of two bytes: on the wire small, in memory large.
func valued(n int) []byte {
	b := bytes.Repeat([]byte{0x1a, 0x00}, n)
	for _, tag := range []byte{0x2a, 0x62, 0x0a, 0x1a} { // cells, changes, changesets, push
		length, k := make([]byte, 0, 10), len(b)
		for ; k >= 0x80; k >>= 7 {
			length = append(length, byte(k)|0x80)
		}
		b = slices.Concat([]byte{tag}, length, []byte{byte(k)}, b)
	}
	return wsframe.Masked(0x82, len(b), b)
}

// ends waits for the centre to end a connection, and looks at its sentence and its code, 0 = any. It is false where the
// connection was cut off while it still sent: the goodbye may be lost with that.
func (c *county) ends(ws *websocket.Conn, what string, code int, told bool) bool {
	_ = ws.SetReadDeadline(c.out.Now().Add(30 * time.Second))
	var last *session.Notice
	for {
		m, err := hear(ws)
		if n, ok := m.(*session.Notice); ok && n.Close {
			last = n
		}
		if err == nil {
			continue
		}
		var closed *websocket.CloseError
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			c.t.Errorf("%s: not ended: %v", what, err)
		case !errors.As(err, &closed):
			return false
		case code != 0 && closed.Code != code:
			c.t.Errorf("%s: closed with %d, not %d: %s", what, closed.Code, code, closed.Text)
		case told && (last == nil || len(last.Text) < 10):
			c.t.Errorf("%s: closed without a sentence: %+v", what, last)
		}
		return true
	}
}

// ask sends a request, and wants a status and an answer in words.
func (c *county) ask(method, path, token string, header http.Header, length int64, body io.Reader, statuses ...int) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.process.URL+path, body)
	require.NoError(c.t, err)
	req.Close = true
	if body != nil {
		req.ContentLength = length
	}
	req.Header = http.Header{"Content-Type": {"application/json"}}
	for k, v := range header {
		req.Header[k] = v
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	c.asked++
	resp, err := http.DefaultClient.Do(req)
	if err != nil { // it was cut off while it still sent, and the answer with that
		require.NotEqual(c.t, int64(0), length, "%s: %v", path, err)
		require.True(c.t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "server closed"), "%s: %v", path, err)
		return
	}
	c.answered++
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	require.NoError(c.t, err)
	require.Contains(c.t, statuses, resp.StatusCode, "%s: %s", path, text)
	require.Greater(c.t, len(text), 10, "%s: an answer in words", path)
}
