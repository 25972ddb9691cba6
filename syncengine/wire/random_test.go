package wire_test

import (
	"math"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Generators of everything that a message may hold. Lists are nil rather than empty: the wire does not tell them apart.

func pick[T any](list ...T) *rapid.Generator[T] { return rapid.SampledFrom(list) }

func list[T any](g *rapid.Generator[T], least, most int) *rapid.Generator[[]T] {
	return rapid.Custom(func(t *rapid.T) []T {
		l := rapid.SliceOfN(g, least, most).Draw(t, "list")
		if len(l) == 0 {
			return nil
		}
		return l
	})
}

var (
	number = rapid.OneOf(rapid.Int64Range(0, 300), rapid.Int64Range(0, math.MaxInt64))
	anyInt = rapid.OneOf(rapid.Int64(), pick[int64](0, -1, math.MaxInt64, math.MinInt64))
	name   = pick("household", "phone", "status", "王河", "a b", "𠮷")
	maybe  = pick("", "household", "phone", "北辰")
	text   = rapid.OneOf(rapid.StringN(0, 20, 60), pick("", "𠮷野家", "a\x00b", "\u2028", "héllo"))
	blob   = rapid.SliceOfN(rapid.Byte(), 0, 40)
	stamp  = rapid.Custom(func(t *rapid.T) hlc.Timestamp { return hlc.Timestamp(rapid.Uint64().Draw(t, "hlc")) })
	hash   = rapid.Custom(func(t *rapid.T) (h se.Hash) {
		if rapid.Bool().Draw(t, "some") {
			copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		}
		return h
	})
	uuid = rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	base = rapid.Custom(func(t *rapid.T) se.Base {
		return se.Base{Epoch: number.Draw(t, "epoch"), Seq: number.Draw(t, "seq")}
	})
	position = rapid.Custom(func(t *rapid.T) se.Position {
		return se.Position{Seq: number.Draw(t, "seq"), Key: maybe.Draw(t, "key")}
	})
	staged = rapid.Custom(func(t *rapid.T) se.StagedScope {
		return se.StagedScope{
			Scope: name.Draw(t, "scope"), After: position.Draw(t, "after"), Snapshot: maybe.Draw(t, "snapshot"), Read: number.Draw(t, "read"),
		}
	})
	value = rapid.Custom(func(t *rapid.T) schema.Value {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return schema.Int(anyInt.Draw(t, "int"))
		case 1:
			return schema.Real(rapid.OneOf(rapid.Float64(), pick(math.Inf(1), math.Inf(-1), math.Copysign(0, -1))).Draw(t, "real"))
		case 2:
			return schema.Text(text.Draw(t, "text"))
		case 3:
			return schema.Blob(blob.Draw(t, "blob"))
		case 4:
			return schema.Text(string(blob.Draw(t, "raw text")))
		}
		return schema.Null()
	})
	writeID = rapid.Custom(func(t *rapid.T) se.WriteID {
		return se.WriteID{Device: uuid.Draw(t, "device"), N: number.Draw(t, "n")/2 + 1}
	})
	decision = rapid.Custom(func(t *rapid.T) *se.Decision {
		d := &se.Decision{
			Conflict: name.Draw(t, "conflict"), Choice: pick(se.ChoiceKeep, se.ChoiceTake, se.ChoiceSet).Draw(t, "choice"),
			Shown: list(writeID, 0, 3).Draw(t, "shown"), Values: list(value, 0, 3).Draw(t, "values"), Reason: text.Draw(t, "reason"),
		}
		if rapid.Bool().Draw(t, "take") {
			d.Take = writeID.Draw(t, "take")
		}
		switch rapid.IntRange(0, 3).Draw(t, "more") {
		case 0:
			d.Conflict, d.Choice, d.Quarantined = "", se.ChoiceRelease, writeID.Draw(t, "quarantined")
		case 1:
			d.Choice, d.Survivor = se.ChoiceMerge, se.RowID(uuid.Draw(t, "survivor"))
			row := rapid.Custom(func(t *rapid.T) se.RowID { return se.RowID(uuid.Draw(t, "row")) })
			d.Retired = list(row, 0, 3).Draw(t, "retired")
			d.Picks = list(rapid.Custom(func(t *rapid.T) se.Pick { return se.Pick{Cell: name.Draw(t, "cell"), Row: row.Draw(t, "row")} }), 0, 2).Draw(t, "picks")
		}
		return d
	})
	cellWrite = rapid.Custom(func(t *rapid.T) se.CellWrite {
		w := se.CellWrite{Cell: name.Draw(t, "cell"), Base: base.Draw(t, "base")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			w.Values = list(value, 1, 3).Draw(t, "values")
		case 1:
			w.Add = value.Draw(t, "add")
		default:
			w.In, w.Out = list(text, 0, 3).Draw(t, "in"), list(text, 0, 3).Draw(t, "out")
		}
		return w
	})
	change = rapid.Custom(func(t *rapid.T) se.Change {
		c := se.Change{
			Table: name.Draw(t, "table"), Row: se.RowID(uuid.Draw(t, "row")), Base: base.Draw(t, "base"),
			Op: pick(se.OpUpdate, se.OpInsert, se.OpDelete, se.OpDecide).Draw(t, "op"),
		}
		switch c.Op {
		case se.OpUpdate, se.OpInsert:
			c.Cells = list(cellWrite, 0, 4).Draw(t, "cells")
		case se.OpDecide:
			c.Decide = decision.Draw(t, "decide")
		}
		return c
	})
	changeset = rapid.Custom(func(t *rapid.T) *se.Changeset {
		if rapid.IntRange(0, 9).Draw(t, "hole") == 0 {
			return &se.Changeset{Device: uuid.Draw(t, "device"), N: number.Draw(t, "n")/2 + 1, Prev: hash.Draw(t, "prev"), Gone: se.Hash{1}}
		}
		return &se.Changeset{
			Device: uuid.Draw(t, "device"), N: number.Draw(t, "n")/2 + 1, Prev: hash.Draw(t, "prev"), HLC: stamp.Draw(t, "hlc"),
			Wall: anyInt.Draw(t, "wall"), Boot: maybe.Draw(t, "boot"), Mono: anyInt.Draw(t, "mono"),
			Schema: rapid.IntRange(0, math.MaxInt32).Draw(t, "schema"), Author: maybe.Draw(t, "author"),
			Foreign: rapid.Bool().Draw(t, "foreign"), Salvage: rapid.Bool().Draw(t, "salvage"), Replaces: number.Draw(t, "replaces"), Changes: list(change, 0, 4).Draw(t, "changes"),
		}
	})
	conflict = rapid.Custom(func(t *rapid.T) se.ConflictRef {
		return se.ConflictRef{ID: name.Draw(t, "id"), Key: se.ConflictKey{
			Kind: pick(se.ConflictCell, se.ConflictDelete).Draw(t, "kind"), Table: maybe.Draw(t, "table"),
			Row: se.RowID(maybe.Draw(t, "row")), Cell: maybe.Draw(t, "cell"),
		}}
	})
	verdict = rapid.Custom(func(t *rapid.T) se.Verdict {
		v := se.Verdict{
			N: number.Draw(t, "n")/2 + 1, Hash: hash.Draw(t, "hash"), Epoch: number.Draw(t, "epoch"), Seq: number.Draw(t, "seq")/2 + 1,
			Kind:      rapid.Custom(func(t *rapid.T) se.VerdictKind { return se.VerdictKind(rapid.IntRange(1, 5).Draw(t, "kind")) }).Draw(t, "kind"),
			Conflicts: list(conflict, 0, 2).Draw(t, "conflicts"),
		}
		if !v.Kind.Effective() {
			v.Reason = &se.Reason{
				Code: se.CodeBadValue, Table: maybe.Draw(t, "table"), Row: se.RowID(maybe.Draw(t, "row")),
				Column: maybe.Draw(t, "column"), Rule: maybe.Draw(t, "rule"), Current: list(value, 0, 2).Draw(t, "current"),
			}
		}
		return v
	})
	deltaItem = rapid.Custom(func(t *rapid.T) se.DeltaItem {
		return se.DeltaItem{
			Seq: number.Draw(t, "seq"), Kind: pick(se.DeltaEvict, se.DeltaDead, se.DeltaRow).Draw(t, "kind"),
			Table: name.Draw(t, "table"), Row: se.RowID(uuid.Draw(t, "row")), Whole: rapid.Bool().Draw(t, "whole"),
			Cells: list(rapid.Custom(func(t *rapid.T) se.CellValue {
				return se.CellValue{Cell: name.Draw(t, "cell"), Values: list(value, 0, 3).Draw(t, "values")}
			}), 0, 3).Draw(t, "cells"),
		}
	})
	grant = rapid.Custom(func(t *rapid.T) se.Grant {
		return se.Grant{
			Scope: name.Draw(t, "scope"), Name: maybe.Draw(t, "name"), Role: name.Draw(t, "role"),
			Doors: list(name, 0, 3).Draw(t, "doors"), From: anyInt.Draw(t, "from"), To: anyInt.Draw(t, "to"),
			Level: rapid.SampledFrom([]schema.Level{"", schema.LevelGrid, schema.LevelCounty}).Draw(t, "level"), Offline: number.Draw(t, "offline"),
		}
	})
	sealKey = rapid.Custom(func(t *rapid.T) seal.Key {
		k := seal.Key{Table: name.Draw(t, "table"), Column: name.Draw(t, "column"), ID: rapid.Uint32Min(1).Draw(t, "id"), Match: rapid.Bool().Draw(t, "match")}
		copy(k.Secret[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		return k
	})
	message = rapid.Custom(func(t *rapid.T) session.Message {
		switch rapid.IntRange(0, 13).Draw(t, "kind") {
		case 12:
			return &session.Check{Check: check.Draw(t, "check")}
		case 13:
			return &session.Repair{Repair: repair.Draw(t, "repair")}
		case 0:
			h := se.Hello{
				Device: uuid.Draw(t, "device"), Token: maybe.Draw(t, "token"), App: maybe.Draw(t, "app"), Schema: 3,
				Epoch: number.Draw(t, "epoch"), Cursor: number.Draw(t, "cursor"), View: maybe.Draw(t, "view"),
				Staged: list(staged, 0, 3).Draw(t, "staged"), StagedView: maybe.Draw(t, "view"), StagedReset: rapid.Bool().Draw(t, "reset"),
				LastN: number.Draw(t, "lastN"), LastHash: hash.Draw(t, "lastHash"), Inbox: number.Draw(t, "inbox"),
				Wall: anyInt.Draw(t, "wall"), Boot: maybe.Draw(t, "boot"), Mono: anyInt.Draw(t, "mono"), HLC: stamp.Draw(t, "hlc"), Unpacks: list(name, 0, 2).Draw(t, "unpacks"),
				Waiting: number.Draw(t, "waiting"), Oldest: number.Draw(t, "oldest"), FreeBytes: number.Draw(t, "free"), Checked: number.Draw(t, "checked"), Repaired: number.Draw(t, "repaired"),
			}
			h.Acked = h.LastN / 2
			return &session.Hello{Hello: h}
		case 1:
			return &session.Welcome{Welcome: se.Welcome{
				Epoch: number.Draw(t, "epoch"), Head: number.Draw(t, "head"), Time: anyInt.Draw(t, "time"), View: maybe.Draw(t, "view"),
				Reset: rapid.Bool().Draw(t, "reset"), Grants: list(grant, 0, 3).Draw(t, "grants"), LastN: number.Draw(t, "lastN"),
				Hash: hash.Draw(t, "hash"), Schema: 7, Keys: list(sealKey, 0, 3).Draw(t, "keys"), Limits: se.DefaultLimits, HLC: stamp.Draw(t, "hlc"), Floor: number.Draw(t, "floor"),
				Minimum: se.Minimum{Schema: rapid.IntRange(0, 9).Draw(t, "minimum"), App: maybe.Draw(t, "app"), From: anyInt.Draw(t, "from")}, Drain: rapid.Bool().Draw(t, "drain"),
				Lost: list(grant, 0, 2).Draw(t, "lost"), Lease: number.Draw(t, "lease"), Receipt: number.Draw(t, "receipt"),
				Checks: rapid.Bool().Draw(t, "checks"), Anew: number.Draw(t, "anew"),
			}}
		case 2:
			return &session.Push{Changesets: list(changeset, 1, 3).Draw(t, "changesets")}
		case 3:
			return &session.Verdicts{Verdicts: list(verdict, 0, 3).Draw(t, "verdicts")}
		case 4:
			d := se.Delta{
				View: maybe.Draw(t, "view"), From: base.Draw(t, "from"), Reset: rapid.Bool().Draw(t, "reset"), Scope: name.Draw(t, "scope"),
				Items: list(deltaItem, 0, 4).Draw(t, "items"), Start: position.Draw(t, "start"), After: position.Draw(t, "after"),
				Done: rapid.Bool().Draw(t, "done"), Scopes: list(staged, 0, 3).Draw(t, "scopes"), To: base.Draw(t, "to"),
				LastN: number.Draw(t, "lastN"), HLC: stamp.Draw(t, "hlc"), Read: number.Draw(t, "read"),
			}
			if rapid.Bool().Draw(t, "packed") {
				d.Reset, d.Items, d.Snapshot, d.Chunk = true, nil, name.Draw(t, "snapshot"), rapid.IntRange(1, math.MaxInt32).Draw(t, "chunk")
				d.Packed = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "packed")
			}
			return &session.Delta{Delta: d}
		case 5:
			return &session.Inbox{Messages: list(rapid.Custom(func(t *rapid.T) se.Message {
				m := se.Message{
					Device: uuid.Draw(t, "device"), Number: number.Draw(t, "number")/2 + 1, Kind: se.MessageDecided,
					Seq: number.Draw(t, "seq"), Conflict: conflict.Draw(t, "conflict"), Author: maybe.Draw(t, "author"), Choice: se.ChoiceBoth,
					Reason: maybe.Draw(t, "reason"),
				}
				if rapid.Bool().Draw(t, "settled") {
					m.Kind, m.N, m.Reason = se.MessageDismissed, number.Draw(t, "n")/2+1, text.Draw(t, "reason")
				}
				return m
			}), 0, 3).Draw(t, "messages")}
		case 7:
			return &session.Manifest{Manifest: se.Manifest{
				ID: name.Draw(t, "id"), Scope: name.Draw(t, "scope"), Encoding: pick(se.Deflate, se.Columns).Draw(t, "encoding"), Seq: number.Draw(t, "seq"), Rows: rapid.IntRange(0, 1<<40).Draw(t, "rows"),
				Bytes: rapid.IntRange(0, 1<<40).Draw(t, "bytes"), Chunks: list(rapid.Custom(func(t *rapid.T) se.ChunkSum {
					c := se.ChunkSum{Bytes: rapid.IntRange(0, 1<<40).Draw(t, "bytes"), Size: rapid.IntRange(0, 1<<40).Draw(t, "size"), Rows: rapid.IntRange(0, 1<<40).Draw(t, "rows")}
					copy(c.Hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
					return c
				}), 0, 3).Draw(t, "chunks"),
			}}
		case 6:
			return &session.Seen{
				Frames: number.Draw(t, "frames"), Epoch: number.Draw(t, "epoch"), Cursor: number.Draw(t, "cursor"),
				View: maybe.Draw(t, "view"), Inbox: number.Draw(t, "inbox"), Acked: number.Draw(t, "acked"),
			}
		case 8:
			return &session.Drain{Drain: se.Drain{View: maybe.Draw(t, "view"), N: number.Draw(t, "n")}}
		case 9:
			return &session.Purged{Purged: se.Purged{View: maybe.Draw(t, "view"), N: number.Draw(t, "n")}}
		case 10:
			return &session.Retire{Retire: se.Retire{Wipe: rapid.Bool().Draw(t, "wipe")}}
		}
		s := text.Draw(t, "text")
		if !utf8.ValidString(s) {
			s = ""
		}
		return &session.Notice{Code: session.NoticeGap, Text: s, Close: rapid.Bool().Draw(t, "close")}
	})
)

var (
	buckets = rapid.Custom(func(t *rapid.T) int { return 1 << rapid.IntRange(0, 10).Draw(t, "buckets") })
	digest  = rapid.Custom(func(t *rapid.T) se.Digest {
		return se.Digest{Count: number.Draw(t, "count")/2 + 1, Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
	})
	check = rapid.Custom(func(t *rapid.T) se.Check {
		c := se.Check{Number: number.Draw(t, "number")/2 + 1}
		if rapid.Bool().Draw(t, "over") {
			c.Report = &se.CheckReport{
				Scopes: rapid.IntRange(0, 9).Draw(t, "scopes"), Repaired: rapid.IntRange(0, 9).Draw(t, "repaired"),
				Local: rapid.IntRange(0, 9).Draw(t, "local"), Unmended: rapid.Bool().Draw(t, "unmended"), Stopped: rapid.Bool().Draw(t, "stopped"),
			}
			return c
		}
		c.At, c.View, c.Scope = base.Draw(t, "at"), maybe.Draw(t, "view"), maybe.Draw(t, "scope")
		for _, table := range []string{"household", "visit", "王河"}[:rapid.IntRange(0, 3).Draw(t, "tables")] {
			d := se.TableDigest{Table: table, Columns: list(name, 0, 3).Draw(t, "columns"), Buckets: buckets.Draw(t, "buckets")}
			for i := rapid.IntRange(0, 3).Draw(t, "index"); i < d.Buckets && len(d.Filled) < 4; i += rapid.IntRange(1, 400).Draw(t, "step") {
				d.Filled = append(d.Filled, se.Bucket{Index: i, Digest: digest.Draw(t, "digest")})
			}
			c.Tables = append(c.Tables, d)
		}
		return c
	})
	repair = rapid.Custom(func(t *rapid.T) se.Repair {
		r := se.Repair{
			Number: number.Draw(t, "number")/2 + 1, Part: rapid.IntRange(1, 1<<31-1).Draw(t, "part"), Items: list(deltaItem, 0, 3).Draw(t, "items"),
			Done: rapid.Bool().Draw(t, "done"), More: rapid.Bool().Draw(t, "more"), Stale: rapid.Bool().Draw(t, "stale"),
			Snapshot: rapid.Bool().Draw(t, "snapshot"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "covered") {
			c := se.Covered{Table: name.Draw(t, "table"), Buckets: buckets.Draw(t, "buckets")}
			c.Index = list(rapid.IntRange(0, c.Buckets-1), 0, 4).Draw(t, "index")
			r.Covered = append(r.Covered, c)
		}
		return r
	})
)
