package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// twinWorld is a world in which homes with one phone number are taken for the same home, and logs name helpers.
func twinWorld(t *testing.T) *world {
	w := &world{t: t, s: testSchema(), now: 1_000_000, devs: map[string]*dev{}}
	w.s.Table("home").NaturalKey = []string{"phone"}
	w.s.Table("wish").Columns = append(w.s.Table("wish").Columns, &schema.Column{Name: "homes", Type: schema.TypeSet, Policy: schema.PolicyUnion, Ref: "home"})
	log := w.s.Table("log")
	log.Columns = append(log.Columns, &schema.Column{Name: "about_id", Type: schema.TypeRef, Policy: schema.PolicyReview, Ref: "home"})
	for _, name := range []string{"home", "log", "door"} {
		w.s.Table(name).ReferredBy = nil
	}
	for _, x := range w.s.Tables {
		x.ReferredBy = nil
	}
	w.s.Index()
	w.store = memstore.New(w.s)
	w.store.RunTwice = true
	w.e = se.New(w.s, se.DefaultLimits)
	return w
}

// twins makes homes 1 and 2 with one phone number, by a and b, and gives the conflict about them.
func (w *world) twins(a, b *dev, one, two []se.CellWrite) *se.Conflict {
	w.t.Helper()
	a.ok(ins("home", rid(1), append(one, set("phone", 0, "138"))...))
	require.Equal(w.t, se.Conflicts, b.push(ins("home", rid(2), append(two, set("phone", 0, "138"))...)).Kind)
	con := w.open(se.ConflictDuplicate, "home", rid(1), "")
	require.NotNil(w.t, con)
	return con
}

func (w *world) head() int64 {
	return view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq
}

func decision(con *se.Conflict, base int64, d se.Decision) se.Change {
	d.Conflict = con.ID
	for _, x := range con.Candidates {
		d.Shown = append(d.Shown, x.ID())
	}
	return se.Change{Table: con.Key.Table, Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: base}, Decide: &d}
}

func mergeInto(con *se.Conflict, base int64, into, retired se.RowID, picks ...se.Pick) se.Change {
	return decision(con, base, se.Decision{Choice: se.ChoiceMerge, Survivor: into, Retired: []se.RowID{retired}, Picks: picks})
}

func splitOff(con *se.Conflict, base int64, retired ...se.RowID) se.Change {
	return decision(con, base, se.Decision{Choice: se.ChoiceSplit, Retired: retired})
}

func (w *world) dead(table string, id se.RowID) *se.Dead {
	return view(w, func(tx se.ReadTx) (*se.Dead, error) { return tx.Dead(table, id) })
}

func (w *world) closed(con *se.Conflict) *se.Conflict {
	return view(w, func(tx se.ReadTx) (*se.Conflict, error) { return tx.Conflict(con.ID) })
}

func values(list []se.Candidate) (out []string) {
	for _, x := range list {
		out = append(out, x.Author+" "+x.Cell.Values[0].String())
	}
	return out
}

