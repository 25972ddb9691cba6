package badinput

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

const (
	malformed = wire.CloseMalformed
	unfitting = wire.CloseProtocol
	tooLarge  = wire.CloseTooLarge
)

// frames lists the messages that cannot be read, hold what none may hold, or do not fit where they come.
func (w *twins) frames() []frame {
	t := w.templates()
	var out []frame
	for _, list := range [][]frame{
		t.cutJSON(), t.cutBinary(), t.brokenText(), t.wrongLeaf(), t.wrongContainer(), t.twice(), t.nothingJSON(), t.deep(), t.unknownFields(),
		t.wireTypes(), t.varints(), t.lengths(), t.groups(),
		t.negative(), t.uuids(w), t.tooLong(), t.hashes(), t.values(), t.shapes(), t.checks(),
		t.fromTheCentre(), t.beforeHello(), t.outOfOrder(w), t.passedOver(), t.othersDevices(w), t.tooLargeFrames(), t.wrongKind(), brokenSockets(),
	} {
		out = append(out, list...)
	}
	return out
}

func broken(class, name string, format wire.Format, fresh bool, b []byte) frame {
	return frame{class: class, name: name, format: format, fresh: fresh, bytes: b, close: malformed}
}

func (t templates) cutJSON() (out []frame) {
	all := t.all()
	for _, kind := range sorted(all) {
		b := textOf(all[kind])
		for i := range 9 {
			n := 1 + i*(len(b)-1)/9
			out = append(out, broken("JSON that is cut short", fmt.Sprintf("%s at %d of %d", kind, n, len(b)), wire.JSON, kind == "hello", b[:n]))
		}
	}
	return out
}

func (t templates) cutBinary() (out []frame) {
	all := t.all()
	for _, kind := range sorted(all) {
		b := protobuf(all[kind])
		for i := range 9 {
			if n := 1 + i*(len(b)-1)/9; n < len(b) && (i == 0 || n > 1) {
				out = append(out, broken("protobuf that is cut short", fmt.Sprintf("%s at %d of %d", kind, n, len(b)), wire.Binary, kind == "hello", b[:n]))
			}
		}
	}
	return out
}

// texts lists where a message has texts of people or names.
func (t templates) brokenText() (out []frame) {
	all := t.all()
	for _, kind := range sorted(all) {
		_, leaves := paths(all[kind])
		for _, path := range leaves {
			if _, ok := lookup(all[kind], path).(string); !ok {
				continue
			}
			for _, x := range []string{"\xff", `\ud800`} {
				b := bytes.Replace(textOf(at(all[kind], path, "@@@")), []byte("@@@"), []byte(x), 1)
				out = append(out, broken("JSON with a broken text", fmt.Sprintf("%s %q", named(path), x), wire.JSON, kind == "hello", b))
			}
		}
	}
	return out
}

func lookup(m message, path string) any {
	node := any(m)
	for _, k := range strings.Split(path, ".") {
		switch x := node.(type) {
		case map[string]any:
			node = x[k]
		case []any:
			var i int
			fmt.Sscan(k, &i)
			node = x[i]
		}
	}
	return node
}

func (t templates) wrongLeaf() (out []frame) {
	all := t.all()
	for _, kind := range sorted(all) {
		_, leaves := paths(all[kind])
		for i, path := range leaves {
			wrong := []any{map[string]any{"a": 1}, []any{1, 2}}[i%2]
			out = append(out, broken("JSON with a list or an object for a value", named(path), wire.JSON, kind == "hello", textOf(at(all[kind], path, wrong))))
		}
	}
	return out
}

func (t templates) wrongContainer() (out []frame) {
	all := t.all()
	for _, kind := range sorted(all) {
		every, leaves := paths(all[kind])
		is := map[string]bool{}
		for _, l := range leaves {
			is[l] = true
		}
		for _, path := range every {
			if !is[path] {
				for _, x := range []any{"text", 7.0, true} {
					out = append(out, broken("JSON with a value for a list or an object", fmt.Sprint(named(path), " ", x), wire.JSON, kind == "hello", textOf(at(all[kind], path, x))))
				}
			}
		}
	}
	return out
}

