package simtest

import (
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// relocate moves a row: a household to another dwelling, or a dwelling or household into another grid.
func (n *node) relocate(j *job) {
	w := n.w
	t := w.schema.Table("family")
	id, row := n.pick("family", func(_ se.RowID, r replica.Image) bool { return n.role(scopeOf(t, r)) == roleWorker })
	if row == nil {
		return
	}
	w.moves = true
	if w.chance(3) && n.role("A") == roleWorker && n.role("B") == roleWorker {
		to := map[string]string{"A": "B", "B": "A"}[scopeOf(t, row)]
		j.add(Update, "family", id, Assign{"scope", text(to)})
		w.count("row moved to another scope")
		return
	}
	place, _ := n.pick("place", nil)
	if place != "" {
		j.add(Update, "family", id, Assign{"place_id", text(string(place))})
		w.count("row moved to another door")
	}
}

// invalid writes what the centre must refuse.
func (n *node) invalid(j *job) {
	w := n.w
	j.Foreign = false
	switch w.rng.IntN(7) {
	case 0: // a value that its column does not take, with good ones beside it
		id, row := n.pick("family", nil)
		if row != nil {
			j.add(Update, "family", id, Assign{"head", text(w.word() + strings.Repeat("长", schema.DefaultMaxLen))}, Assign{"risk", schema.Int(w.between(1, 9) * 10_000_000)})
			n.tokens(j)
			j.want = se.CodeBadValue
		}
	case 1: // a cell of a row that is only ever inserted
		id, row := n.pick("call", nil)
		if row != nil {
			j.add(Update, "call", id, Assign{"source", text(w.word())})
			j.want = se.CodeAppendOnly
		}
	case 2: // a scope that is not his
		j.add(Insert, "place", w.newID(), Assign{"scope", text("C")}, Assign{"address", text(w.word())})
		n.tokens(j)
		j.want = se.CodeOutOfScope
	case 3: // a reference to nothing
		if scope := n.workScope(); scope != "" {
			j.add(Insert, "family", w.newID(), Assign{"scope", text(scope)}, Assign{"place_id", text(string(w.newID()))})
			j.want = se.CodeUnknownReference
		}
	case 4: // a column that he sees masked
		t := w.schema.Table("family")
		id, row := n.pick("family", func(_ se.RowID, r replica.Image) bool { return n.role(scopeOf(t, r)) == roleSteward })
		if row != nil {
			j.add(Update, "family", id, Assign{"phone", text(w.word())}, Assign{"head", text(w.word())})
			j.want = se.CodeNoRight
		}
	case 5: // a required column left out
		if scope := n.workScope(); scope != "" {
			id := w.newID()
			j.add(Insert, "place", id, Assign{"scope", text(scope)}, Assign{"note", text(w.word())})
			j.want = se.CodeMissing
		}
	case 6: // a deletion that his role does not have
		id, row := n.pick("call", nil)
		if row != nil {
			j.add(Delete, "call", id)
			j.want = se.CodeAppendOnly
		}
	}
}

// odd writes as only foreign programs do.
func (n *node) odd(j *job) {
	w := n.w
	j.Foreign = true
	t := w.schema.Table("family")
	id, row := n.pick("family", func(_ se.RowID, r replica.Image) bool { return n.role(scopeOf(t, r)) == roleWorker })
	if row == nil {
		return
	}
	switch w.rng.IntN(5) {
	case 0:
		n.replace(j, t, id, row)
	case 1:
		j.add(Ignore, "family", id, Assign{"head", text("nobody reads this")})
		w.count("INSERT OR IGNORE that did nothing")
	case 2:
		j.add(Ignore, "family", id, Assign{"head", text("nobody reads this")})
		n.editRow(j, "family", id, row)
		w.count("kept note made void by an update")
	case 3:
		j.add(Upsert, "family", id, Assign{"head", text(w.word())})
		w.count("UPSERT captured")
	case 4: // a group in two statements, and back again
		j.add(Update, "family", id, Assign{"status", text(w.word())})
		j.add(Update, "family", id, Assign{"reason", text(w.word())})
		j.add(Update, "family", id, Assign{"head", text("for a moment")})
		j.add(Update, "family", id, Assign{"head", value(t, row, "head")})
		w.count("group written in two statements")
	}
}

// replace is INSERT OR REPLACE with some columns left out: they become NULL.
func (n *node) replace(j *job, t *schema.Table, id se.RowID, row replica.Image) {
	set := assigns(t, row)
	for i := range set {
		switch set[i].Column {
		case "head":
			set[i].Value = text(n.w.word())
		case "remark":
			set[i].Value = schema.Null()
		case "tags":
			set[i].Value = n.elements(set[i].Value)
		}
	}
	j.add(Replace, "family", id, set...)
	n.w.count("INSERT OR REPLACE captured")
}

// formed opens a form, or saves one that was opened before: perhaps over many syncs.
func (n *node) formed(j *job) {
	if len(n.forms) > 0 && n.w.chance(2) {
		f := n.forms[0]
		n.forms = n.forms[1:]
		n.save(j, f)
		return
	}
	id, row := n.pick("family", nil)
	if row == nil {
		return
	}
	k := replica.RowKey{Table: "family", Row: id}
	d := n.w.oracle.devices[n.id]
	if d.open[k] != nil {
		return
	}
	f := &form{key: k, row: row}
	_ = n.dev.View(func(tx replica.Tx) (err error) {
		f.Form, err = replica.OpenForm(tx, n.w.schema.Table("family"), id)
		return err
	})
	f.saw, f.pins = n.w.oracle.sights(d, k, row)
	n.forms = append(n.forms, f)
}

func (n *node) save(j *job, f *form) {
	t := n.w.schema.Table(f.key.Table)
	d := n.w.oracle.devices[n.id]
	var row replica.Image
	var now se.Base
	_ = n.dev.View(func(tx replica.Tx) error {
		row, _ = tx.Row(t, f.key.Row)
		ctl, _ := tx.Control()
		now = ctl.Base()
		return nil
	})
	if row == nil || len(d.order) > 0 || n.role(scopeOf(t, row)) == "" {
		return
	}
	j.Foreign = false
	role := n.role(scopeOf(t, row))
	list := editable(f.key.Table, role)
	var set []Assign
	for range 1 + n.w.rng.IntN(2) {
		c := list[n.w.rng.IntN(len(list))]
		if p := t.CellOf(c).Policy; p.Operation() {
			continue // a form of such a cell sends what was added to what it showed
		}
		set = append(set, n.assign(t, f.row, c)...)
	}
	if len(set) == 0 {
		return
	}
	j.add(Update, f.key.Table, f.key.Row, set...)
	j.form = f
	if f.Base.Less(now) {
		n.w.count("form saved after its row was synced anew")
	}
}