// TestMergeDuplicates: the survivor keeps its values, takes what it lacks and what was picked; what referred to the
// retired row refers to it, in place; replicas learn of all of it at one seq.
func TestMergeDuplicates(t *testing.T) {
	w := twinWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	a.ok(ins("door", rid(8), set("unit", 0, "1"), set("room", 0, "101")))
	a.ok(ins("door", rid(9), set("unit", 0, "1"), set("room", 0, "102")))
	con := w.twins(a, b,
		[]se.CellWrite{set("door_id", 0, string(rid(8))), set("head", 0, "王"), set("level", 0, "low"), {Cell: "tags", In: []string{"old"}}, {Cell: "count", Add: schema.Int(2)}},
		[]se.CellWrite{set("door_id", 0, string(rid(9))), set("head", 0, "李"), set("place", 0, 1.5, 2.5), set("level", 0, "high"),
			{Cell: "tags", In: []string{"alone", "old"}}, {Cell: "count", Add: schema.Int(3)}})
	b.ok(ins("log", rid(20), set("home_id", 0, string(rid(2))), set("text", 0, "visit"), set("about_id", 0, string(rid(2)))))
	b.ok(ins("wish", rid(30), set("title", 0, "bench"), se.CellWrite{Cell: "homes", In: []string{string(rid(2)), string(rid(5))}}))
	cursor := w.head()
	require.Equal(t, []string{string(rid(9))}, []string{w.row("log", rid(20)).Door})

	v := boss.push(mergeInto(con, cursor, rid(1), rid(2), se.Pick{Cell: "head", Row: rid(2)}))
	require.Equal(t, se.Accepted, v.Kind, "%+v", v.Reason)
	require.Equal(t, "gone", w.shows("home", rid(2), "head"))
	require.Equal(t, rid(1), w.dead("home", rid(2)).Into)
	require.Equal(t, "李", w.shows("home", rid(1), "head"), "as picked")
	require.Equal(t, string(rid(8)), w.shows("home", rid(1), "door_id"), "its own")
	require.Equal(t, "1.5,2.5", w.shows("home", rid(1), "place"), "what it lacked")
	require.Equal(t, "high", w.shows("home", rid(1), "level"), "the greater")
	require.Equal(t, `["alone","old"]`, w.shows("home", rid(1), "tags"))
	require.Equal(t, "5", w.shows("home", rid(1), "count"))
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "level"), "both were before the decider")
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "head"))
	require.Equal(t, se.Outcome(se.ChoiceMerge), w.closed(con).Outcome)

	require.Equal(t, string(rid(1)), w.shows("log", rid(20), "home_id"))
	require.Equal(t, string(rid(1)), w.shows("log", rid(20), "about_id"))
	require.Equal(t, string(rid(8)), w.row("log", rid(20)).Door, "it follows the path to its door")
	require.Equal(t, "b", w.row("log", rid(20)).Cells[w.s.Table("log").CellIndex("home_id")].Survivors[0].Author, "still his")
	require.Equal(t, schema.FormatSet([]string{string(rid(1)), string(rid(5))}), w.shows("wish", rid(30), "homes"))
	require.ElementsMatch(t, []string{
		"dead home/2", "evict log/14",
		"row home/1 head=[李] level=[high] tags=[[\"alone\",\"old\"]] count=[5] place=[1.5 2.5]",
		"row log/14 whole scope=[g1] home_id=[" + string(rid(1)) + "] text=[visit] about_id=[" + string(rid(1)) + "]",
		"row wish/1e homes=[" + schema.FormatSet([]string{string(rid(1)), string(rid(5))}) + "]",
	}, drop(w.next(a, cursor, false), "evict log/14"), "%v", w.next(a, cursor, false))
	msgs := w.messages(b)
	require.Equal(t, se.MessageDecided, msgs[len(msgs)-1].Kind)
	require.Equal(t, se.ChoiceMerge, msgs[len(msgs)-1].Choice)
}

// drop keeps a list as it is; an eviction is only sent to views that showed the row elsewhere.
func drop(list []string, optional string) []string {
	for _, s := range list {
		if s == optional {
			return list
		}
	}
	return append(list, optional)
}

// TestMergeKeepsCandidates: what waited on the retired row, and what was written to it since the screen was read, waits
// on the survivor; nobody counts as having seen it there.
func TestMergeKeepsCandidates(t *testing.T) {
	w := twinWorld(t)
	a, b, c, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("c", "worker"), w.dev("boss", "boss")
	con := w.twins(a, b, []se.CellWrite{set("head", 0, "王")}, []se.CellWrite{set("head", 0, "李")})
	screen := w.head()
	require.Equal(t, se.Conflicts, c.push(upd("home", rid(2), set("head", 0, "赵"))).Kind) // concurrent: 李 waits
	before := w.head()
	v := boss.push(mergeInto(con, screen, rid(1), rid(2)))
	require.Equal(t, se.Conflicts, v.Kind)
	require.Equal(t, "王", w.shows("home", rid(1), "head"), "the survivor's, whatever the clocks say")
	head := w.open(se.ConflictCell, "home", rid(1), "head")
	require.ElementsMatch(t, []string{"b 李", "c 赵"}, values(head.Candidates))
	require.Equal(t, rid(2), head.Candidates[0].Row, "it says where they were written")
	require.Nil(t, w.open(se.ConflictCell, "home", rid(2), "head"))

	// a had seen home 2 with 赵 in it: that was another row. b wrote both rows: neither replaces the other.
	a.push(upd("home", rid(1), set("head", before, "孙")))
	require.Equal(t, "孙", w.shows("home", rid(1), "head"))
	require.ElementsMatch(t, []string{"b 李", "c 赵"}, values(w.open(se.ConflictCell, "home", rid(1), "head").Candidates))
	b.push(upd("home", rid(1), set("head", 0, "周")))
	require.Contains(t, values(w.open(se.ConflictCell, "home", rid(1), "head").Candidates), "b 李")
	var told []string
	for _, m := range w.messages(c) {
		told = append(told, string(m.Kind)+" "+m.Conflict.Key.Label())
	}
	require.Contains(t, told, "conflict cell home/"+string(rid(1))+".head", "c hears where his write waits now")
	require.Contains(t, told, "ended cell home/"+string(rid(2))+".head")
}

