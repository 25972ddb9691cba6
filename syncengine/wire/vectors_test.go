package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

var update = flag.Bool("update", false, "write the test vectors anew; review the diff")

// vectors compares a list with its committed file, one element a line, or writes it.
// recordedLimits are what the recorded Welcomes say, whatever the defaults are today.
var recordedLimits = se.Limits{MaxChangeset: 32 << 20, MaxChanges: 50_000, MaxFrame: 48 << 20, Window: 64}

func vectors[T any](t *testing.T, file string, list []T) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, x := range list {
		line, err := json.Marshal(x)
		require.NoError(t, err)
		b.Write(line)
		if i < len(list)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	path := filepath.Join("testdata", "vectors", file)
	if *update {
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "%s is what other clients are held to: if the change is meant, run this test with -update and review the diff", file)
}

func compact(t *testing.T, m proto.Message) json.RawMessage {
	t.Helper()
	b, err := protojson.Marshal(m)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, b))
	return out.Bytes()
}

func valuesJSON(t *testing.T, list []schema.Value) []json.RawMessage {
	out := []json.RawMessage{}
	for _, v := range list {
		out = append(out, compact(t, valueToWire(v)))
	}
	return out
}

const (
	devA = "01941f29-7c00-7000-8000-00000000000a"
	devB = "01941f29-7c00-7000-8000-00000000000b"
	rowX = "01941f29-7c00-7000-9000-000000000001"
	rowY = "01941f29-7c00-7000-9000-000000000002"
)

func put(cell string, base se.Base, values ...schema.Value) se.CellWrite {
	return se.CellWrite{Cell: cell, Base: base, Values: values}
}

