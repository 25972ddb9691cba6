//go:build prove

package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// crowding are bombs of many small things.
func crowding() []bomb {
	return []bomb{
		{"a million small messages", func(c *county) {
			ws, seen := c.arrive(&c.others[0])
			b, err := wire.Marshal(seen, wire.Binary)
			require.NoError(c.t, err)
			c.flood(ws, wsframe.Masked(0x82, len(b), b), 1_000_000)
		}},
		{"300,000 pings", func(c *county) { c.flood(c.inStep(&c.others[0]), wsframe.Masked(0x89, 0, nil), 300_000) }},
		{"a million fragments of nothing", func(c *county) {
			ws := c.inStep(&c.others[0])
			_, err := ws.NetConn().Write(append(wsframe.Masked(0x02, 1, []byte{0xff}), bytes.Repeat(wsframe.Masked(0x00, 0, nil), 1_000_000)...))
			require.NoError(c.t, err)
			_, err = ws.NetConn().Write(wsframe.Masked(0x80, 0, nil))
			require.NoError(c.t, err)
			c.ends(ws, "fragments", wire.CloseMalformed, true)
		}},
		{"300 sockets of one device", func(c *county) { c.sockets(300) }},
		{"100 snapshots asked for by one device", func(c *county) {
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					for range 50 {
						_ = c.inStep(&c.others[1]).Close()
					}
				})
			}
			all.Wait()
		}},
		{"700 pages without a token", strangers},
	}
}

// long are bombs of the longest messages that a device may send: of them the centre has to take at least one, and takes no
// more at once than there is room for.
func long() []bomb {
	limit := se.DefaultLimits.MaxFrame
	return []bomb{
		{"twelve messages 100 bytes too long", func(c *county) {
			c.together(len(c.others), "too long", wire.SubprotocolBinary, wsframe.Masked(0x82, limit+100, nil), int64(limit)+100, 0, true)
		}},
		{"twelve messages of 47 MiB that are none", func(c *county) {
			c.together(len(c.others), "no message", wire.SubprotocolBinary, wsframe.Masked(0x82, 47<<20, nil), 47<<20, 0, true)
		}},
		{"twelve messages of 47 MiB that stop short", func(c *county) {
			if c.second != nil { // it said nothing during the bombs before, which is as long as this machine makes it
				require.NoError(c.t, c.second.Again(c.t.Context(), c.process.URL))
			}
			var all, said sync.WaitGroup
			over := make(chan struct{})
			said.Add(len(c.others))
			for i := range c.others {
				ws := c.inStep(&c.others[i])
				all.Go(func() {
					defer ws.Close()
					if _, err := ws.NetConn().Write(wsframe.Masked(0x82, 47<<20, nil)); err == nil {
						_ = ws.NetConn().SetWriteDeadline(c.out.Now().Add(3 * time.Second))
						_, _ = io.CopyN(ws.NetConn(), zeros{}, 46<<20) // most of them are not taken
					}
					said.Done()
					<-over
				})
			}
			said.Wait() // all of them are there at once, and silent from now on
			if c.second != nil {
				c.besideSilence()
			}
			close(over)
			all.Wait()
		}},
	}
}

// besideSilence has somebody hand in changesets of more than 1 MiB while the room for the largest is taken.
func (c *county) besideSilence() {
	c.t.Helper()
	require.Positive(c.t, int(c.said()["doorstep_long_messages_waiting"]), "the room for the largest is taken")
	for range 3 {
		began := c.out.Now()
		require.NoError(c.t, c.second.OfferLong(220), "a long message beside silent ones")
		took := c.out.Now().Sub(began)
		c.t.Logf("a changeset of 1.3 MiB beside them is judged after %v", took.Round(time.Millisecond))
		require.Less(c.t, took, heldUp)
		c.pause(4 * time.Second)
	}
	require.Positive(c.t, int(c.said()["doorstep_long_messages_waiting"]), "it still is")
	require.Zero(c.t, int(c.said()["doorstep_long_messages_refused_total"]))
}

// flood sends a device's frames as fast as they are taken, and wants its connection to answer behind them.
func (c *county) flood(ws *websocket.Conn, one []byte, n int) {
	c.t.Helper()
	const portion = 10_000
	many := bytes.Repeat(one, portion)
	read := make(chan struct{})
	go func() { // what comes back has to be taken
		defer close(read)
		for {
			if _, err := hear(ws); err != nil {
				return
			}
		}
	}()
	for range n / portion {
		_, err := ws.NetConn().Write(many)
		require.NoError(c.t, err)
	}
	require.NoError(c.t, ws.WriteMessage(websocket.BinaryMessage, []byte{0xff}))
	<-read // the end of what cannot be read comes behind them
}

// sockets opens many of one device: all but the newest give way, and are told why.
func (c *county) sockets(n int) {
	c.t.Helper()
	var told sync.WaitGroup
	var list []*websocket.Conn
	for i := range n {
		ws := c.dial(&c.others[2], wire.SubprotocolBinary)
		list = append(list, ws)
		if i < n-3 {
			told.Go(func() {
				defer ws.Close()
				c.ends(ws, "an older socket", wire.CloseProtocol, true)
			})
		}
	}
	told.Wait()
	deadline := c.out.Now().Add(20 * time.Second)
	for c.taking().sockets > 1+3 {
		require.True(c.t, c.out.Now().Before(deadline), "more of one device's sockets than it may have: %+v", c.taking())
		c.pause(50 * time.Millisecond)
	}
	for _, ws := range list[n-3:] {
		_ = ws.Close()
	}
}