func (t templates) twice() (out []frame) {
	all := t.all()
	for _, kind := range sorted(all) {
		every, _ := paths(all[kind])
		for _, path := range every {
			if key := path[strings.LastIndex(path, ".")+1:]; key[0] >= '0' && key[0] <= '9' {
				continue
			}
			out = append(out, broken("JSON with a field twice", named(path), wire.JSON, kind == "hello", doubled(all[kind], path)))
		}
	}
	return out
}

// doubled writes a tree with the field at a path twice.
func doubled(m message, path string) []byte {
	i := strings.LastIndex(path, ".")
	key := path[i+1:]
	value, err := json.Marshal(lookup(m, path))
	if err != nil {
		panic(err)
	}
	one := fmt.Sprintf("%q:%s", key, value)
	marked := textOf(at(m, path, "@@@"))
	return bytes.Replace(marked, []byte(fmt.Sprintf("%q:\"@@@\"", key)), []byte(one+","+one), 1)
}

func (t templates) nothingJSON() (out []frame) {
	for i, s := range []string{
		" ", "hello", "[]", "null", "{}", "1", `"push"`, "true", `{"seen":{},"push":{}}`, `{"snapshot":{}}`, `{"Push":{}}`, `{"seen":{}}{"seen":{}}`, `{"seen":{}},`, `{"seen":{}]`, `{seen:{}}`, `{'seen':{}}`,
		`{"seen":{"frames":1,}}`, `{"seen":{"frames":0x1}}`, `{"seen":{"frames":1.5}}`, `{"seen":{"frames":"9223372036854775808"}}`, `{"seen":{"frames":"many"}}`, `{"seen":{"frames":NaN}}`, `{"seen":{"frames":1e40}}`,
		`{"seen":/**/{}}`, "\ufeff{}", "\x00", `{"push":{"changesets":null}}`, `{"push":{"changesets":[null]}}`, `{"seen":{"view":5}}`, `{"hello":{"stagedReset":"yes"}}`,
	} {
		out = append(out, broken("JSON that is no message", fmt.Sprintf("%d %.30q", i, s), wire.JSON, strings.HasPrefix(s, `{"hello`), []byte(s)))
	}
	return out
}

func (t templates) deep() (out []frame) {
	for _, n := range []int{70, 1000, 10_000, 50_000} {
		for name, s := range map[string]string{
			"push": strings.Repeat(`{"push":`, n), "lists": strings.Repeat("[", n), "an unknown field": `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`,
			"a value": `{"push":{"changesets":[{"changes":` + strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) + `]}}`,
		} {
			out = append(out, broken("JSON that is deep", fmt.Sprint(name, " ", n), wire.JSON, false, []byte(s)))
		}
		for _, tag := range []byte{0x33, 0x0b, 0x1b} {
			out = append(out, broken("JSON that is deep", fmt.Sprintf("protobuf groups %x, %d", tag, n), wire.Binary, false, bytes.Repeat([]byte{tag}, n)))
		}
	}
	return out
}

// unknownFields come from later versions and are passed over.
func (t templates) unknownFields() (out []frame) {
	for i, v := range []any{1, "x", nil, true, []any{1, []any{}}, map[string]any{"a": map[string]any{}}} {
		for _, path := range []string{"purged.later", "drain.later", "x"} {
			m := at(t.purged, path, v)
			if strings.HasPrefix(path, "drain") {
				m = at(t.drain, path, v)
			}
			if v == nil {
				continue
			}
			out = append(out, frame{class: "fields that nobody knows", name: fmt.Sprint(path, " ", i), format: wire.JSON, bytes: textOf(m), passed: true})
		}
	}
	for field := 100; field < 1600; field += 100 {
		b := append(protobuf(t.purged), binary.AppendUvarint(nil, uint64(field<<3))...)
		out = append(out, frame{class: "fields that nobody knows", name: fmt.Sprint("field ", field), format: wire.Binary, bytes: append(b, 1), passed: true})
	}
	return out
}

func (t templates) wireTypes() (out []frame) {
	for field := 1; field <= 14; field++ {
		for _, typ := range []int{0, 1, 5} {
			b := binary.AppendUvarint(nil, uint64(field<<3|typ))
			b = append(b, map[int][]byte{0: {1}, 1: make([]byte, 8), 5: make([]byte, 4)}[typ]...)
			out = append(out, broken("protobuf of another wire type", fmt.Sprintf("field %d as %d", field, typ), wire.Binary, false, b))
		}
	}
	return out
}