// changesets are examples of everything that canonical bytes tell apart.
func changesets() (names []string, list []*se.Changeset) {
	add := func(name string, cs se.Changeset) {
		if cs.Device == "" {
			cs.Device = devA
		}
		cs.N = max(cs.N, 1)
		names, list = append(names, name), append(list, &cs)
	}
	one := func(w ...se.CellWrite) se.Changeset {
		return se.Changeset{Changes: []se.Change{{Table: "t", Row: rowX, Op: se.OpUpdate, Cells: w}}}
	}
	seen := se.Base{Epoch: 1, Seq: 7}
	add("nothing but a device and n", se.Changeset{})
	add("every field of the head", se.Changeset{
		Device: devB, N: 12, Prev: (&se.Changeset{Device: devB, N: 11}).Hash(), HLC: 0x0194_1f29_7c00_0003, Wall: 1_735_689_600_000, Boot: "boot-1", Mono: 86_400_000,
		Schema: 3, Author: "acc-王", Foreign: true, Replaces: 9,
	})
	add("a clock in 1969 and one that stands still", se.Changeset{Wall: -1, Mono: 0, HLC: 0})
	add("the greatest numbers", se.Changeset{
		N: math.MaxInt64, HLC: math.MaxUint64, Wall: math.MaxInt64, Mono: math.MaxInt64, Schema: math.MaxInt32, Replaces: math.MaxInt64,
	})
	add("the least numbers", se.Changeset{Wall: math.MinInt64, Mono: math.MinInt64})
	add("values: NULL, whole numbers", one(put("a", se.Base{}, schema.Null(), schema.Int(0), schema.Int(-1), schema.Int(math.MaxInt64), schema.Int(math.MinInt64))))
	add("values: floating-point numbers", one(put("a", seen, schema.Real(0), schema.Real(1.5), schema.Real(-36.812345), schema.Real(math.MaxFloat64),
		schema.Real(math.SmallestNonzeroFloat64), schema.Real(math.Inf(1)), schema.Real(math.Inf(-1)), schema.Real(1e21))))
	add("values: text", one(put("a", seen, schema.Text(""), schema.Text("楼道堆物"), schema.Text("𠮷野家 𪚥"), schema.Text("a\x00b"), schema.Text("\u2028\u2029\ufeff"),
		schema.Text("e\u0301 is not \u00e9"), schema.Text(`"\/<>&`), schema.Text("😀👨‍👩‍👧"))))
	add("values: text that is not UTF-8", one(put("a", seen, schema.Text("\xff\xfe"), schema.Text("王\xe7\x8e"), schema.Text("\xed\xa0\x80"))))
	add("values: bytes", one(put("a", seen, schema.Blob(nil), schema.Blob([]byte{0}), schema.Blob([]byte{0xff, 0x00, 0x80}))))
	add("a text of 127 and one of 128 bytes", one(put("a", seen, schema.Text(string(bytes.Repeat([]byte("x"), 127))), schema.Text(string(bytes.Repeat([]byte("x"), 128))))))
	add("an update of two cells with their own bases", one(put("phone", se.Base{Epoch: 1, Seq: 3}, schema.Text("13800000000")), put("notes", se.Base{Epoch: 2, Seq: 1}, schema.Null())))
	add("a group", one(put("place", seen, schema.Real(36.9), schema.Real(117.2), schema.Null())))
	add("add", one(se.CellWrite{Cell: "count", Base: seen, Add: schema.Int(-3)}, se.CellWrite{Cell: "sum", Add: schema.Real(0.5)}))
	add("union", one(se.CellWrite{Cell: "tags", Base: seen, In: []string{"low_income", "独居"}, Out: []string{""}}))
	add("an operation that does nothing", one(se.CellWrite{Cell: "tags"}))
	add("insert, update, delete", se.Changeset{Changes: []se.Change{
		{Table: "visit", Row: rowX, Op: se.OpInsert, Cells: []se.CellWrite{put("scope", se.Base{}, schema.Text("370115003239001"))}},
		{Table: "household", Row: rowY, Op: se.OpUpdate, Cells: []se.CellWrite{put("phone", seen, schema.Null())}},
		{Table: "wish", Row: rowX, Op: se.OpDelete, Base: seen},
	}})
	add("an insert of nothing", se.Changeset{Changes: []se.Change{{Table: "t", Row: rowX, Op: se.OpInsert}}})
	add("decide: release a quarantined changeset", se.Changeset{Changes: []se.Change{{Op: se.OpDecide, Decide: &se.Decision{
		Choice: se.ChoiceRelease, Quarantined: se.WriteID{Device: "0191d0a0-0000-7000-8000-00000000000b", N: 4}, Reason: "他确实去过",
	}}}})
	add("decide: keep", se.Changeset{Changes: []se.Change{{Table: "t", Row: rowX, Op: se.OpDecide, Base: seen, Decide: &se.Decision{
		Conflict: "17-0", Choice: se.ChoiceKeep, Shown: []se.WriteID{{Device: devA, N: 3}, {Device: devB, N: 9}}, Reason: "电话核实",
	}}}})
	add("decide: take", se.Changeset{Changes: []se.Change{{Table: "t", Row: rowX, Op: se.OpDecide, Decide: &se.Decision{
		Conflict: "17-1", Choice: se.ChoiceTake, Take: se.WriteID{Device: devB, N: 9},
	}}}})
	add("decide: set", se.Changeset{Changes: []se.Change{{Table: "t", Row: rowX, Op: se.OpDecide, Decide: &se.Decision{
		Conflict: "17-2", Choice: se.ChoiceSet, Values: []schema.Value{schema.Text("x"), schema.Null()},
	}}}})
	add("salvage: rows that a restored centre lacks", se.Changeset{Salvage: true, Changes: []se.Change{{Table: "t", Row: rowX, Op: se.OpInsert}}})
	add("a hole", se.Changeset{N: 2, Prev: se.Hash{1}, Gone: se.Hash{2}})
	return names, list
}

