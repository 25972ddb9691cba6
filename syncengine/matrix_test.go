package syncengine_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// TestMatrix reads and writes every column of every record type as every role (reliability.md S5, P8). What has to come
// of it is worked out here from the declarations alone, by other code than the engine's; the test fails if a cell of
// the matrix was left out.
func TestMatrix(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	t.Run("declared", func(t *testing.T) { wholeMatrix(t, s) })
	// The same views with every right there is: what a role does not read in full it may not write all the same.
	generous, err := load.Default()
	require.NoError(t, err)
	for _, table := range generous.Tables {
		for role := range table.Views {
			table.Rights[role] = &schema.Right{Insert: true, Delete: true, Update: []string{schema.AllCells}}
		}
	}
	generous.Index()
	t.Run("generous", func(t *testing.T) { wholeMatrix(t, generous) })
}

func wholeMatrix(t *testing.T, s *schema.Schema) {
	done := map[string]int{}
	for _, table := range s.Tables {
		for _, role := range roleNames(s) {
			t.Run(table.Name+"/"+role, func(t *testing.T) {
				m := newMatrix(t, s, table, role)
				m.reads(done)
				m.updates(done)
				m.inserts(done)
				m.deletes()
				m.strays()
			})
		}
	}
	left, cells := 0, 0
	for _, table := range s.Tables {
		for _, role := range roleNames(s) {
			for _, col := range table.Columns {
				for _, deed := range []string{"read", "update", "insert"} {
					cells++
					if key := table.Name + "/" + role + "/" + col.Name + "/" + deed; done[key] != 1 {
						left++
						t.Errorf("%s was tested %d times", key, done[key])
					}
				}
			}
		}
	}
	require.Zero(t, left)
	t.Logf("%d cells of the matrix, each tested once", cells)
}