func (t templates) varints() (out []frame) {
	for _, n := range []int{1, 5, 9, 10, 11, 64, 1000} {
		long := bytes.Repeat([]byte{0xff}, n)
		for name, b := range map[string][]byte{"tag": long, "length": append([]byte{0x3a}, long...), "inside": append([]byte{0x3a, byte(min(n+1, 127)), 0x08}, long...), "in push": append([]byte{0x1a}, long...)} {
			out = append(out, broken("protobuf with a number without end", fmt.Sprint(name, " ", n), wire.Binary, false, b))
		}
	}
	return out
}

func (t templates) lengths() (out []frame) {
	for _, n := range []uint64{1, 100, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 40, math.MaxInt64, math.MaxUint64} {
		for _, tag := range []byte{0x0a, 0x1a, 0x3a, 0x62} {
			out = append(out, broken("protobuf that announces too much", fmt.Sprintf("%x %d", tag, n), wire.Binary, tag == 0x0a, binary.AppendUvarint([]byte{tag}, n)))
		}
	}
	return out
}

func (t templates) groups() (out []frame) {
	for _, b := range [][]byte{{}, {0}, {0x02, 0}, {0xff, 0xff, 0xff}, {0x3b}, {0x3c}, {0x3b, 0x44}, {0x3e, 0}, {0x3f, 0}, []byte(`{"seen":{}}`), {0x3a, 0x03, 0x22, 0x01, 0xff}, {0x3a, 0x05, 0x08}, {0xfa, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}} {
		out = append(out, broken("protobuf that is no message", fmt.Sprintf("%x", b), wire.Binary, false, b))
	}
	return out
}

// field is a frame whose one field is wrong.
func (t templates) field(class, path string, v any) frame {
	kind := strings.SplitN(path, ".", 2)[0]
	f := broken(class, fmt.Sprintf("%s %.24s", named(path), fmt.Sprint(v)), wire.JSON, kind == "hello", textOf(at(t.all()[kind], path, v)))
	f.path = named(path)
	return f
}

const change0 = "push.changesets.0.changes.0."

func (t templates) negative() (out []frame) {
	for _, path := range []string{
		"hello.schema", "hello.epoch", "hello.cursor", "hello.lastN", "hello.acked", "hello.inbox", "hello.waiting", "hello.oldest", "hello.freeBytes", "hello.checked", "hello.repaired",
		"seen.frames", "seen.epoch", "seen.cursor", "seen.inbox", "seen.acked", "push.changesets.0.n", "push.changesets.0.schema", "push.changesets.0.replaces", "check.number",
		change0 + "cells.0.base.seq", change0 + "cells.0.base.epoch", "push.changesets.0.changes.2.base.seq", "push.changesets.0.changes.3.decide.take.n", "push.changesets.0.changes.3.decide.shown.0.n", "hello.staged.0.after.seq",
	} {
		for _, v := range []any{"-1", "-2147483648"} {
			f := t.field("a number below what there is", path, v)
			f.path = strings.TrimSuffix(strings.TrimSuffix(f.path, ".seq"), ".epoch")
			out = append(out, f)
		}
	}
	return out
}

func (t templates) uuids(w *twins) (out []frame) {
	good := w.phones["worker"].id
	for _, id := range []string{
		"", "1", "phone-1", strings.ToUpper("0197abcd-0000-7000-8000-00000000000a"), "{" + good + "}", good + " ", " " + good, good[:35], good + "0", strings.ReplaceAll(good, "-", ""), "urn:uuid:" + good,
		"1; DROP TABLE hazard", strings.Repeat("-", 36), strings.Repeat("g", 36), strings.Repeat("0", 36), "../../etc/passwd", "０" + good[1:], "\u0000" + good[1:],
	} {
		for _, path := range []string{"hello.device", "push.changesets.0.device", change0 + "row"} {
			out = append(out, t.field("an id that is none", path, id))
		}
	}
	return out
}

