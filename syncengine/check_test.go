package syncengine_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// replicaOf is what a device holds after a snapshot, as plainly as it can be written: rows by table and id, columns by
// name.
type replicaOf struct {
	w    *world
	d    *dev
	at   se.Base
	view string
	rows map[string]map[se.RowID]map[string]schema.Value
}

func (w *world) replica(d *dev) *replicaOf {
	part := view(w, func(tx se.ReadTx) (*se.Part, error) {
		return w.e.Next(tx, se.NextRequest{Device: d.id, Now: w.now, Budget: 1 << 30})
	})
	r := &replicaOf{w: w, d: d, at: part.Head, view: part.View, rows: map[string]map[se.RowID]map[string]schema.Value{}}
	for _, f := range part.Frames {
		for i := range f.Items {
			r.take(&f.Items[i])
		}
	}
	return r
}

func (r *replicaOf) take(it *se.DeltaItem) {
	t := r.w.s.Table(it.Table)
	row := map[string]schema.Value{}
	for _, c := range it.Cells {
		for i, col := range t.Cell(c.Cell).Columns {
			row[col.Name] = c.Values[i]
		}
	}
	if r.rows[it.Table] == nil {
		r.rows[it.Table] = map[se.RowID]map[string]schema.Value{}
	}
	r.rows[it.Table][it.Row] = row
}

// check makes a Check by protocol.md's words alone: canonical bytes, SHA-256, sums of 128 bits, buckets by FNV-1a.
func (r *replicaOf) check(scope string, buckets int) *se.Check {
	c := &se.Check{Number: 1, At: r.at, View: r.view, Scope: scope}
	mod := new(big.Int).Lsh(big.NewInt(1), 128)
	for _, t := range r.w.s.Tables {
		d := se.TableDigest{Table: t.Name, Buckets: buckets}
		for _, col := range t.Columns {
			if col.Name != "id" && !col.Derived {
				d.Columns = append(d.Columns, col.Name)
			}
		}
		sums, counts := map[int]*big.Int{}, map[int]int64{}
		for id, row := range r.rows[t.Name] {
			if row["scope"].Str() != scope {
				continue
			}
			str := func(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }
			b := str(str(str(nil, "doorstep.row.v1"), t.Name), string(id))
			b = binary.BigEndian.AppendUint64(b, uint64(len(d.Columns)))
			for _, name := range d.Columns {
				b = row[name].AppendCanonical(b)
			}
			h := uint32(2166136261)
			for _, x := range []byte(id) {
				h = (h ^ uint32(x)) * 16777619
			}
			i := int((h ^ h>>16) % uint32(buckets))
			sum := sha256.Sum256(b)
			if sums[i] == nil {
				sums[i] = new(big.Int)
			}
			sums[i].Mod(sums[i].Add(sums[i], new(big.Int).SetBytes(sum[:16])), mod)
			counts[i]++
		}
		for i := range buckets {
			if counts[i] > 0 {
				b := sums[i].FillBytes(make([]byte, 16))
				d.Filled = append(d.Filled, se.Bucket{Index: i, Digest: se.Digest{
					Count: counts[i], Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:]),
				}})
			}
		}
		c.Tables = append(c.Tables, d)
	}
	return c
}

func (w *world) check(d *dev, c *se.Check, memo *se.DigestMemo, pages se.Pages) []se.Repair {
	w.t.Helper()
	return view(w, func(tx se.ReadTx) ([]se.Repair, error) {
		return w.e.Check(tx, memo, se.CheckRequest{Device: d.id, Check: c, Now: w.now, Budget: 1 << 20, Pages: pages})
	})
}

// equal tells whether the centre finds nothing to say.
func equal(list []se.Repair) bool {
	r := list[len(list)-1]
	return len(list) == 1 && r.Done && !r.Stale && !r.Snapshot && len(r.Covered) == 0
}

func TestDigestIsOrderFree(t *testing.T) {
	s := testSchema()
	home := s.Table("home")
	d := se.NewDigester(home, se.DigestColumns(home))
	row := func(i int) [][]schema.Value {
		out := make([][]schema.Value, len(home.Cells))
		for j, c := range home.Cells {
			out[j] = make([]schema.Value, len(c.Columns))
			out[j][0] = schema.Int(int64(i*100 + j))
		}
		return out
	}
	var all []se.Digest
	for i := range 200 {
		all = append(all, d.Row(rid(i), row(i)))
	}
	var sum se.Digest
	for _, x := range all {
		sum.Add(x)
	}
	require.EqualValues(t, 200, sum.Count)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var again, halves se.Digest
		for i, x := range all {
			again.Add(x)
			if i%2 == 0 {
				halves.Add(x)
			}
		}
		for i, x := range all {
			if i%2 == 1 {
				halves.Add(x)
			}
		}
		require.Equal(t, sum, again)
		require.Equal(t, sum, halves)
	}
	// One row less, one twice, or one value in another row is another digest.
	less, twice := se.Digest{}, sum
	for _, x := range all[1:] {
		less.Add(x)
	}
	twice.Add(all[0])
	require.NotEqual(t, sum, less)
	require.NotEqual(t, sum, twice)
	require.NotEqual(t, d.Row(rid(1), row(2)), d.Row(rid(1), row(1)))
	require.NotEqual(t, d.Row(rid(2), row(1)), d.Row(rid(1), row(1)))
}