// TestMergePicksWhatWasNotSeen: a value that changed since the screen was read is not taken as the decider's.
func TestMergePicksWhatWasNotSeen(t *testing.T) {
	w := twinWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	con := w.twins(a, b, []se.CellWrite{set("head", 0, "王")}, []se.CellWrite{set("head", 0, "李")})
	screen := w.head()
	b.ok(upd("home", rid(2), set("head", screen, "刘")))
	boss.push(mergeInto(con, screen, rid(1), rid(2), se.Pick{Cell: "head", Row: rid(2)}))
	require.Equal(t, "刘", w.shows("home", rid(1), "head"), "a write like any other, and the later")
	require.Equal(t, []string{"a 王"}, values(w.open(se.ConflictCell, "home", rid(1), "head").Candidates))
}

// TestLateWriteToARetiredRow: it arrives at the survivor as a write that has seen nothing of it; a deletion has no
// effect; nothing lives again.
func TestLateWriteToARetiredRow(t *testing.T) {
	w := twinWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	con := w.twins(a, b, []se.CellWrite{set("head", 0, "王"), {Cell: "tags", In: []string{"x"}}}, []se.CellWrite{set("head", 0, "李"), {Cell: "tags", In: []string{"y"}}, {Cell: "count", Add: schema.Int(1)}})
	base := w.head()
	boss.ok(mergeInto(con, base, rid(1), rid(2)))

	v := b.push(upd("home", rid(2), set("head", base, "刘"), set("secret", base, "s"), se.CellWrite{Cell: "tags", Base: se.Base{Epoch: 1, Seq: base}, In: []string{"z"}, Out: []string{"y"}}, se.CellWrite{Cell: "count", Add: schema.Int(4)}))
	require.Equal(t, se.Conflicts, v.Kind, "%+v", v.Reason)
	require.Equal(t, se.ConflictKey{Kind: se.ConflictCell, Table: "home", Row: rid(1), Cell: "head"}, v.Conflicts[0].Key)
	require.Equal(t, "刘", w.shows("home", rid(1), "head"), "the later of two that knew nothing of each other")
	require.Equal(t, []string{"a 王"}, values(w.open(se.ConflictCell, "home", rid(1), "head").Candidates), "never lost")
	require.Equal(t, "s", w.shows("home", rid(1), "secret"))
	require.Equal(t, `["x","y","z"]`, w.shows("home", rid(1), "tags"), "additions win over what he had not seen here")
	require.Equal(t, "5", w.shows("home", rid(1), "count"))
	b.push(upd("home", rid(2), set("head", base, "周"))) // his own earlier write to that row is replaced
	require.Equal(t, "周", w.shows("home", rid(1), "head"))
	require.Equal(t, []string{"a 王"}, values(w.open(se.ConflictCell, "home", rid(1), "head").Candidates))

	require.Equal(t, se.Merged, b.push(upd("home", rid(2), set("phone", base, "138"))).Kind)
	require.Equal(t, se.Accepted, b.push(del("home", rid(2), base)).Kind)
	require.Equal(t, "周", w.shows("home", rid(1), "head"))
	v = a.push(ins("home", rid(2), set("head", 0, "吴")))
	require.Equal(t, se.Conflicts, v.Kind)
	require.NotNil(t, w.open(se.ConflictDelete, "home", rid(2), ""), "an insert of a dead id waits for a decision")
	require.Equal(t, "gone", w.shows("home", rid(2), "head"))

	a.ok(del("home", rid(1), w.head()))
	v = b.push(upd("home", rid(2), set("head", base, "郑")))
	require.Equal(t, se.Conflicts, v.Kind)
	require.Contains(t, values(w.open(se.ConflictDelete, "home", rid(1), "").Candidates), "b 郑", "the survivor was deleted since")
}