func (t templates) tooLong() (out []frame) {
	for _, path := range []string{
		"hello.app", "hello.view", "hello.boot", "hello.stagedView", "hello.unpacks.0", "hello.staged.0.scope", "push.changesets.0.boot", "push.changesets.0.author", change0 + "table", change0 + "cells.0.cell",
		"push.changesets.0.changes.3.decide.conflict", "push.changesets.0.changes.3.decide.choice", "seen.view", "check.view", "check.scope", "check.tables.0.table", "check.tables.0.columns.0", "drain.view", "purged.view",
	} {
		for _, s := range []string{strings.Repeat("x", 256), strings.Repeat("长", 86), strings.Repeat("y", 10_000)} {
			out = append(out, t.field("a name that is too long", path, s))
		}
	}
	return append(out, t.field("a name that is too long", "hello.token", strings.Repeat("t", 9<<10)), t.field("a name that is too long", "hello.staged.0.after.key", strings.Repeat("k", 1025)))
}

func (t templates) hashes() (out []frame) {
	for _, path := range []string{"hello.lastHash", "hello.history", "hello.mac", "push.changesets.0.prev", "push.changesets.0.gone"} {
		for _, n := range []int{1, 31, 33, 64, 1000} {
			out = append(out, t.field("a hash of another length", path, base64.StdEncoding.EncodeToString(make([]byte, n))))
		}
		f := t.field("a hash of another length", path, "%%%%")
		f.path = ""
		out = append(out, f)
	}
	return out
}

func (t templates) values() (out []frame) {
	for _, path := range []string{change0 + "cells.0.values.0", "push.changesets.0.changes.1.cells.0.operation.add", "push.changesets.0.changes.3.decide.values.0"} {
		for _, v := range []map[string]any{{}, {"null": false}, {"real": "NaN"}, {"int": "1", "text": "1"}, {"int": "9223372036854775808"}, {"int": "1.5"}, {"blob": "$"}, {"bool": true}, {"real": "much"}, {"text": 5}, {"date": "x"}, {"rawText": "%"}, {"null": "yes"}} {
			f := t.field("a value of no kind", path, v)
			if len(v) != 1 || v["null"] != false {
				f.path = ""
			}
			out = append(out, f)
		}
	}
	return out
}

func (t templates) shapes() (out []frame) {
	const class, decide = "a change in a wrong shape", "push.changesets.0.changes.3."
	for path, list := range map[string][]any{
		change0 + "op":    {"OP_UNSPECIFIED", "OP_UPSERT", 99.0, -1.0, "", "op_update"},
		change0 + "table": {""}, change0 + "cells.0.cell": {""}, change0 + "cells.0.values": {[]any{}},
		change0 + "decide": {map[string]any{"conflict": "1-0", "choice": "keep"}},
		decide + "decide":  {nil}, decide + "decide.choice": {"", nil}, decide + "decide.conflict": {"", nil}, decide + "decide.survivor": {"x", "1-2"}, decide + "decide.retired.0": {"", "x"}, decide + "decide.picks.0.row": {"", "x"},
		decide + "decide.picks.0.cell": {""}, "push.changesets": {[]any{}}, "push.changesets.0.n": {"0", 0.0},
		"push.changesets.0.changes.2.cells": {[]any{map[string]any{"cell": "title", "values": []any{map[string]any{"null": true}}}}},
		change0 + "cells.0.operation":       {map[string]any{"in": []any{"a"}}}, "hello.acked": {"4", "99"}, "hello.staged.0.scope": {""}, "hello.unpacks.0": {""}, "push.changesets.0.hlc": {"-1"}, "push.changesets.0.schema": {4294967296.0},
	} {
		for _, v := range list {
			f := t.field(class, path, v)
			if _, number := v.(float64); number || strings.HasSuffix(path, "op") || strings.HasSuffix(path, "hlc") {
				f.path = ""
			}
			out = append(out, f)
		}
	}
	return out
}

func (t templates) checks() (out []frame) {
	const class = "a check in a wrong shape"
	for path, list := range map[string][]any{
		"check.tables.0.buckets": {0.0, 3.0, -1.0, 2048.0, 1 << 30}, "check.tables.0.filled.0.index": {4.0, 9.0, 2.0, 1 << 20}, "check.tables.0.filled.0.count": {"0", "-1"}, "check.tables.0.table": {""}, "check.tables.0.columns.0": {""},
		"check.number": {"0", "-5"}, "check.tables.0.filled.1.index": {1.0, 0.0},
	} {
		for _, v := range list {
			f := t.field(class, path, v)
			f.path = ""
			out = append(out, f)
		}
	}
	two := lookup(t.check, "check.tables.0")
	many := make([]any, 9000)
	for i := range many {
		many[i] = fmt.Sprint("c", i)
	}
	return append(out, t.field(class, "check.tables", []any{two, two}), t.field(class, "check.tables.0.columns", many))
}

