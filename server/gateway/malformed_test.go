package gateway_test

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// frame is something that no well-made device sends.
type frame struct {
	name   string
	fresh  bool // before Hello
	kind   int  // of the WebSocket message; 0 = the one of the subprotocol
	json   string
	bytes  []byte // binary subprotocol, if json is ""
	raw    []byte // straight onto the connection, past the WebSocket
	close  int
	silent bool   // no Notice comes
	path   string // that the notice names
}

// push is a Push of one changeset with these fields besides the good ones.
func push(fields string) string {
	return `{"push":{"changesets":[{"device":"` + deviceID(1) + `","n":"1","author":"a"` + fields + `}]}}`
}

func change(fields string) string {
	return push(`,"changes":[{"table":"hazard","row":"` + string(rowID(1)) + `","op":"OP_UPDATE"` + fields + `}]`)
}

func cell(fields string) string { return change(`,"cells":[{"cell":"location"` + fields + `}]`) }

func malformed() []frame {
	const bad, wrong, large = wire.CloseMalformed, wire.CloseProtocol, wire.CloseTooLarge
	long := strings.Repeat("x", 256)
	deep := strings.Repeat(`{"push":`, 10_000)
	list := []frame{
		// No envelope.
		{name: "empty text", json: " ", close: bad},
		{name: "no JSON", json: `hello`, close: bad},
		{name: "cut short", json: `{"seen":{"frames":`, close: bad},
		{name: "two values", json: `{"seen":{}}{"seen":{}}`, close: bad},
		{name: "a list", json: `[]`, close: bad},
		{name: "null", json: `null`, close: bad},
		{name: "no message", json: `{}`, close: bad},
		{name: "two kinds", json: `{"seen":{},"push":{}}`, close: bad},
		{name: "twice", json: `{"seen":{"frames":"1","frames":"2"}}`, close: bad},
		{name: "unknown kind", json: `{"snapshot":{}}`, close: bad},
		{name: "broken UTF-8", json: "{\"seen\":{\"view\":\"\xff\"}}", close: bad},
		{name: "lone surrogate", json: `{"seen":{"view":"\ud800"}}`, close: bad},
		{name: "10,000 deep", json: deep, close: bad},
		{name: "10,000 lists deep", json: strings.Repeat("[", 10_000), close: bad},
		{name: "deep in an unknown field", json: `{"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, close: bad},
		{name: "wrong type", json: `{"seen":{"frames":"many"}}`, close: bad},
		{name: "number out of range", json: `{"seen":{"frames":"9223372036854775808"}}`, close: bad},
		{name: "fraction", json: `{"seen":{"frames":1.5}}`, close: bad},
		{name: "object for a number", json: `{"seen":{"frames":{}}}`, close: bad},
		{name: "binary: empty", bytes: []byte{}, close: bad},
		{name: "binary: no protobuf", bytes: []byte{0xff, 0xff, 0xff}, close: bad},
		{name: "binary: cut short", bytes: []byte{0x3a, 0x05, 0x08}, close: bad},
		{name: "binary: length of 4 GB", bytes: []byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}, close: bad},
		{name: "binary: field 0", bytes: []byte{0x02, 0x00}, close: bad},
		{name: "binary: groups, 10,000 deep", bytes: []byte(strings.Repeat("\x33", 10_000)), close: bad},
		{name: "binary: text in it", bytes: []byte(`{"seen":{}}`), close: bad},
		{name: "binary: broken UTF-8", bytes: []byte{0x3a, 0x03, 0x22, 0x01, 0xff}, close: bad},

		// The wrong kind of WebSocket message.
		{name: "binary in JSON", json: `{"seen":{}}`, kind: websocket.BinaryMessage, close: wire.CloseKind},
		{name: "text in binary", bytes: []byte{}, kind: websocket.TextMessage, close: wire.CloseKind},

		// Fields.
		{name: "frames below 0", json: `{"seen":{"frames":"-1"}}`, close: bad, path: "seen.frames"},
		{name: "view too long", json: `{"seen":{"view":"` + long + `"}}`, close: bad, path: "seen.view"},
		{name: "push of nothing", json: `{"push":{}}`, close: bad, path: "push.changesets"},
		{name: "n is 0", json: strings.Replace(push(""), `"n":"1"`, `"n":"0"`, 1), close: bad, path: "push.changesets[0].n"},
		{name: "n below 0", json: strings.Replace(push(""), `"n":"1"`, `"n":"-9223372036854775808"`, 1), close: bad, path: "push.changesets[0].n"},
		{name: "device is no UUID", json: strings.Replace(push(""), deviceID(1), "phone-1", 1), close: bad, path: "push.changesets[0].device"},
		{name: "device in capitals", json: strings.Replace(push(""), deviceID(1), strings.ToUpper(deviceID(1)), 1), close: bad, path: "push.changesets[0].device"},
		{name: "hash of 31 bytes", json: push(`,"prev":"` + base64.StdEncoding.EncodeToString(make([]byte, 31)) + `"`), close: bad, path: "push.changesets[0].prev"},
		{name: "hash of 33 bytes", json: push(`,"prev":"` + base64.StdEncoding.EncodeToString(make([]byte, 33)) + `"`), close: bad, path: "push.changesets[0].prev"},
		{name: "hash is no base64", json: push(`,"prev":"%%%%"`), close: bad},
		{name: "schema below 0", json: push(`,"schema":-1`), close: bad, path: "push.changesets[0].schema"},
		{name: "schema above 32 bits", json: push(`,"schema":4294967296`), close: bad},
		{name: "hlc below 0", json: push(`,"hlc":"-1"`), close: bad},
		{name: "boot too long", json: push(`,"boot":"` + long + `"`), close: bad, path: "push.changesets[0].boot"},
		{name: "author too long", json: strings.Replace(push(""), `"author":"a"`, `"author":"`+long+`"`, 1), close: bad, path: "push.changesets[0].author"},
		{name: "replaces below 0", json: push(`,"replaces":"-1"`), close: bad, path: "push.changesets[0].replaces"},
		{name: "no op", json: strings.Replace(change(""), `"OP_UPDATE"`, `"OP_UNSPECIFIED"`, 1), close: bad, path: "push.changesets[0].changes[0].op"},
		{name: "unknown op", json: strings.Replace(change(""), `"OP_UPDATE"`, `"OP_UPSERT"`, 1), close: bad, path: "push.changesets[0].changes[0].op"},
		{name: "op 99", json: strings.Replace(change(""), `"OP_UPDATE"`, `99`, 1), close: bad, path: "push.changesets[0].changes[0].op"},
		{name: "no table", json: strings.Replace(change(""), `"hazard"`, `""`, 1), close: bad, path: "push.changesets[0].changes[0].table"},
		{name: "table of 10 kB", json: strings.Replace(change(""), "hazard", strings.Repeat("h", 10_000), 1), close: bad, path: "push.changesets[0].changes[0].table"},
		{name: "row is no UUID", json: strings.Replace(change(""), string(rowID(1)), "1; DROP TABLE hazard", 1), close: bad, path: "push.changesets[0].changes[0].row"},
		{name: "row with braces", json: strings.Replace(change(""), string(rowID(1)), "{"+string(rowID(1))+"}", 1), close: bad, path: "push.changesets[0].changes[0].row"},
		{name: "base below 0", json: change(`,"base":{"epoch":"1","seq":"-1"}`), close: bad, path: "push.changesets[0].changes[0].base"},
		{name: "decision in an update", json: change(`,"decide":{"conflict":"1-0","choice":"keep"}`), close: bad, path: "push.changesets[0].changes[0].decide"},
		{name: "decide without decision", json: strings.Replace(change(""), "OP_UPDATE", "OP_DECIDE", 1), close: bad, path: "push.changesets[0].changes[0].decide"},
		{name: "decision without choice", json: strings.Replace(change(`,"decide":{"conflict":"1-0"}`), "OP_UPDATE", "OP_DECIDE", 1), close: bad, path: "push.changesets[0].changes[0].decide.choice"},
		{name: "shown n is 0", json: strings.Replace(change(`,"decide":{"conflict":"1-0","choice":"keep","shown":[{"device":"x"}]}`), "OP_UPDATE", "OP_DECIDE", 1), close: bad, path: "push.changesets[0].changes[0].decide.shown[0].n"},
		{name: "cells in a delete", json: strings.Replace(cell(`,"values":[{"null":true}]`), "OP_UPDATE", "OP_DELETE", 1), close: bad, path: "push.changesets[0].changes[0].cells"},
		{name: "no cell", json: strings.Replace(cell(`,"values":[{"null":true}]`), `"location"`, `""`, 1), close: bad, path: "push.changesets[0].changes[0].cells[0].cell"},
		{name: "no values", json: cell(""), close: bad, path: "push.changesets[0].changes[0].cells[0].values"},
		{name: "values and operation", json: cell(`,"values":[{"null":true}],"operation":{}`), close: bad, path: "push.changesets[0].changes[0].cells[0].operation"},
		{name: "value without kind", json: cell(`,"values":[{}]`), close: bad, path: "push.changesets[0].changes[0].cells[0].values[0]"},
		{name: "value of two kinds", json: cell(`,"values":[{"int":"1","text":"1"}]`), close: bad},
		{name: "null is false", json: cell(`,"values":[{"null":false}]`), close: bad, path: "push.changesets[0].changes[0].cells[0].values[0].null"},
		{name: "NaN", json: cell(`,"values":[{"real":"NaN"}]`), close: bad, path: "push.changesets[0].changes[0].cells[0].values[0].real"},
		{name: "int above 64 bits", json: cell(`,"values":[{"int":"9223372036854775808"}]`), close: bad},
		{name: "blob is no base64", json: cell(`,"values":[{"blob":"$"}]`), close: bad},
		{name: "add without kind", json: cell(`,"operation":{"add":{}}`), close: bad, path: "push.changesets[0].changes[0].cells[0].operation.add"},
		{name: "hello: no device", fresh: true, json: `{"hello":{}}`, close: bad, path: "hello.device"},
		{name: "hello: cursor below 0", fresh: true, json: `{"hello":{"device":"` + deviceID(1) + `","cursor":"-1"}}`, close: bad, path: "hello.cursor"},
		{name: "hello: staged without scope", fresh: true, json: `{"hello":{"device":"` + deviceID(1) + `","staged":[{}]}}`, close: bad, path: "hello.staged[0].scope"},
		{name: "hello: key too long", fresh: true, json: `{"hello":{"device":"` + deviceID(1) + `","staged":[{"scope":"g","after":{"key":"` + strings.Repeat("k", 1025) + `"}}]}}`, close: bad, path: "hello.staged[0].after.key"},
		{name: "hello: acked above lastN", fresh: true, json: `{"hello":{"device":"` + deviceID(1) + `","acked":"1"}}`, close: bad, path: "hello.acked"},
		{name: "hello: token of 9 kB", fresh: true, json: `{"hello":{"device":"` + deviceID(1) + `","token":"` + strings.Repeat("t", 9<<10) + `"}}`, close: bad, path: "hello.token"},

		// Messages that do not fit here.
		{name: "push before hello", fresh: true, json: push(""), close: wrong},
		{name: "seen before hello", fresh: true, json: `{"seen":{}}`, close: wrong},
		{name: "welcome from a device", json: `{"welcome":{}}`, close: wrong},
		{name: "verdicts from a device", json: `{"verdicts":{}}`, close: wrong},
		{name: "delta from a device", json: `{"delta":{}}`, close: wrong},
		{name: "inbox from a device", json: `{"inbox":{}}`, close: wrong},
		{name: "notice from a device", json: `{"notice":{"code":"stopping","close":true}}`, close: wrong},
		{name: "second hello", json: `{"hello":{"device":"` + deviceID(1) + `"}}`, close: wrong},
		{name: "seen more than was sent", json: `{"seen":{"frames":"99"}}`, close: wrong},
		{name: "seen less than before", json: `{"seen":{"frames":"0"}}`, close: wrong},
		{name: "another device's changeset", json: strings.Replace(push(""), deviceID(1), deviceID(2), 1), close: wrong},

		// Beyond the limits.
		{name: "too long", json: `{"seen":{"view":"` + strings.Repeat("x", small.MaxFrame) + `"}}`, close: large},
		{name: "more than the window", json: `{"push":{"changesets":[` + strings.TrimSuffix(strings.Repeat(`{"device":"`+deviceID(1)+`","n":"1"},`, small.Window+1), ",") + `]}}`, close: large, path: "push.changesets"},
		{name: "70,000 empty changes", json: push(`,"changes":[` + strings.TrimSuffix(strings.Repeat("{},", 70_000), ",") + `]`), close: large},
		{name: "binary: 130,000 empty values", bytes: bomb(), close: large},

		// Not even WebSocket: the library answers, without a Notice.
		{name: "raw: reserved bit (compressed)", raw: wsframe.Masked(0xc2, 1, []byte{0}), close: wrong, silent: true},
		{name: "raw: unknown opcode", raw: wsframe.Masked(0x83, 1, []byte{0}), close: wrong, silent: true},
		{name: "raw: not masked", raw: []byte{0x82, 0x01, 0x00}, close: wrong, silent: true},
		{name: "raw: continues nothing", raw: wsframe.Masked(0x80, 1, []byte{0}), close: wrong, silent: true},
		{name: "raw: ping in parts", raw: wsframe.Masked(0x09, 1, []byte{0}), close: wrong, silent: true},
		{name: "raw: ping of 200 bytes", raw: wsframe.Masked(0x89, 200, make([]byte, 200)), close: wrong, silent: true},
		{name: "raw: close code 1005", raw: wsframe.Masked(0x88, 2, []byte{0x03, 0xed}), close: wrong, silent: true},
		{name: "raw: 1 GB announced", raw: wsframe.Masked(0x82, 1<<30, nil), close: large, silent: true},
		{name: "raw: 1 GB in parts", raw: append(wsframe.Masked(0x02, 10, make([]byte, 10)), wsframe.Masked(0x00, 1<<30, nil)...), close: large, silent: true},
		{name: "raw: before hello, 1 MB announced", fresh: true, raw: wsframe.Masked(0x82, 1<<20, nil), close: large, silent: true},
	}
	return list
}

// bomb is a Push whose one cell has 130,000 values of two bytes: on the wire small, in memory 10 MB.
func bomb() []byte {
	wrap := func(tag byte, b []byte) []byte {
		return append(binary.AppendUvarint([]byte{tag}, uint64(len(b))), b...)
	}
	b := []byte(strings.Repeat("\x1a\x00", 130_000-200)) // values
	for _, tag := range []byte{0x2a, 0x62, 0x0a, 0x1a} { // cells, changes, changesets, push
		b = wrap(tag, b)
	}
	return b
}

// Each malformed frame closes its own socket with the documented code, and another one goes on working.
func TestMalformedFrames(t *testing.T) {
	c := open(t)
	witness := c.greet(2, wire.Binary)
	seen := map[string]bool{}
	for _, x := range malformed() {
		require.False(t, seen[x.name], x.name)
		seen[x.name] = true
		t.Run(x.name, func(t *testing.T) {
			p := send(t, c, x)
			notice, code := p.closed()
			require.Equal(t, x.close, code, "%+v", notice)
			if x.silent {
				require.Nil(t, notice)
			} else {
				require.NotNil(t, notice)
				require.NotEmpty(t, notice.Text)
				require.Contains(t, notice.Text, x.path)
				require.Equal(t, wire.NoticeOf(code), notice.Code)
				require.Less(t, len(notice.Text), 300)
			}
			witness.t = t
			witness.works()
		})
	}
	require.GreaterOrEqual(t, len(seen), 60)
	t.Logf("%d malformed frames", len(seen))
}

func send(t *testing.T, c *county, x frame) *phone {
	f := wire.JSON
	if x.json == "" {
		f = wire.Binary
	}
	c.t = t
	p := c.dial(1, f)
	if !x.fresh {
		p.greet()
	}
	switch {
	case x.raw != nil:
		_, err := p.ws.NetConn().Write(x.raw)
		require.NoError(t, err)
	case x.kind != 0:
		require.NoError(t, p.ws.WriteMessage(x.kind, append([]byte(x.json), x.bytes...)))
	case x.json != "":
		p.send([]byte(x.json))
	default:
		p.send(x.bytes)
	}
	return p
}