// What a view masks and hides is digested as the view shows it: a replica that holds just that is found equal, and one
// that holds the plain values is not.
func TestDigestOfMaskedView(t *testing.T) {
	w := newWorld(t)
	anna := w.dev("anna", "worker")
	anna.ok(ins("door", rid(1), set("unit", 0, "1"), set("room", 0, "101")))
	for i := range 40 {
		anna.ok(ins("home", rid(100+i), set("door_id", 0, string(rid(1))), set("phone", 0, fmt.Sprintf("1380000%04d", i)),
			set("secret", 0, "not for stewards"), set("head", 0, "Li"), set("place", 0, 1.5, 2.0)))
	}
	steward := w.dev("stew", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}})
	memo := se.NewDigestMemo(4)
	for _, buckets := range []int{1, 64, 256, 1024} {
		require.True(t, equal(w.check(anna, w.replica(anna).check("g1", buckets), memo, se.Pages{Items: 7})))
		require.True(t, equal(w.check(steward, w.replica(steward).check("g1", buckets), memo, se.Pages{})))
	}
	held := w.replica(steward)
	require.Equal(t, "138****0000", held.rows["home"][rid(100)]["phone"].Str())
	held.rows["home"][rid(100)]["phone"] = schema.Text("13800000000")
	got := w.check(steward, held.check("g1", 256), memo, se.Pages{})
	require.Len(t, got, 1)
	require.Len(t, got[0].Covered, 1)
	for _, it := range got[0].Items {
		for _, c := range it.Cells {
			require.NotEqual(t, "secret", c.Cell)
			require.NotContains(t, c.Values[0].String(), "13800", "a repair is masked as deltas are")
		}
	}
	// A value in a column that the view hides is found too.
	held = w.replica(steward)
	held.rows["home"][rid(103)]["secret"] = schema.Text("left from an earlier view")
	require.False(t, equal(w.check(steward, held.check("g1", 256), memo, se.Pages{})))
}

// The rows of buckets that differ come whole, those of others do not; a damaged replica is mended by them.
func TestRepairHoldsTheBucketsThatDiffer(t *testing.T) {
	w := newWorld(t)
	anna := w.dev("anna", "worker")
	for i := range 300 {
		anna.ok(ins("home", rid(i), set("head", 0, fmt.Sprint("h", i))))
	}
	held := w.replica(anna)
	held.rows["home"][rid(5)]["head"] = schema.Text("rot")
	delete(held.rows["home"], rid(7))
	held.rows["home"][rid(9999)] = map[string]schema.Value{"scope": schema.Text("g1")}
	list := w.check(anna, held.check("g1", 256), nil, se.Pages{Items: 11, Frame: 100})
	require.Greater(t, len(list), 1, "in parts")
	last := list[len(list)-1]
	require.True(t, last.Done)
	var rows []se.RowID
	for i, r := range list {
		require.Equal(t, i+1, r.Part)
		for _, it := range r.Items {
			require.True(t, it.Whole)
			rows = append(rows, it.Row)
		}
	}
	require.Contains(t, rows, rid(5))
	require.Contains(t, rows, rid(7))
	require.Less(t, len(rows), 20)
	var buckets []int
	for _, id := range []se.RowID{rid(5), rid(7), rid(9999)} {
		buckets = append(buckets, id.Bucket(256))
	}
	slices.Sort(buckets)
	require.Equal(t, []se.Covered{{Table: "home", Buckets: 256, Index: slices.Compact(buckets)}}, last.Covered)

	// Where all differs, it comes in as many answers as the budget asks for, each of whole buckets.
	held.rows["home"] = nil
	c := held.check("g1", 64)
	small := view(w, func(tx se.ReadTx) ([]se.Repair, error) {
		return w.e.Check(tx, nil, se.CheckRequest{Device: anna.id, Check: c, Now: w.now, Budget: 5000})
	})
	last = small[len(small)-1]
	require.True(t, last.More)
	in := map[int]bool{}
	for _, i := range last.Covered[0].Index {
		in[i] = true
	}
	n := 0
	for i := range 300 {
		if in[rid(i).Bucket(64)] {
			n++
		}
	}
	require.Len(t, small[0].Items, n, "every row of the buckets covered")
}

