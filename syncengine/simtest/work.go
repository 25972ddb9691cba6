package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// rowRef remembers a row that is gone from a replica, with the scope it was in.
type rowRef struct {
	by    *node
	key   replica.RowKey
	image replica.Image
}

// begin starts the habits of a person: he works now and then, and has a network now and then.
func (n *node) begin() {
	n.awake = true
	n.w.after(n.w.between(0, 4000), n.work)
	n.w.after(n.w.between(0, 3000), n.toggle)
}

func (n *node) toggle() {
	w := n.w
	if w.calm {
		return
	}
	if n.online {
		n.offline()
		w.after(w.between(2000, 40_000), n.toggle)
		return
	}
	n.online = !n.over && !n.away
	n.connect()
	w.after(w.between(1000, 25_000), n.toggle)
}

func (n *node) work() {
	if n.w.idle || n.left {
		return
	}
	n.w.after(n.w.between(200, 9000), n.work)
	for range 1 + n.w.rng.IntN(3) {
		n.act()
	}
}

// role gives what the person is in a scope, "" for nothing.
func (n *node) role(scope string) string {
	for _, g := range n.rights() {
		if g.Scope == scope {
			return g.Role
		}
	}
	return ""
}

// pick gives a random visible row of a record type, for which the person has a role.
func (n *node) pick(table string, ok func(id se.RowID, row replica.Image) bool) (se.RowID, replica.Image) {
	t := n.w.schema.Table(table)
	var id se.RowID
	var row replica.Image
	_ = n.dev.View(func(tx replica.Tx) error {
		ids, _ := tx.RowIDs(t)
		for range min(4, len(ids)) {
			x := ids[n.w.rng.IntN(len(ids))]
			r, _ := tx.Row(t, x)
			if n.role(scopeOf(t, r)) != "" && (ok == nil || ok(x, r)) {
				id, row = x, r
				return nil
			}
		}
		return nil
	})
	return id, row
}

func scopeOf(t *schema.Table, row replica.Image) string {
	return row[t.CellIndex(schema.CellScope)][0].Str()
}

func value(t *schema.Table, row replica.Image, column string) schema.Value {
	def := t.CellOf(column)
	return row[t.CellIndex(def.Name)][slices.Index(def.Columns, t.Column(column))]
}

// act does one piece of work.
func (n *node) act() {
	w := n.w
	j := &job{}
	j.Foreign = w.chance(8)
	switch x := w.rng.IntN(100); {
	case x < 40:
		n.edit(j)
	case x < 46:
		n.edit(j)
		n.edit(j)
		n.insertFamily(j)
	case x < 52:
		n.insertFamily(j)
	case x < 55:
		n.insertPlace(j)
	case x < 61:
		n.insertCall(j)
	case x < 69:
		n.tokens(j)
	case x < 74:
		n.delete(j)
	case x < 77:
		n.again(j)
	case x < 80:
		n.insertMatter(j)
	case x < 87:
		n.step(j)
	case x < 90:
		n.relocate(j)
	case x < 93:
		n.invalid(j)
	case x < 96:
		n.odd(j)
	default:
		n.formed(j)
	}
	n.write(j)
}

// editable lists the columns of a record type by what a role may write there.
func editable(table, role string) []string {
	switch {
	case table == "place" && role == roleWorker:
		return []string{"note", "owner", "lat", "address"}
	case table == "place":
		return []string{"note"}
	case table == "family" && role == roleWorker:
		return []string{"head", "head", "head", "phone", "remark", "tags", "calls", "risk", "since", "status"}
	case table == "family":
		return []string{"head", "tags", "calls", "risk", "status"}
	case table == "call":
		return []string{"seen_by", "voided"}
	case table == "matter":
		return []string{"title", "backers"}
	}
	return nil
}

// edit changes one to three cells of a row.
func (n *node) edit(j *job) {
	table := []string{"family", "family", "family", "place", "call", "matter"}[n.w.rng.IntN(6)]
	id, row := n.pick(table, nil)
	if row == nil {
		return
	}
	n.editRow(j, table, id, row)
}

func (n *node) editRow(j *job, table string, id se.RowID, row replica.Image) {
	t := n.w.schema.Table(table)
	list := editable(table, n.role(scopeOf(t, row)))
	var set []Assign
	for range 1 + n.w.rng.IntN(3) {
		set = append(set, n.w.sealed(n.ring, table, id, n.assign(t, row, list[n.w.rng.IntN(len(list))]))...)
	}
	if len(set) > 0 {
		j.add(Update, table, id, set...)
	}
}