// strangers open pages' sockets without a token: those beyond the bound are sent away with a time to come back at.
func strangers(c *county) {
	away := 0
	for range 700 {
		ws, resp, err := websocket.DefaultDialer.DialContext(c.t.Context(), "ws://"+c.address()+"/v1/sync", http.Header{
			"Origin": {c.process.URL}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary},
		})
		if err == nil {
			defer ws.Close()
			continue
		}
		require.NotNil(c.t, resp, "%v", err)
		require.Equal(c.t, http.StatusServiceUnavailable, resp.StatusCode)
		require.NotEmpty(c.t, resp.Header.Get("Retry-After"))
		away++
	}
	require.GreaterOrEqual(c.t, away, 200)
}

// requests are bombs in HTTP.
func requests() []bomb {
	header := func(name string, n int) http.Header {
		h := http.Header{}
		for i := range n {
			h.Set(fmt.Sprintf("%s-%d", name, i), strings.Repeat("x", 20))
		}
		return h
	}
	post := func(name, path, body string, header http.Header, statuses ...int) bomb {
		return bomb{name, func(c *county) {
			for range 20 {
				c.ask("POST", path, "", header, int64(len(body)), strings.NewReader(body), statuses...)
			}
		}}
	}
	const challenge = "/v1/token/challenge"
	return []bomb{
		{"a token of a megabyte", func(c *county) {
			for range 20 {
				c.ask("GET", "/v1/sync", strings.Repeat("a.", 1<<19), nil, -1, nil, 431)
			}
		}},
		{"tokens of 30 KB", func(c *county) {
			for range 100 {
				c.ask("GET", "/v1/sync", strings.Repeat("a.", 15<<10), http.Header{
					"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary},
				}, 0, nil, 401)
			}
		}},
		{"a token of 60 KB in Hello", func(c *county) { c.stranger(strings.Repeat("a.", 30<<10), wire.CloseMalformed) }},
		{"a token of 8 KB in Hello", func(c *county) { c.stranger(strings.Repeat("a.", 4<<10), wire.CloseUnauthorised) }},
		{"a Hello of a megabyte before a token is known", func(c *county) { c.stranger(strings.Repeat("a.", 1<<19), wire.CloseTooLarge) }},
		{"10,000 headers", func(c *county) {
			for range 20 {
				c.ask("GET", "/healthz", "", header("X-Flood", 10_000), -1, nil, 431)
			}
		}},
		post("JSON 10,000 objects deep", challenge, strings.Repeat(`{"device":`, 10_000), nil, 400, 413, 422),
		post("JSON 10,000 lists deep", challenge, strings.Repeat(`[`, 10_000), nil, 400, 413, 422),
		post("a body of 8 MiB", challenge, `{"device":"`+strings.Repeat("a", 8<<20)+`"}`, nil, 413),
		post("a body said to be gzip", challenge, "\x1f\x8b\x08\x00\x00", http.Header{"Content-Encoding": {"gzip"}}, 400, 415, 422),
		{"a body without an end", func(c *county) {
			c.ask("POST", challenge, "", nil, -1, io.LimitReader(zeros{}, 256<<20), 400, 413, 422)
		}},
	}
}

// stranger says Hello with a token in it.
func (c *county) stranger(token string, code int) {
	c.t.Helper()
	for range 20 {
		ws := c.dial(nil, wire.SubprotocolBinary)
		c.say(ws, &session.Hello{Hello: se.Hello{Device: c.others[0].Device, Token: token}})
		c.ends(ws, "a stranger's Hello", code, true)
		_ = ws.Close()
	}
}

// imports are files that an administrator's program hands in.
func (c *county) imports() []bomb {
	c.t.Helper()
	body, err := json.Marshal(map[string]string{"code": c.process.Admin, "login": "admin", "name": "管理员", "password": "only for this proof"})
	require.NoError(c.t, err)
	resp, err := http.Post(c.process.URL+"/v1/bootstrap", "application/json", bytes.NewReader(body)) //nolint:noctx // to this machine
	require.NoError(c.t, err)
	defer resp.Body.Close()
	var admin struct{ Token string }
	require.NoError(c.t, json.NewDecoder(resp.Body).Decode(&admin))
	require.NotEmpty(c.t, admin.Token)
	http.DefaultClient.CloseIdleConnections()
	csv := func(name string, text func() string, statuses ...int) bomb {
		return bomb{name, func(c *county) {
			b := text()
			c.ask("POST", "/v1/org/import", admin.Token, http.Header{"Content-Type": {"text/csv"}}, int64(len(b)), strings.NewReader(b), statuses...)
		}}
	}
	const head = "code,name,level,parent\n"
	return []bomb{
		csv("CSV of millions of columns", func() string { return head + strings.Repeat(",", 4<<20) + "\n" }, 200, 400, 413, 422),
		csv("CSV with a quote that has no end", func() string { return head + `"` + strings.Repeat("a,\n", 4<<20) }, 200, 400, 413, 422),
		csv("CSV beyond the limit", func() string { return head + strings.Repeat("x", 32<<20) }, 413),
		csv("CSV of units each below the one before", func() string {
			var b strings.Builder
			b.WriteString(head)
			for i := range 50_000 {
				fmt.Fprintf(&b, "%d,单位,grid,%d\n", 900_000_000+i, 900_000_000+i-1)
			}
			return b.String()
		}, 200, 400, 413, 422),
	}
}