// TestLateWriteBeyondRights: who may not reach the survivor is parked and told nothing of it; a split releases him.
func TestLateWriteBeyondRights(t *testing.T) {
	w := twinWorld(t)
	a, boss := w.dev("a", "worker"), w.dev("boss", "boss")
	a.ok(ins("door", rid(8), set("unit", 0, "1"), set("room", 0, "101")))
	a.ok(ins("door", rid(9), set("unit", 0, "1"), set("room", 0, "102")))
	s := w.dev("s", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(9))}})
	con := w.twins(a, a, []se.CellWrite{set("door_id", 0, string(rid(8))), set("head", 0, "王")}, []se.CellWrite{set("door_id", 0, string(rid(9))), set("head", 0, "李")})
	s.acked = w.head()
	base := w.head()
	boss.ok(mergeInto(con, base, rid(1), rid(2)))
	s.refused(se.Rejected, se.CodeNoRight, upd("home", rid(2), set("tags", base, "x")))
	r := s.refused(se.Parked, se.CodeAwaits, upd("home", rid(2), set("head", base, "刘")))
	require.Equal(t, rid(2), r.Row)
	require.Equal(t, string(rid(2)), r.Rule, "nothing of where it would go")
	require.Equal(t, "王", w.shows("home", rid(1), "head"))
	boss.push(splitOff(w.closed(con), w.head(), rid(2)))
	require.Equal(t, []string{"s 刘"}, values(w.open(se.ConflictCell, "home", rid(2), "head").Candidates), "what it waited for lives again")
}

// TestLateReferenceToARetiredRow: what refers to a retired id refers to the survivor, at once and whoever wrote it.
func TestLateReferenceToARetiredRow(t *testing.T) {
	w := twinWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	a.ok(ins("door", rid(8), set("unit", 0, "1"), set("room", 0, "101")))
	con := w.twins(a, b, []se.CellWrite{set("door_id", 0, string(rid(8)))}, nil)
	b.ok(ins("log", rid(20), set("home_id", 0, string(rid(1))), set("about_id", 0, string(rid(1)))))
	base := w.head()
	boss.ok(mergeInto(con, base, rid(1), rid(2)))
	b.ok(ins("log", rid(21), set("home_id", 0, string(rid(2))), set("token", 0, "t")))
	require.Equal(t, string(rid(1)), w.shows("log", rid(21), "home_id"))
	require.Equal(t, string(rid(8)), w.row("log", rid(21)).Door)
	v := a.push(upd("log", rid(20), set("about_id", 0, string(rid(2)))))
	require.Equal(t, se.Merged, v.Kind, "it agrees with what stands")
	require.Nil(t, w.open(se.ConflictCell, "log", rid(20), "about_id"))
	require.Equal(t, string(rid(1)), w.shows("log", rid(20), "about_id"))
	b.ok(ins("wish", rid(30), se.CellWrite{Cell: "homes", In: []string{string(rid(1)), string(rid(2))}}))
	require.Equal(t, schema.FormatSet([]string{string(rid(1))}), w.shows("wish", rid(30), "homes"))
}