// assign gives a column, or the group it is in, new values.
func (n *node) assign(t *schema.Table, row replica.Image, column string) []Assign {
	def := t.CellOf(column)
	var out []Assign
	for _, c := range def.Columns {
		old := value(t, row, c.Name)
		v := n.w.fresh(c)
		switch def.Policy {
		case schema.PolicyAdd:
			v = schema.Int(old.Int64() + n.w.between(-3, 9))
		case schema.PolicyUnion:
			v = n.elements(old)
		}
		out = append(out, Assign{c.Name, v})
	}
	return out
}

// elements adds or removes one of a few elements of a set.
func (n *node) elements(old schema.Value) schema.Value {
	list, _ := se.SetOf(old)
	if x := n.w.rng.IntN(3); x == 0 && len(list) > 0 {
		i := n.w.rng.IntN(len(list))
		return schema.Text(schema.FormatSet(slices.Delete(slices.Clone(list), i, i+1)))
	}
	return schema.Text(schema.FormatSet(append(slices.Clone(list), "tag "+string(rune('a'+n.w.rng.IntN(6))))))
}

// workScope gives a scope in which the person is a grid worker, "" if he is in none.
func (n *node) workScope() string {
	var list []string
	for _, g := range n.rights() {
		if g.Role == roleWorker {
			list = append(list, g.Scope)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return list[n.w.rng.IntN(len(list))]
}

func text(s string) schema.Value { return schema.Text(s) }

func (n *node) insertPlace(j *job) {
	scope := n.workScope()
	if scope == "" {
		return
	}
	t := n.w.schema.Table("place")
	j.add(Insert, "place", n.w.newID(), Assign{"scope", text(scope)}, Assign{"address", n.w.fresh(t.Column("address"))}, Assign{"note", text(n.w.word())})
}

func (n *node) insertFamily(j *job) {
	t := n.w.schema.Table("place")
	id, row := n.pick("place", func(_ se.RowID, r replica.Image) bool { return n.role(scopeOf(t, r)) == roleWorker })
	if row == nil {
		return
	}
	set := []Assign{{"place_id", text(string(id))}, {"head", text(n.w.word())}, {"tags", text(`["tag a"]`)}, {"calls", schema.Int(n.w.between(0, 9))}}
	if !n.w.chance(4) { // else the engine takes the place's
		set = append(set, Assign{"scope", text(scopeOf(t, row))})
	}
	if n.w.chance(2) {
		set = append(set, Assign{"risk", n.w.fresh(n.w.schema.Table("family").Column("risk"))}, Assign{"status", text(n.w.word())})
	}
	fam := n.w.newID()
	j.add(Insert, "family", fam, set...)
	if n.w.chance(3) { // what belongs together is written together
		j.add(Insert, "matter", n.w.newID(), Assign{"scope", text(scopeOf(t, row))}, Assign{"family_id", text(string(fam))}, Assign{"title", text(n.w.word())})
	}
}

func (n *node) insertCall(j *job) {
	t := n.w.schema.Table("family")
	id, row := n.pick("family", nil)
	if row == nil {
		return
	}
	set := []Assign{{"scope", text(scopeOf(t, row))}, {"family_id", text(string(id))}, {"people", text(`["b","a"]`)}}
	if !j.Foreign {
		set[2].Value = text(`["a","b"]`)
	}
	if n.w.chance(2) {
		set = append(set, Assign{"source", text("hotline")}, Assign{"number", schema.Int(n.w.between(1, 25))})
	}
	j.add(Insert, "call", n.w.newID(), set...)
}

// tokens writes rows that belong together: they share a token and sum to 0.
func (n *node) tokens(j *job) {
	rights := n.rights()
	if len(rights) == 0 {
		return
	}
	scope := rights[n.w.rng.IntN(len(rights))].Scope
	token, k, sum := n.w.word(), 2+n.w.rng.IntN(5), int64(0)
	for i := range k {
		x := n.w.between(-90, 90)
		if i == k-1 {
			x = -sum
		}
		sum += x
		j.add(Insert, "entry", n.w.newID(), Assign{"scope", text(scope)}, Assign{"token", text(token)}, Assign{"amount", schema.Int(x)})
	}
}

func (n *node) delete(j *job) {
	table := []string{"family", "family", "matter", "place"}[n.w.rng.IntN(4)]
	t := n.w.schema.Table(table)
	id, row := n.pick(table, func(id se.RowID, r replica.Image) bool {
		k := replica.RowKey{Table: table, Row: id}
		x := n.w.oracle.devices[n.id].open[k]
		return n.role(scopeOf(t, r)) == roleWorker && !slices.Contains(n.w.places, id) && !n.w.spoiled[k] && !n.rotten[k] && (x == nil || x.before != nil)
	})
	if row == nil {
		return
	}
	j.add(Delete, table, id)
	n.w.deleted = append(n.w.deleted, rowRef{n, replica.RowKey{Table: table, Row: id}, row})
	if n.w.chance(6) { // and changes his mind before anything is sealed
		j.Statements = append(j.Statements, Statement{Insert, table, id, assigns(t, row)})
		n.w.count("delete and insert in one transaction")
	}
}

// assigns gives a row's captured columns.
func assigns(t *schema.Table, row replica.Image) []Assign {
	var out []Assign
	eachCaptured(t, func(c *schema.Column, i, j int) {
		if !row[i][j].IsNull() && c.Policy != schema.PolicyCentral {
			out = append(out, Assign{c.Name, row[i][j]})
		}
	})
	return out
}

// again inserts a row that somebody deleted, or edits it if it is still shown here.
func (n *node) again(j *job) {
	if len(n.w.deleted) == 0 {
		return
	}
	ref := n.w.deleted[n.w.rng.IntN(len(n.w.deleted))]
	t := n.w.schema.Table(ref.key.Table)
	if ref.by != n && n.w.oracle.model.rows[ref.key] == nil {
		return // nobody else ever heard of it
	}
	if n.role(scopeOf(t, ref.image)) != roleWorker {
		return
	}
	_ = n.dev.View(func(tx replica.Tx) error {
		if row, _ := tx.Row(t, ref.key.Row); row != nil {
			if n.role(scopeOf(t, row)) != "" {
				n.editRow(j, ref.key.Table, ref.key.Row, row)
			}
		} else {
			j.add(Insert, ref.key.Table, ref.key.Row, assigns(t, ref.image)...)
		}
		return nil
	})
}

func (n *node) insertMatter(j *job) {
	t := n.w.schema.Table("family")
	id, row := n.pick("family", nil)
	if row != nil {
		j.add(Insert, "matter", n.w.newID(), Assign{"scope", text(scopeOf(t, row))}, Assign{"family_id", text(string(id))}, Assign{"title", text(n.w.word())})
	}
}

// step takes the next step of a case as this device sees it.
func (n *node) step(j *job) {
	t, steps := n.w.schema.Table("matter"), n.w.schema.Table("move")
	id, row := n.pick("matter", nil)
	if row == nil {
		return
	}
	state, last := value(t, row, "state").Str(), ""
	_ = n.dev.View(func(tx replica.Tx) error {
		last = lastStep(tx, steps, id)
		return nil
	})
	var can []string
	for _, s := range []string{"claim", "finish", "drop", "reopen"} {
		m := steps.Steps.Moves[s]
		if slices.Contains(m.From, state) && (len(m.Roles) == 0 || slices.Contains(m.Roles, n.role(scopeOf(t, row)))) {
			can = append(can, s)
		}
	}
	if len(can) == 0 {
		return
	}
	set := []Assign{{"scope", text(scopeOf(t, row))}, {"matter_id", text(string(id))}, {"step", text(can[n.w.rng.IntN(len(can))])}, {"note", text(n.w.word())}}
	if last != "" {
		set = append(set, Assign{"follows_id", text(last)})
	}
	j.add(Insert, "move", n.w.newID(), set...)
	j.steps = true
}

// lastStep gives the step that a person would follow: the one of those shown that none follows, numbered ones first.
func lastStep(tx replica.Tx, t *schema.Table, id se.RowID) string {
	ids, _ := tx.Find(t, "matter_id", schema.Text(string(id)))
	last, best := "", int64(0)
	for _, x := range ids {
		row, _ := tx.Row(t, x)
		if no := value(t, row, "number").Int64(); no > best {
			last, best = string(x), no
		}
	}
	for moved := true; moved; {
		moved = false
		for _, x := range ids { // own steps that are not numbered yet, one after the other
			row, _ := tx.Row(t, x)
			pending, _ := tx.Pending(t, x)
			if value(t, row, "number").IsNull() && len(pending) > 0 && value(t, row, "follows_id").Str() == last && string(x) != last {
				last, moved = string(x), true
				break
			}
		}
	}
	return last
}