// Only at its own cursor can a replica be compared: while the centre has something newer for its view, it is told to
// come again; what moved elsewhere does not count.
func TestStaleCheck(t *testing.T) {
	w := newWorld(t)
	anna := w.dev("anna", "worker")
	both := w.dev("both", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	anna.ok(ins("home", rid(1), set("head", 0, "a")))
	old := w.replica(anna)
	require.True(t, equal(w.check(anna, old.check("g1", 256), nil, se.Pages{})))

	both.ok(se.Change{Table: "home", Row: rid(2), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, "g2"), set("head", 0, "x")}})
	require.True(t, equal(w.check(anna, old.check("g1", 256), nil, se.Pages{})), "another grid moved")

	both.ok(upd("home", rid(1), set("head", 1, "b")))
	got := w.check(anna, old.check("g1", 256), nil, se.Pages{})
	require.Equal(t, []se.Repair{{Number: 1, Part: 1, Done: true, Stale: true}}, got)
	require.True(t, equal(w.check(anna, w.replica(anna).check("g1", 256), nil, se.Pages{})))

	// A cursor of another view, of another epoch or ahead of the centre is stale as well.
	for _, change := range []func(*se.Check){
		func(c *se.Check) { c.View = "another" }, func(c *se.Check) { c.At.Epoch = 7 }, func(c *se.Check) { c.At.Seq += 5 },
	} {
		c := w.replica(anna).check("g1", 256)
		change(c)
		require.True(t, w.check(anna, c, nil, se.Pages{})[0].Stale)
	}
}

// What is remembered of a scope is forgotten when it moves, and is never another view's.
func TestDigestsAreRemembered(t *testing.T) {
	w := newWorld(t)
	anna, bo := w.dev("anna", "worker"), w.dev("bo", "worker")
	stew := w.dev("stew", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}})
	other := w.dev("other", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(2))}})
	for i := 1; i <= 2; i++ {
		anna.ok(ins("door", rid(i), set("unit", 0, fmt.Sprint(i))))
		anna.ok(ins("home", rid(10+i), set("door_id", 0, string(rid(i))), set("phone", 0, "13800000000")))
	}
	memo := se.NewDigestMemo(2) // fewer than there are views: what falls out is made anew
	for range 3 {
		for _, d := range []*dev{anna, bo, stew, other} {
			require.True(t, equal(w.check(d, w.replica(d).check("g1", 64), memo, se.Pages{})), d.id)
		}
		seq := anna.ok(ins("home", rid(int(w.now)), set("door_id", 0, string(rid(1)))))
		require.Positive(t, seq)
	}
}

func TestHostileCheck(t *testing.T) {
	w := newWorld(t)
	anna := w.dev("anna", "worker")
	other := w.dev("other", "worker", se.Grant{Scope: "g2", Role: "worker"})
	anna.ok(ins("home", rid(1), set("head", 0, "a"), set("phone", 0, "13800000000")))
	mine := w.replica(other)

	// Someone else's scope, one that does not exist and one's own empty one get the same answer, whatever is asked.
	answers := map[string]string{}
	for _, scope := range []string{"g1", "nowhere", "g2", ""} {
		c := mine.check(scope, 64)
		answers[scope] = fmt.Sprint(w.check(other, c, nil, se.Pages{}))
		c.Tables[1].Filled = []se.Bucket{{Index: rid(1).Bucket(64), Digest: se.Digest{Count: 1, Hi: 1, Lo: 2}}}
		list := w.check(other, c, nil, se.Pages{})
		require.Len(t, list, 1)
		require.Empty(t, list[0].Items)
		require.Equal(t, []se.Covered{{Table: c.Tables[1].Table, Buckets: 64, Index: []int{rid(1).Bucket(64)}}}, list[0].Covered)
	}
	for _, a := range answers {
		require.Equal(t, answers["g2"], a)
	}

	// The digest that somebody would have of a row he guesses is no oracle for what is in it: the scope is not his.
	c := w.replica(anna).check("g1", 64)
	c.View, c.At = mine.view, mine.at
	guess := w.check(other, c, nil, se.Pages{})
	require.Empty(t, guess[0].Items)
	require.NotEmpty(t, guess[0].Covered, "it is not said to be right")

	// Another's view does not help, nor do record types and columns that do not exist.
	c.View = w.replica(anna).view
	require.True(t, w.check(other, c, nil, se.Pages{})[0].Stale)
	c = w.replica(anna).check("g1", 64)
	c.Tables = append(c.Tables, se.TableDigest{Table: "account", Columns: []string{"password"}, Buckets: 1},
		se.TableDigest{Table: "log", Columns: []string{"nothing", "id", "home_id"}, Buckets: 2, Filled: []se.Bucket{{Index: 1, Digest: se.Digest{Count: 9}}}})
	list := w.check(anna, c, nil, se.Pages{})
	require.Len(t, list, 1)
	require.Empty(t, list[0].Items)

	// Buckets as coarse as a whole scope cost no more memory than a snapshot's frames: it is told to take one.
	for i := range 7 {
		anna.ok(ins("log", rid(50+i), set("home_id", 0, string(rid(1))), set("text", 0, "a long story")))
	}
	c = w.replica(anna).check("g1", 1)
	for i := range c.Tables {
		c.Tables[i].Filled = nil
	}
	list = w.check(anna, c, nil, se.Pages{Bucket: 1000})
	require.Len(t, list, 1)
	require.True(t, list[0].Snapshot)
	c.Tables = slices.DeleteFunc(c.Tables, func(d se.TableDigest) bool { return d.Table != "log" })
	list = w.check(anna, c, nil, se.Pages{Bucket: 700})
	require.True(t, list[0].Snapshot)
	require.Empty(t, list[0].Items)
}