func (t templates) fromTheCentre() (out []frame) {
	for _, s := range []string{`{"welcome":{}}`, `{"verdicts":{}}`, `{"delta":{}}`, `{"inbox":{}}`, `{"notice":{"code":"stopping","close":true}}`, `{"retire":{}}`, `{"retire":{"wipe":true}}`, `{"repair":{"number":"1","part":1,"done":true}}`} {
		for _, fresh := range []bool{true, false} {
			name := s
			if fresh {
				name += " before Hello"
			}
			for _, format := range []wire.Format{wire.JSON, wire.Binary} {
				b := []byte(s)
				if format == wire.Binary {
					b = protobuf(parsed(b))
				}
				out = append(out, frame{class: "a message that is the centre's", name: fmt.Sprint(name, " ", format), format: format, fresh: fresh, bytes: b, close: unfitting})
			}
		}
	}
	return out
}

func (t templates) beforeHello() (out []frame) {
	all := t.all()
	for _, kind := range sorted(all) {
		if kind == "hello" {
			continue
		}
		if kind == "push" {
			all[kind] = at(at(all[kind], "push.changesets.0.changes", []any{}), "push.changesets.0.prev", "")
		}
		for _, format := range []wire.Format{wire.JSON, wire.Binary} {
			b := textOf(all[kind])
			if format == wire.Binary {
				b = protobuf(all[kind])
			}
			out = append(out, frame{class: "a message before Hello", name: fmt.Sprint(kind, " ", format), format: format, fresh: true, bytes: b, close: unfitting})
		}
	}
	return out
}

func (t templates) outOfOrder(w *twins) (out []frame) {
	add := func(name string, m message) {
		for _, format := range []wire.Format{wire.JSON, wire.Binary} {
			b := textOf(m)
			if format == wire.Binary {
				b = protobuf(m)
			}
			out = append(out, frame{class: "a message out of order", name: fmt.Sprint(name, " ", format), format: format, bytes: b, close: unfitting})
		}
	}
	add("a second Hello", treeOf(&session.Hello{Hello: w.phones["worker"].hello()}))
	for _, n := range []string{"0", "99", "1000000", "9223372036854775807"} {
		add("Seen of "+n, at(t.seen, "seen.frames", n))
	}
	return out
}

// passedOver fits nothing, but harms nobody: an answer may come twice, or late.
func (t templates) passedOver() (out []frame) {
	for name, m := range map[string]message{
		"Drain unasked": t.drain, "Drain of a huge n": at(t.drain, "drain.n", "9223372036854775807"), "Purged unasked": t.purged, "Purged of a huge n": at(t.purged, "purged.n", "9223372036854775807"),
		"Check of another view": t.check, "Check of another grid": at(t.check, "check.scope", grid9), "Check of no grid": at(t.check, "check.scope", ""), "Check of the future": at(t.check, "check.at.seq", "9223372036854775807"),
		"Check of an unknown type": at(t.check, "check.tables.0.table", "sqlite_master"), "Check of an unknown column": at(t.check, "check.tables.0.columns.0", "password"),
	} {
		for _, format := range []wire.Format{wire.JSON, wire.Binary} {
			b := textOf(m)
			if format == wire.Binary {
				b = protobuf(m)
			}
			out = append(out, frame{class: "what nobody asked for", name: fmt.Sprint(name, " ", format), format: format, bytes: b, passed: true})
		}
	}
	return out
}

func (t templates) othersDevices(w *twins) (out []frame) {
	for _, who := range sorted(w.phones) {
		if who == "worker" {
			continue
		}
		id := w.phones[who].id
		f := t.field("another's device", "push.changesets.0.device", id)
		f.name, f.close, f.path = "a changeset of the "+who+"'s", unfitting, ""
		out = append(out, f)
		h := t.field("a Hello of another's device", "hello.device", id)
		h.name, h.close, h.path, h.socket = "the "+who+"'s", wire.CloseCode(session.NoticeUnauthorised), "hello.device", true
		out = append(out, h)
	}
	var a, b []frame
	for _, f := range out {
		if f.socket {
			b = append(b, f)
		} else {
			a = append(a, f)
		}
	}
	return append(a, b...)
}