func roleNames(s *schema.Schema) []string {
	var out []string
	for name := range s.Roles {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// matrix is one record type and one role over a county that holds a row of every type, in the person's own scope and in
// a foreign one. Each deed works on rows of its own.
type matrix struct {
	*world
	table *schema.Table
	role  string
	me    *dev
	next  int
	doors []string
	seeds map[string]se.RowID // by scope and record type
}

const (
	ownScope     = "g1"
	foreignScope = "g2"
)

func newMatrix(t *testing.T, s *schema.Schema, table *schema.Table, role string) *matrix {
	w := &world{t: t, s: s, now: 1_000_000, devs: map[string]*dev{}, store: memstore.New(s), e: se.New(s, se.DefaultLimits)}
	m := &matrix{world: w, table: table, role: role, next: 1, seeds: map[string]se.RowID{}}
	for _, scope := range []string{ownScope, foreignScope} {
		for _, x := range s.Tables {
			m.next++
			m.seeds[scope+"/"+x.Name] = rid(m.next)
		}
	}
	for _, scope := range []string{ownScope, foreignScope} {
		for _, x := range s.Tables {
			m.put(x, m.seeds[scope+"/"+x.Name], scope)
		}
	}
	m.me = w.dev("me", role)
	m.grant(m.door(ownScope))
	return m
}

// grant gives the role in the own scope and at its doors.
func (m *matrix) grant(doors ...string) {
	m.doors = append(m.doors, doors...)
	m.store.SetPrincipal("dev-me", &se.Principal{
		Account: "me", Device: "dev-me", Console: m.s.Roles[m.role].Console,
		Grants: []se.Grant{{Scope: ownScope, Role: m.role, Doors: m.doors}},
	})
}

// door is the one door of a scope.
func (m *matrix) door(scope string) string {
	for _, x := range m.s.Tables {
		if x.Door == schema.DoorSelf {
			return string(m.seeds[scope+"/"+x.Name])
		}
	}
	m.t.Fatal("no record type is a door")
	return ""
}

// put places a row with a value in every column, past all rights: somebody else's work at the scope's door.
func (m *matrix) put(table *schema.Table, id se.RowID, scope string) {
	require.NoError(m.t, m.store.Update(func(tx se.Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		head.Seq++
		row := &se.Row{Table: table.Name, ID: id, Scope: scope, Author: "somebody", Inserted: head.Seq, Seq: head.Seq, Cells: make([]se.Cell, len(table.Cells))}
		if v := table.Views[m.role]; v != nil && v.Rows == schema.RowsOwn && table != m.table && scope == ownScope {
			row.Author = "me" // what is referred to must be in view
		}
		switch table.Door {
		case "":
		case schema.DoorSelf:
			row.Door = string(id)
		default:
			row.Door = m.door(scope)
		}
		for i, def := range table.Cells {
			var values []schema.Value
			for _, col := range def.Columns {
				values = append(values, m.value(table, col, scope, false))
			}
			row.Cells[i] = stored(def, values, head.Seq)
		}
		if err := tx.PutRow(row); err != nil {
			return err
		}
		return tx.PutHead(head)
	}))
}

// stored is a cell that shows the values since seq.
func stored(def *schema.Cell, values []schema.Value, seq int64) se.Cell {
	switch def.Policy {
	case schema.PolicyAdd:
		return se.Cell{Shown: seq, Sum: values[0]}
	case schema.PolicyUnion:
		set, _ := se.SetOf(values[0])
		c := se.Cell{Shown: seq}
		for _, e := range set {
			c.Elements = append(c.Elements, se.Element{Value: e, Tags: []se.Tag{{Device: "dev-somebody", N: 1, Seq: seq, Epoch: 1}}})
		}
		return c
	}
	return se.Cell{Shown: seq, Survivors: []se.Write{{Device: "dev-somebody", N: 1, Author: "somebody", Seq: seq, Epoch: 1, From: seq, Values: values}}}
}

// value makes one that may stand in the column; anew asks for another than the rows that are there hold.
func (m *matrix) value(table *schema.Table, col *schema.Column, scope string, anew bool) schema.Value {
	pick := func(a, b schema.Value) schema.Value {
		if anew {
			return b
		}
		return a
	}
	switch col.Type {
	case schema.TypeScope:
		return schema.Text(scope)
	case schema.TypeInt:
		return pick(schema.Int(1), schema.Int(2))
	case schema.TypeReal:
		return pick(schema.Real(1.5), schema.Real(2.5))
	case schema.TypeBool:
		return pick(schema.Int(0), schema.Int(1))
	case schema.TypeTime:
		return pick(schema.Int(1_700_000_000_000), schema.Int(1_700_000_100_000))
	case schema.TypeDate:
		return pick(schema.Text("2026-03-05"), schema.Text("2026-03-06"))
	case schema.TypeRef:
		return schema.Text(string(m.seeds[scope+"/"+col.Ref]))
	case schema.TypeSealed:
		return pick(schema.Blob(m.sealed(table, col, 1)), schema.Blob(m.sealed(table, col, 2)))
	case schema.TypeSet:
		if col.Ref != "" {
			return schema.Text(schema.FormatSet([]string{string(m.seeds[scope+"/"+col.Ref])}))
		}
		return pick(schema.Text(schema.FormatSet([]string{"one"})), schema.Text(schema.FormatSet([]string{"two"})))
	case schema.TypeCode:
		a, b := "one", "two"
		if len(col.Rank) > 0 {
			a, b = col.Rank[0], col.Rank[len(col.Rank)-1]
		} else if codes := m.s.Codes[col.Code]; codes != nil && len(codes.Codes) > 1 {
			a, b = codes.Codes[0].Code, codes.Codes[1].Code
		}
		return pick(schema.Text(a), schema.Text(b))
	}
	if col.HashOf != "" {
		return pick(schema.Text(strings.Repeat("0", 64)), schema.Text(strings.Repeat("f", 64)))
	}
	switch col.Check {
	case "phone":
		return pick(schema.Text("13800005678"), schema.Text("13900004321"))
	case "citizen_id":
		return pick(schema.Text("11010519491231002X"), schema.Text("440524188001010014"))
	case "uscc":
		return pick(schema.Text("91350211M000100Y43"), schema.Text("91350100M000100Y43"))
	}
	return pick(schema.Text("这里有字"), schema.Text("这里另有"))
}

// sealed is ciphertext as far as the centre can tell.
func (m *matrix) sealed(_ *schema.Table, _ *schema.Column, filling byte) []byte {
	return append([]byte(schema.SealMagic+"\x00\x00\x00\x01"), bytes.Repeat([]byte{filling}, 56)...)
}

// shown says by the declarations what the role has of a column: nothing, something masked, or the value.
func (m *matrix) shown(col *schema.Column) (mask schema.Mask, shown bool) {
	v := m.table.Views[m.role]
	if v == nil || slices.Contains(v.Hidden, col.Name) {
		return "", false
	}
	return v.Masks[col.Name], true
}

// clear tells whether the role has every column of the cell in full.
func (m *matrix) clear(cell *schema.Cell) bool {
	for _, col := range cell.Columns {
		if mask, ok := m.shown(col); !ok || mask != schema.MaskNone {
			return false
		}
	}
	return true
}

func (m *matrix) mark(done map[string]int, col *schema.Column, deed string) {
	done[m.table.Name+"/"+m.role+"/"+col.Name+"/"+deed]++
}

// reads takes the whole view and looks at every column of the row in the own scope; of the foreign scope there is nothing.
func (m *matrix) reads(done map[string]int) {
	part := view(m.world, func(tx se.ReadTx) (*se.Part, error) {
		return m.e.Next(tx, se.NextRequest{Device: "dev-me", Now: m.now, Budget: 1 << 30})
	})
	var mine *se.DeltaItem
	for _, f := range part.Frames {
		require.NotEqual(m.t, foreignScope, f.Scope)
		for i := range f.Items {
			it := &f.Items[i]
			require.NotEqual(m.t, m.seeds[foreignScope+"/"+it.Table], it.Row, "a row of another scope")
			if it.Table == m.table.Name && it.Row == m.seeds[ownScope+"/"+m.table.Name] {
				mine = it
			}
		}
	}
	v := m.table.Views[m.role]
	visible := v != nil && (v.Rows == schema.RowsAll || v.Rows == schema.RowsDoors && m.table.Door != "")
	require.Equal(m.t, visible, mine != nil, "the row in the view")
	for _, col := range m.table.Columns {
		m.mark(done, col, "read")
		if col.Type == schema.TypeID || mine == nil {
			continue
		}
		cell := m.table.CellOf(col.Name)
		full := m.value(m.table, col, ownScope, false)
		mask, shown := m.shown(col)
		shown = shown && !cell.Derived // a device derives it from the steps that it sees
		got := schema.Null()
		for _, c := range mine.Cells {
			if c.Cell == cell.Name {
				got = c.Values[slices.Index(cell.Columns, col)]
			}
		}
		switch {
		case !shown:
			require.True(m.t, got.IsNull(), "hidden column %s was sent", col.Name)
		case mask == schema.MaskNone:
			require.Equal(m.t, full, got, "column %s", col.Name)
		default:
			require.NotEqual(m.t, full, got, "column %s is not masked", col.Name)
			require.Equal(m.t, mask.Apply(full), got, "column %s", col.Name)
			require.False(m.t, strings.Contains(got.Str(), full.Str()), "column %s is not masked", col.Name)
		}
	}
}

// writing is one write of a cell, with the whole of its columns.
func (m *matrix) writing(table *schema.Table, cell *schema.Cell, base int64) se.CellWrite {
	w := se.CellWrite{Cell: cell.Name}
	if base > 0 {
		w.Base = se.Base{Epoch: 1, Seq: base}
	}
	switch cell.Policy {
	case schema.PolicyAdd:
		w.Add = schema.Int(3)
		if cell.Columns[0].Type == schema.TypeReal {
			w.Add = schema.Real(3)
		}
	case schema.PolicyUnion:
		w.In, _ = se.SetOf(m.value(table, cell.Columns[0], ownScope, true))
	default:
		w.Values = []schema.Value{}
		for _, col := range cell.Columns {
			w.Values = append(w.Values, m.value(table, col, ownScope, true))
		}
	}
	return w
}

// fresh is a new row of the record type in the own scope, at its door.
func (m *matrix) fresh() se.RowID {
	m.next++
	m.put(m.table, rid(m.next), ownScope)
	if m.table.Door == schema.DoorSelf {
		m.grant(string(rid(m.next)))
	}
	return rid(m.next)
}

func (m *matrix) head() int64 {
	return view(m.world, func(tx se.ReadTx) (int64, error) {
		h, err := tx.Head()
		return h.Seq, err
	})
}

// updates writes each cell of a row that is there, and the same cell of a row in the foreign scope.
func (m *matrix) updates(done map[string]int) {
	right := m.table.Rights[m.role]
	for _, col := range m.table.Columns {
		m.mark(done, col, "update")
		cell := m.table.CellOf(col.Name)
		if cell == nil { // the id: there is no such cell
			v := m.me.push(upd(m.table.Name, m.fresh(), se.CellWrite{Cell: col.Name, Values: []schema.Value{schema.Text(string(rid(9)))}}))
			require.False(m.t, v.Kind.Effective(), "the id was written")
			continue
		}
		may := right != nil && m.table.Views[m.role] != nil && m.visible() &&
			(slices.Contains(right.Update, schema.AllCells) || slices.Contains(right.Update, cell.Name)) &&
			m.clear(cell) && !cell.Derived && cell.Policy != schema.PolicyCentral && cell.Policy != schema.PolicyAppend
		row := m.fresh()
		v := m.me.push(upd(m.table.Name, row, m.writing(m.table, cell, m.head())))
		require.Equal(m.t, may, v.Kind.Effective(), "update of %s: %+v", cell.Name, v.Reason)
		if !may {
			m.untouched(row, cell)
			m.tellsNothing(v)
		}
		foreign := m.seeds[foreignScope+"/"+m.table.Name]
		v = m.me.push(upd(m.table.Name, foreign, m.writing(m.table, cell, m.head())))
		require.False(m.t, v.Kind.Effective(), "update of %s in another scope", cell.Name)
		m.tellsNothing(v)
	}
}

// visible tells whether the role sees somebody else's row at its door.
func (m *matrix) visible() bool {
	v := m.table.Views[m.role]
	return v != nil && (v.Rows == schema.RowsAll || v.Rows == schema.RowsDoors && m.table.Door != "")
}

func (m *matrix) untouched(id se.RowID, cell *schema.Cell) {
	row := view(m.world, func(tx se.ReadTx) (*se.Row, error) { return tx.Row(m.table.Name, id) })
	require.NotNil(m.t, row)
	got := row.Cells[m.table.CellIndex(cell.Name)].Values(cell)
	for i, col := range cell.Columns {
		require.Equal(m.t, m.value(m.table, col, ownScope, false), got[i], "%s was written", col.Name)
	}
}

// tellsNothing makes sure that a refusal carries no value that the role does not read in full.
func (m *matrix) tellsNothing(v se.Verdict) {
	if v.Reason == nil || v.Reason.Current == nil {
		return
	}
	cell := m.table.Cell(v.Reason.Column)
	require.True(m.t, m.visible() && cell != nil && m.clear(cell), "a refusal told what %s shows", v.Reason.Column)
}

// inserts gives each cell with a new row that has all it needs besides.
func (m *matrix) inserts(done map[string]int) {
	right := m.table.Rights[m.role]
	for _, col := range m.table.Columns {
		m.mark(done, col, "insert")
		cell := m.table.CellOf(col.Name)
		if cell == nil {
			m.next++
			c := m.insert(m.table.CellOf(schema.ColScope), ownScope)
			c.Cells = append(c.Cells, se.CellWrite{Cell: col.Name, Values: []schema.Value{schema.Text(string(rid(9)))}})
			require.False(m.t, m.me.push(c).Kind.Effective(), "the id was given as a cell")
			continue
		}
		c := m.insert(cell, ownScope)
		may := right != nil && right.Insert && m.table.Views[m.role] != nil
		may = may && !(m.table.Door == schema.DoorSelf && m.table.Views[m.role].Rows == schema.RowsDoors) // a new door is nobody's yet
		for _, w := range c.Cells {
			def := m.table.Cell(w.Cell)
			may = may && m.clear(def) && !def.Derived && def.Policy != schema.PolicyCentral
			for _, x := range def.Columns { // nobody refers to what he never sees
				may = may && (x.Type != schema.TypeRef || m.s.Table(x.Ref).Views[m.role] != nil)
			}
		}
		v := m.me.push(c)
		require.Equal(m.t, may, v.Kind.Effective(), "insert with %s: %+v", cell.Name, v.Reason)
		row := view(m.world, func(tx se.ReadTx) (*se.Row, error) { return tx.Row(m.table.Name, c.Row) })
		require.Equal(m.t, may, row != nil)
		v = m.me.push(m.insert(cell, foreignScope))
		require.False(m.t, v.Kind.Effective(), "insert into another scope")
	}
}

// insert is a new row with a cell, what is required, its door, and for a step its case anew.
func (m *matrix) insert(cell *schema.Cell, scope string) se.Change {
	m.next++
	c := se.Change{Table: m.table.Name, Row: rid(m.next), Op: se.OpInsert}
	for _, def := range m.table.Cells {
		if def != cell && def.Name != schema.ColScope && !required(def) && def != m.table.CellOf(m.table.Door) {
			continue
		}
		w := m.writing(m.table, def, 0)
		switch {
		case def.Name == schema.ColScope:
			w.Values = []schema.Value{schema.Text(scope)}
		case def == m.table.CellOf(m.table.Door) && scope == foreignScope:
			w.Values = []schema.Value{schema.Text(string(m.seeds[scope+"/"+m.table.Column(m.table.Door).Ref]))}
		}
		c.Cells = append(c.Cells, w)
	}
	if st := m.table.Steps; st != nil {
		m.firstStep(&c, st)
	}
	return c
}

func required(def *schema.Cell) bool {
	return slices.ContainsFunc(def.Columns, func(c *schema.Column) bool { return c.Required })
}

// firstStep makes the step the first of a case of its own, or one that follows the case's only step where the tested
// cell says what it follows.
func (m *matrix) firstStep(c *se.Change, st *schema.Steps) {
	owner := m.table.Column(st.Case).Ref
	m.next++
	id := rid(m.next)
	m.put(m.s.Table(owner), id, ownScope)
	follows := se.RowID("")
	for i := range c.Cells {
		if c.Cells[i].Cell == st.Follows {
			follows = m.seeds[ownScope+"/"+m.table.Name]
			c.Cells[i].Values = []schema.Value{schema.Text(string(follows))}
		}
	}
	state := st.Initial
	if follows != "" {
		state = m.anyMove(st, "").state
		require.NoError(m.t, m.store.Update(func(tx se.Tx) error {
			return tx.PutStep(m.table.Name, id, se.Step{Row: follows, Number: 1, State: state})
		}))
	}
	for i := range c.Cells {
		switch c.Cells[i].Cell {
		case st.Case:
			c.Cells[i].Values = []schema.Value{schema.Text(string(id))}
		case st.Step:
			c.Cells[i].Values = []schema.Value{schema.Text(m.anyMove(st, state).step)}
		}
	}
}

type taken struct{ step, state string }

// anyMove gives a step that the role may take: from a state, or the state it starts from where none is given.
func (m *matrix) anyMove(st *schema.Steps, from string) taken {
	var names []string
	for name := range st.Moves {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		move := st.Moves[name]
		if len(move.Roles) > 0 && !slices.Contains(move.Roles, m.role) {
			continue
		}
		if from == "" {
			return taken{name, move.From[0]}
		}
		if slices.Contains(move.From, from) {
			return taken{name, from}
		}
	}
	if from == st.Initial && from != "" {
		// The role takes no first step: an earlier one is on record and this one follows it.
		return taken{m.anyMove(st, "").step, from}
	}
	return taken{names[0], from}
}

// deletes removes a row of the own scope and one of the foreign scope.
func (m *matrix) deletes() {
	right := m.table.Rights[m.role]
	row := m.fresh()
	v := m.me.push(del(m.table.Name, row, m.head()))
	may := right != nil && right.Delete && m.visible() && !m.table.Append
	require.Equal(m.t, may, v.Kind.Effective(), "delete: %+v", v.Reason)
	require.Equal(m.t, may, m.shows(m.table.Name, row, schema.ColScope) == "gone")
	v = m.me.push(del(m.table.Name, m.seeds[foreignScope+"/"+m.table.Name], m.head()))
	require.False(m.t, v.Kind.Effective(), "delete in another scope")
}

// strays writes cells that no declaration names, and names written otherwise than declared (mass assignment).
func (m *matrix) strays() {
	names := []string{"id", "ID", "version", "reviewed_by", "rowid", "_rowid_", "created_by", "envelope", "seq", "author", "door", "", "sqlite_master"}
	for _, col := range m.table.Columns {
		names = append(names, strings.ToUpper(col.Name), col.Name+" ", " "+col.Name)
	}
	for _, name := range names {
		v := m.me.push(upd(m.table.Name, m.fresh(), se.CellWrite{Cell: name, Base: se.Base{Epoch: 1, Seq: m.head()}, Values: []schema.Value{schema.Text("x")}}))
		require.False(m.t, v.Kind.Effective(), "%q was written", name)
	}
	for _, name := range []string{strings.ToUpper(m.table.Name), m.table.Name + " ", "", "sqlite_master", "account", "assignment", fmt.Sprintf("%s; --", m.table.Name)} {
		v := m.me.push(upd(name, m.seeds[ownScope+"/"+m.table.Name], set(schema.ColScope, 0, ownScope)))
		require.Equal(m.t, se.Rejected, v.Kind)
		require.Equal(m.t, se.CodeUnknownTable, v.Reason.Code)
	}
}