// TestMergeOfAMergedRow: an id leads to the last survivor, also when what retired rows held was forgotten.
func TestMergeOfAMergedRow(t *testing.T) {
	w := twinWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	con := w.twins(a, b, []se.CellWrite{set("head", 0, "王")}, nil)
	b.ok(ins("log", rid(20), set("home_id", 0, string(rid(2)))))
	boss.ok(mergeInto(con, w.head(), rid(1), rid(2)))
	require.Equal(t, se.Conflicts, a.push(ins("home", rid(3), set("phone", 0, "138"), set("head", 0, "李"))).Kind)
	con = w.open(se.ConflictDuplicate, "home", rid(1), "")
	boss.ok(mergeInto(con, w.head(), rid(3), rid(1)))
	require.Equal(t, string(rid(3)), w.shows("log", rid(20), "home_id"))
	b.push(upd("home", rid(2), set("head", 1, "刘")))
	require.Equal(t, "刘", w.shows("home", rid(3), "head"))
	b.ok(ins("log", rid(21), set("home_id", 0, string(rid(2)))))
	require.Equal(t, string(rid(3)), w.shows("log", rid(21), "home_id"))

	// Split in the middle: what named 1 or 2 goes back to 1; then 2 takes what named it.
	boss.push(splitOff(w.closed(con), w.head(), rid(1)))
	require.Equal(t, string(rid(1)), w.shows("log", rid(20), "home_id"))
	require.Equal(t, string(rid(1)), w.shows("log", rid(21), "home_id"))
	boss.push(splitOff(w.closed(con), w.head(), rid(2)))
	require.Equal(t, string(rid(2)), w.shows("log", rid(20), "home_id"))
	require.Equal(t, string(rid(2)), w.shows("log", rid(21), "home_id"))
}

// TestMergeSomeOfThree: the others stay in a conflict.
func TestMergeSomeOfThree(t *testing.T) {
	w := twinWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	w.twins(a, b, nil, nil)
	a.push(ins("home", rid(3), set("phone", 0, "138")))
	con := w.open(se.ConflictDuplicate, "home", rid(1), "")
	require.Len(t, con.Candidates, 2)
	boss.push(mergeInto(con, w.head(), rid(2), rid(1)))
	require.Equal(t, se.Outcome(se.ChoiceMerge), w.closed(con).Outcome, "it was kept under the retired row")
	con = w.open(se.ConflictDuplicate, "home", rid(2), "")
	require.Equal(t, rid(3), con.Candidates[0].Row)
	boss.push(mergeInto(con, w.head(), rid(2), rid(3)))
	require.Equal(t, se.Outcome(se.ChoiceMerge), w.closed(con).Outcome)
	require.Nil(t, w.open(se.ConflictDuplicate, "home", rid(2), ""))
}

// TestSplit: the retired row lives again as it was; what named it and was not changed since names it again; the rest
// stays with the survivor. Nothing is left of a row whose content was forgotten.
func TestSplit(t *testing.T) {
	w := twinWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	a.ok(ins("door", rid(8), set("unit", 0, "1"), set("room", 0, "101")))
	a.ok(ins("door", rid(9), set("unit", 0, "1"), set("room", 0, "102")))
	con := w.twins(a, b, []se.CellWrite{set("door_id", 0, string(rid(8))), set("head", 0, "王")}, []se.CellWrite{set("door_id", 0, string(rid(9))), set("head", 0, "李"), set("secret", 0, "s")})
	b.ok(ins("log", rid(20), set("home_id", 0, string(rid(2))), set("about_id", 0, string(rid(2)))))
	b.ok(ins("wish", rid(30), se.CellWrite{Cell: "homes", In: []string{string(rid(2)), string(rid(1))}}))
	base := w.head()
	boss.ok(mergeInto(con, base, rid(1), rid(2)))
	b.ok(ins("log", rid(21), set("home_id", 0, string(rid(2)))))
	b.ok(ins("log", rid(22), set("home_id", 0, string(rid(1)))))
	b.push(upd("home", rid(2), set("head", base, "刘")))
	a.ok(upd("log", rid(20), set("about_id", w.head(), string(rid(1)))))
	cursor := w.head()

	v := boss.push(splitOff(w.closed(con), cursor, rid(2)))
	require.Equal(t, se.Conflicts, v.Kind, "they are duplicates again")
	require.NotNil(t, w.open(se.ConflictDuplicate, "home", rid(1), ""))
	require.Equal(t, "李", w.shows("home", rid(2), "head"))
	require.Equal(t, "刘", w.shows("home", rid(1), "head"), "what was written since stays")
	require.Equal(t, "s", w.shows("home", rid(1), "secret"), "what it took over, too")
	require.Equal(t, string(rid(9)), w.row("home", rid(2)).Door)
	require.Equal(t, string(rid(2)), w.shows("log", rid(20), "home_id"))
	require.Equal(t, string(rid(9)), w.row("log", rid(20)).Door)
	require.Equal(t, string(rid(1)), w.shows("log", rid(20), "about_id"), "somebody wrote it since")
	require.Equal(t, string(rid(2)), w.shows("log", rid(21), "home_id"), "it named the retired one")
	require.Equal(t, string(rid(1)), w.shows("log", rid(22), "home_id"))
	require.Equal(t, schema.FormatSet([]string{string(rid(1)), string(rid(2))}), w.shows("wish", rid(30), "homes"))
	require.Contains(t, w.next(a, cursor, false), "row home/2 whole scope=[g1] door_id=["+string(rid(9))+"] phone=[138] head=[李] secret=[s]")
	boss.ok(decision(w.open(se.ConflictDuplicate, "home", rid(1), ""), w.head(), se.Decision{Choice: se.ChoiceBoth}))

	// A write from before the merge meets the row that lives again like any late write.
	v = a.push(upd("home", rid(2), set("head", base, "赵")))
	require.Equal(t, se.Conflicts, v.Kind)
}