// TestChangesetVectors: the canonical bytes of a changeset, and so its hash, for every client (I20).
func TestChangesetVectors(t *testing.T) {
	type vector struct {
		Name      string          `json:"name"`
		Changeset json.RawMessage `json:"changeset"` // JSON mapping of the message Changeset
		Canonical string          `json:"canonical"` // hex
		Hash      string          `json:"hash"`      // hex
	}
	var list []vector
	names, sets := changesets()
	for i, cs := range sets {
		p, err := changesetToWire(cs)
		require.NoError(t, err)
		list = append(list, vector{names[i], compact(t, p), hex.EncodeToString(cs.Canonical()), cs.Hash().String()})
	}
	// What a client may send that is not in the one form: the centre reads it as if it were.
	odd := json.RawMessage(`{"device":"` + devA + `","n":1,"changes":[{"table":"t","row":"` + rowX + `","op":1,"cells":[{"cell":"a","values":[{"real":-0},{"rawText":"YQ=="}]}]}]}`)
	p := &Changeset{}
	require.NoError(t, protojson.Unmarshal(odd, p))
	cs, err := changesetFromWire(p)
	require.NoError(t, err)
	list = append(list, vector{"-0 is 0; rawText that is UTF-8 is text", odd, hex.EncodeToString(cs.Canonical()), cs.Hash().String()})

	hashes := map[string]string{}
	for _, v := range list {
		require.Empty(t, hashes[v.Hash], "two vectors with one hash: %s", v.Name)
		hashes[v.Hash] = v.Name
	}
	vectors(t, "changesets.json", list)
}