func (t templates) tooLargeFrames() (out []frame) {
	const class = "a message that is too large"
	large := func(name string, format wire.Format, b []byte) {
		out = append(out, frame{class: class, name: name, format: format, bytes: b, close: tooLarge})
	}
	large("a long name", wire.JSON, []byte(`{"seen":{"view":"`+strings.Repeat("x", limits.MaxFrame)+`"}}`))
	large("one byte more", wire.JSON, bytes.Repeat([]byte(" "), limits.MaxFrame+1))
	large("binary, one byte more", wire.Binary, make([]byte, limits.MaxFrame+1))
	many := strings.TrimSuffix(strings.Repeat(`{"device":"0197abcd-0000-7000-8000-00000000000a","n":"1","author":"a"},`, limits.Window+1), ",")
	large("more than the window", wire.JSON, []byte(`{"push":{"changesets":[`+many+`]}}`))
	large("70,000 empty changes", wire.JSON, []byte(`{"push":{"changesets":[{"changes":[`+strings.TrimSuffix(strings.Repeat("{},", 70_000), ",")+`]}]}}`))
	large("70,000 empty lists", wire.JSON, []byte(`{"x":[`+strings.TrimSuffix(strings.Repeat("[],", 70_000), ",")+`]}`))
	b := []byte(strings.Repeat("\x1a\x00", 130_000-200))
	for _, tag := range []byte{0x2a, 0x62, 0x0a, 0x1a} {
		b = append(binary.AppendUvarint([]byte{tag}, uint64(len(b))), b...)
	}
	large("130,000 empty values", wire.Binary, b)
	return out
}

func (t templates) wrongKind() (out []frame) {
	for i, s := range []string{`{"seen":{}}`, "", "x", `{"push":{}}`} {
		out = append(out, frame{class: "a WebSocket message of the other kind", name: fmt.Sprint("binary ", i), format: wire.JSON, kind: websocket.BinaryMessage, bytes: []byte(s), close: wire.CloseKind, socket: true},
			frame{class: "a WebSocket message of the other kind", name: fmt.Sprint("text ", i), format: wire.Binary, kind: websocket.TextMessage, bytes: []byte(s), close: wire.CloseKind, socket: true})
	}
	return out
}

func brokenSockets() (out []frame) {
	for name, b := range map[string][]byte{
		"reserved bit 1": wsframe.Masked(0xc2, 1, []byte{0}), "reserved bit 2": wsframe.Masked(0xa2, 1, []byte{0}), "reserved bit 3": wsframe.Masked(0x92, 1, []byte{0}), "opcode 3": wsframe.Masked(0x83, 1, []byte{0}), "opcode 7": wsframe.Masked(0x87, 1, []byte{0}), "opcode 11": wsframe.Masked(0x8b, 1, []byte{0}),
		"not masked": {0x82, 0x01, 0x00}, "continues nothing": wsframe.Masked(0x80, 1, []byte{0}), "a ping in parts": wsframe.Masked(0x09, 1, []byte{0}), "a ping of 200 bytes": wsframe.Masked(0x89, 200, make([]byte, 200)),
		"close code 1005": wsframe.Masked(0x88, 2, []byte{0x03, 0xed}), "close code 0": wsframe.Masked(0x88, 2, []byte{0, 0}), "a message within a message": append(wsframe.Masked(0x02, 1, []byte{0}), wsframe.Masked(0x82, 1, []byte{0})...),
	} {
		out = append(out, frame{class: "not even a WebSocket", name: name, format: wire.Binary, raw: true, bytes: b, close: unfitting, silent: true, socket: true})
	}
	for name, b := range map[string][]byte{"1 GB announced": wsframe.Masked(0x82, 1<<30, nil), "1 GB in parts": append(wsframe.Masked(0x02, 10, make([]byte, 10)), wsframe.Masked(0x00, 1<<30, nil)...)} {
		out = append(out, frame{class: "a WebSocket message that announces a gigabyte", name: name, format: wire.Binary, raw: true, bytes: b, close: tooLarge, silent: true, socket: true})
	}
	return out
}