// TestMergeRefusals: each with its reason, and without effect.
func TestMergeRefusals(t *testing.T) {
	w := twinWorld(t)
	w.s.Table("wish").NaturalKey = []string{"title"}
	w.s.Index()
	w.store = memstore.New(w.s)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	con := w.twins(a, b, []se.CellWrite{set("head", 0, "王")}, []se.CellWrite{set("head", 0, "李")})
	a.ok(ins("home", rid(3), set("phone", 0, "139")))
	refused := func(rule string, c se.Change) {
		t.Helper()
		require.Equal(t, rule, boss.refused(se.Rejected, se.CodeBadDecision, c).Rule)
	}
	now := func() int64 { return w.head() }
	refused("survivor", mergeInto(con, now(), rid(3), rid(2)))
	refused("survivor", mergeInto(con, now(), "", rid(2)))
	refused("retired", mergeInto(con, now(), rid(1), rid(1)))
	refused("retired", mergeInto(con, now(), rid(1), rid(3)))
	refused("retired", decision(con, now(), se.Decision{Choice: se.ChoiceMerge, Survivor: rid(1)}))
	refused("retired", splitOff(con, now(), rid(2)))
	refused("retired", splitOff(con, now()))
	for _, p := range []se.Pick{{Cell: "nothing", Row: rid(2)}, {Cell: "tags", Row: rid(2)}, {Cell: "scope", Row: rid(2)}, {Cell: "score", Row: rid(2)}, {Cell: "head", Row: rid(3)}} {
		refused("pick", mergeInto(con, now(), rid(1), rid(2), p))
	}
	refused("pick", mergeInto(con, now(), rid(1), rid(2), se.Pick{Cell: "head", Row: rid(1)}, se.Pick{Cell: "head", Row: rid(2)}))
	require.Equal(t, se.CodeBadDecision, a.refused(se.Rejected, se.CodeBadDecision, mergeInto(con, now(), rid(1), rid(2))).Code)

	boss.ok(mergeInto(con, now(), rid(1), rid(2)))
	refused("closed", mergeInto(con, now(), rid(2), rid(1)))
	a.push(ins("home", rid(4), set("phone", 0, "138")))
	next := w.open(se.ConflictDuplicate, "home", rid(1), "")
	refused("survivor", mergeInto(next, now(), rid(2), rid(4)))

	a.ok(ins("wish", rid(30), set("title", 0, "bench")))
	b.push(ins("wish", rid(31), set("title", 0, "bench")))
	refused("steps", mergeInto(w.open(se.ConflictDuplicate, "wish", rid(30), ""), now(), rid(30), rid(31)))

	require.NoError(t, w.store.Update(func(tx se.Tx) error { return tx.StripDead("home", rid(2)) }))
	refused("forgotten", splitOff(con, now(), rid(2)))
	b.push(upd("home", rid(2), set("head", 1, "刘")))
	require.Equal(t, "刘", w.shows("home", rid(1), "head"), "it is known for ever where a retired id leads")
}

func (w *world) row(table string, id se.RowID) *se.Row {
	return view(w, func(tx se.ReadTx) (*se.Row, error) { return tx.Row(table, id) })
}