// TestMessageVectors: each kind of message in both formats. These bytes are read for ever.
func TestMessageVectors(t *testing.T) {
	type vector struct {
		Name   string          `json:"name"`
		Binary string          `json:"binary"` // base64
		JSON   json.RawMessage `json:"json"`
	}
	_, sets := changesets()
	hash := sets[1].Hash()
	key := se.ConflictKey{Kind: se.ConflictCell, Table: "resident", Row: rowX, Cell: "name"}
	var list []vector
	for _, x := range []struct {
		name string
		m    session.Message
	}{
		{"hello of a new device", &session.Hello{Hello: se.Hello{Device: devA, App: "doorstep 0.1", Schema: 1, Wall: 1_735_689_600_000, Boot: "b", Mono: 12}}},
		{"hello in the middle of a step", &session.Hello{Hello: se.Hello{
			Device: devA, Token: "eyJ", App: "x", Schema: 2, Epoch: 3, Cursor: 99, View: "v1", StagedView: "v2", StagedReset: true,
			Staged: []se.StagedScope{{Scope: "370115003239001", After: se.Position{Seq: 40, Key: "2/visit/" + rowX}}, {Scope: "370115003239002", After: se.Position{Seq: 41}}},
			LastN:  12, LastHash: hash, Acked: 10, Inbox: 4, Wall: -5, Boot: "boot", Mono: 7, HLC: math.MaxUint64,
		}}},
		{"welcome", &session.Welcome{Welcome: se.Welcome{
			Epoch: 3, Head: 120, Time: 1_735_689_600_000, View: "v2", Reset: true, LastN: 12, Hash: hash, Schema: 2, Limits: recordedLimits, HLC: 1,
			Grants: []se.Grant{{Scope: "370115003239001", Name: "王河一网格", Role: "steward", Level: schema.LevelGrid, Doors: []string{rowX, rowY}, From: 1, To: 2}, {Scope: "370115003239", Role: "supervisor"}},
		}}},
		{"push of everything", &session.Push{Changesets: sets}},
		{"verdicts", &session.Verdicts{Verdicts: []se.Verdict{
			{N: 1, Hash: hash, Kind: se.Accepted, Epoch: 1, Seq: 5},
			{N: 2, Hash: hash, Kind: se.Conflicts, Epoch: 1, Seq: 6, Conflicts: []se.ConflictRef{{ID: "6-0", Key: key}}},
			{N: 3, Hash: hash, Kind: se.Merged, Epoch: 1, Seq: math.MaxInt64},
			{N: 4, Hash: hash, Kind: se.Rejected, Epoch: 1, Reason: &se.Reason{Code: se.CodeBadValue, Table: "resident", Row: rowX, Column: "phone", Rule: "phone", Current: []schema.Value{schema.Text("13800000000")}}},
			{N: 5, Hash: hash, Kind: se.Parked, Epoch: 1, Reason: &se.Reason{Code: se.CodeAwaits, Table: "visit", Row: rowX, Rule: rowY}},
		}}},
		{"delta that only says done", &session.Delta{Delta: se.Delta{View: "v", From: se.Base{Epoch: 1, Seq: 5}, Done: true, To: se.Base{Epoch: 1, Seq: 6}, LastN: 3, HLC: 77}}},
		{"delta", &session.Delta{Delta: se.Delta{
			View: "v", Reset: true, Scope: "g", Start: se.Position{}, After: se.Position{Seq: 9, Key: "k"}, Items: []se.DeltaItem{
				{Seq: 7, Kind: se.DeltaEvict, Table: "visit", Row: rowX},
				{Seq: 8, Kind: se.DeltaDead, Table: "visit", Row: rowY},
				{Seq: 9, Kind: se.DeltaRow, Table: "visit", Row: rowX, Whole: true, Cells: []se.CellValue{{Cell: "scope", Values: []schema.Value{schema.Text("g")}}, {Cell: "place", Values: []schema.Value{schema.Real(1), schema.Null(), schema.Int(2)}}}},
			},
			Done: true, Scopes: []se.StagedScope{{Scope: "g", After: se.Position{Seq: 9, Key: "k"}}}, To: se.Base{Epoch: 1, Seq: 9},
		}}},
		{"hello of a device that takes snapshots", &session.Hello{Hello: se.Hello{
			Device: devA, Epoch: 3, View: "v1", StagedView: "v2", StagedReset: true, Unpacks: []string{se.Deflate},
			Staged: []se.StagedScope{{Scope: "g", After: se.Position{Seq: 40, Key: "2/visit/" + rowX}, Snapshot: "5f1d", Read: 88}},
		}}},
		{"welcome below the minimum", &session.Welcome{Welcome: se.Welcome{Epoch: 3, Head: 120, View: "v2", Schema: 5, Limits: recordedLimits,
			Minimum: se.Minimum{Schema: 4, App: "0.2.0", From: 1790000000000}, Drain: true}}},
		{"welcome of a device that a copy spoke for in a new epoch", &session.Welcome{Welcome: se.Welcome{Epoch: 3, Head: 120, View: "v2", Reset: true, Limits: recordedLimits,
			LastN: 19, Hash: se.Hash{1, 2, 3}, Anew: 6}}},
		{"welcome with a floor", &session.Welcome{Welcome: se.Welcome{Epoch: 3, Head: 120, View: "v2", Limits: recordedLimits, Floor: 90}}},
		{"welcome with keys of sealed columns", &session.Welcome{Welcome: se.Welcome{Epoch: 3, Head: 120, View: "v2", Limits: recordedLimits, Keys: []seal.Key{
			{Table: "resident", Column: "id_no", ID: 1, Secret: [32]byte(hash)}, {Table: "resident", Column: "id_no", ID: 4_294_967_295, Secret: [32]byte{31: 1}},
			{Table: "resident", Column: "id_no_hash", ID: 1, Match: true, Secret: [32]byte{1}},
		}}}},
		{"manifest", &session.Manifest{Manifest: se.Manifest{ID: "5f1d", Scope: "g", Encoding: se.Deflate, Seq: 88, Rows: 3, Bytes: 90, Chunks: []se.ChunkSum{
			{Hash: hash, Bytes: 50, Size: 400, Rows: 2}, {Hash: sets[2].Hash(), Bytes: 40, Size: 300, Rows: 1},
		}}}},
		{"hello of a device that takes snapshots in columns", &session.Hello{Hello: se.Hello{Device: devA, Unpacks: []string{se.Columns, se.Deflate}}}},
		{"manifest of a snapshot in columns", &session.Manifest{Manifest: se.Manifest{ID: "5f1e", Scope: "g", Encoding: se.Columns, Seq: 88, Rows: 2, Bytes: 30, Chunks: []se.ChunkSum{
			{Hash: hash, Bytes: 30, Size: 300, Rows: 2},
		}}}},
		{"delta with a chunk", &session.Delta{Delta: se.Delta{
			View: "v2", Reset: true, Scope: "g", Start: se.Position{Seq: 40, Key: "2/visit/" + rowX}, After: se.Position{Seq: 88}, Read: 88,
			Snapshot: "5f1d", Chunk: 2, Packed: []byte{0x4b, 0x04, 0x00},
		}}},
		{"inbox", &session.Inbox{Messages: []se.Message{
			{Device: devA, Number: 1, Kind: se.MessageConflict, Seq: 6, Conflict: se.ConflictRef{ID: "6-0", Key: key}, Author: "acc-1"},
			{Device: devA, Number: 2, Kind: se.MessageDecided, Seq: 8, Conflict: se.ConflictRef{ID: "6-0", Key: key}, Author: "acc-2", Choice: se.ChoiceTake},
		}}},
		{"inbox with a decision's reason", &session.Inbox{Messages: []se.Message{
			{Device: devA, Number: 3, Kind: se.MessageDecided, Seq: 9, Conflict: se.ConflictRef{ID: "7-0", Key: key}, Author: "acc-2", Choice: se.ChoiceKeep, Reason: "问过本人"},
		}}},
		{"seen", &session.Seen{Frames: 3, Epoch: 1, Cursor: 9, View: "v", Inbox: 2, Acked: 5}},
		{"welcome that names lost grants", &session.Welcome{Welcome: se.Welcome{
			Epoch: 1, Head: 9, Time: 1_735_689_600_000, View: "w", Reset: true, Limits: recordedLimits, Schema: 1, LastN: 3,
			Grants:  []se.Grant{{Scope: "b", Role: "grid_worker", Level: schema.LevelGrid, Offline: 14 * 86_400_000}},
			Lost:    []se.Grant{{Scope: "a", Role: "grid_worker", Level: schema.LevelGrid}, {Scope: "b", Role: "steward", Doors: []string{devA}}},
			Lease:   14 * 86_400_000,
			Receipt: 1_735_689_500_000,
		}}},
		{"drain", &session.Drain{Drain: se.Drain{View: "w", N: 7}}},
		{"purged", &session.Purged{Purged: se.Purged{View: "w", N: 7}}},
		{"retire", &session.Retire{Retire: se.Retire{Wipe: true}}},
		{"check of a scope", &session.Check{Check: se.Check{
			Number: 1, At: se.Base{Epoch: 1, Seq: 9}, View: "v", Scope: "370115003239001", Tables: []se.TableDigest{
				{Table: "resident", Columns: []string{"scope", "name"}, Buckets: 256, Filled: []se.Bucket{
					{Index: 0, Digest: se.Digest{Count: 1, Hi: 1, Lo: math.MaxUint64}}, {Index: 255, Digest: se.Digest{Count: 2, Hi: math.MaxUint64}},
				}}, {Table: "visit", Columns: []string{"scope"}, Buckets: 256},
			},
		}}},
		{"how a check ended", &session.Check{Check: se.Check{Number: 4, Report: &se.CheckReport{Scopes: 2, Repaired: 3, Local: 1, Unmended: true, Stopped: true}}}},
		{"nothing differs", &session.Repair{Repair: se.Repair{Number: 1, Part: 1, Done: true}}},
		{"not now", &session.Repair{Repair: se.Repair{Number: 1, Part: 1, Done: true, Stale: true}}},
		{"repair, last part", &session.Repair{Repair: se.Repair{
			Number: 1, Part: 2, Done: true, More: true, Items: []se.DeltaItem{
				{Seq: 9, Kind: se.DeltaRow, Table: "visit", Row: rowX, Whole: true, Cells: []se.CellValue{{Cell: "scope", Values: []schema.Value{schema.Text("g")}}}},
			}, Covered: []se.Covered{{Table: "visit", Buckets: 256, Index: []int{0, 17, 255}}},
		}}},
		{"notice", &session.Notice{Code: session.NoticeGap, Text: "a changeset before this one is missing", Close: true}},
	} {
		b, err := Marshal(x.m, Binary)
		require.NoError(t, err)
		j, err := Marshal(x.m, JSON)
		require.NoError(t, err)
		for f, b := range map[Format][]byte{Binary: b, JSON: j} {
			back, err := Unmarshal(b, f, se.DefaultLimits)
			require.NoError(t, err, x.name)
			require.Equal(t, x.m, back, x.name)
		}
		list = append(list, vector{x.name, base64.StdEncoding.EncodeToString(b), j})
	}
	vectors(t, "messages.json", list)
}
