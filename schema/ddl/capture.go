package ddl

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// The operations in ds_capture.op. DESIGN.md says how they are folded.
const (
	OpKept   = "k" // an old value, kept before an insert that may replace the row: one per column, NULL included
	OpInsert = "i" // a row was inserted: one with col NULL; what it holds stands in the row
	OpUpdate = "u" // a column changed: one per column of the changed cell
	OpDelete = "d" // a row was deleted: one with col NULL, then one per column that was not NULL
)

// quiet is false while the engine applies what the centre sent. A missing control row counts as not applying: better
// captured with base 0 than lost.
const quiet = `(SELECT "applying" FROM "ds_control" WHERE "k" = 1) IS NOT 1`

// stamp is epoch, base and wall of a capture: the form's cursor if a form is being saved, else the replica's own.
const stamp = `coalesce(c."form_epoch", c."epoch", 0), coalesce(c."form_cursor", c."cursor", 0), coalesce(c."now", ` + unixMS + `)`

// controlRow joins the one row of ds_control that stamp reads, or a row of NULLs in its place.
const controlRow = ` LEFT JOIN "ds_control" AS c ON c."k" = 1`

// Captured gives the columns whose changes are captured: all but the id, the envelope and derived ones.
func Captured(t *schema.Table) []*schema.Column {
	var out []*schema.Column
	for _, c := range t.Columns {
		if captured(c) {
			out = append(out, c)
		}
	}
	return out
}

// noted gives the columns whose old values are kept when a row goes: all but the id. What the centre alone writes is
// never sent, but it must be shown again if the deletion is refused, or if the row is replaced.
func noted(t *schema.Table) []*schema.Column {
	return slices.DeleteFunc(slices.Clone(t.Columns), func(c *schema.Column) bool { return c.Type == schema.TypeID })
}

func captured(c *schema.Column) bool {
	return c.Type != schema.TypeID && c.Group != schema.CellEnvelop && !c.Derived
}

func triggers(s *schema.Schema, t *schema.Table) []string {
	out := []string{guardInsert(s, t), guardUpdate(s, t), guardID(t), guardDelete(s, t), kept(t), inserted(t), deleted(t)}
	for _, cell := range t.Cells {
		if captured(cell.Columns[0]) {
			out = append(out, updated(t, cell))
		}
	}
	return out
}

// guard refuses what one of its rules finds wrong, in order. The rules of an event are one trigger: SQLite sets up each
// trigger for each row before it learns that the engine is applying, and a snapshot brings many rows.
type guard []struct{ wrong, zh, en string }

func (g *guard) add(wrong, zh, en string) {
	*g = append(*g, struct{ wrong, zh, en string }{wrong, zh, en})
}

func (g guard) trigger(t *schema.Table, event string) string {
	var b strings.Builder
	for _, r := range g {
		b.WriteString("  SELECT RAISE(ABORT, " + text(r.zh+" / "+r.en) + ") WHERE " + r.wrong + ";\n")
	}
	return trigger(t, "guard-"+event, "BEFORE "+strings.ToUpper(event), "", b.String())
}

func guardInsert(s *schema.Schema, t *schema.Table) string {
	var g guard
	g.id()
	g.size(t)
	g.scope(s, t, "NEW")
	for _, c := range t.Columns {
		if wrong := notSealed(c); wrong != "" {
			g.sealed(c, wrong)
		}
	}
	return g.trigger(t, "insert")
}

func guardUpdate(s *schema.Schema, t *schema.Table) string {
	var g guard
	g.size(t)
	g.scope(s, t, "OLD", "NEW")
	for _, c := range t.Columns {
		if wrong := notSealed(c); wrong != "" {
			g.sealed(c, "NEW."+quote(c.Name)+" IS NOT OLD."+quote(c.Name)+" AND "+wrong)
		}
	}
	return g.trigger(t, "update")
}

func guardDelete(s *schema.Schema, t *schema.Table) string {
	var g guard
	g.scope(s, t, "OLD")
	return g.trigger(t, "delete")
}

// notSealed is the condition under which a value may not stand in a column of ciphertext or of keyed hashes, "" for other
// columns. It is the form alone, as schema.SealedForm judges it: SQL holds no keys.
func notSealed(c *schema.Column) string {
	v := "NEW." + quote(c.Name)
	switch {
	case c.Type == schema.TypeSealed:
		return v + ` IS NOT NULL AND (typeof(` + v + `) = 'blob' AND length(` + v + `) >= 63 AND length(` + v + `) % 16 = 15 AND substr(` + v +
			`, 1, 3) = x'` + hex.EncodeToString([]byte(schema.SealMagic)) + `' AND substr(` + v + `, 4, 4) <> x'00000000') IS NOT 1`
	case c.HashOf != "":
		return `coalesce(` + v + `, '') <> '' AND (typeof(` + v + `) = 'text' AND length(` + v + `) = 64 AND ` + v + ` NOT GLOB '*[^0-9a-f]*') IS NOT 1`
	}
	return ""
}

// sealed refuses plain text to the program that would store it, before it lies anywhere.
func (g *guard) sealed(c *schema.Column, wrong string) {
	g.add(wrong, c.Name+` 必须加密保存，不能写入明文；请用敲门应用填写`, c.Name+` is kept sealed and takes no plain text; fill it in with the Doorstep app`)
}

// id refuses an id that is not a UUID in lower case. Bytes are counted, so that no NUL character and no wide
// digit slips through.
func (g *guard) id() {
	const uuid = `typeof(NEW."id") = 'text' AND length(CAST(NEW."id" AS BLOB)) = 36` +
		` AND NEW."id" GLOB '????????-????-????-????-????????????' AND replace(NEW."id", '-', '') NOT GLOB '*[^0-9a-f]*'` +
		` AND length(replace(NEW."id", '-', '')) = 32`
	g.add(`(`+uuid+`) IS NOT 1`, `id 必须是小写 UUID；请不要填写 id，系统会自动生成`, `the id must be a UUID in lower case; leave it out and it is made for you`)
}

// guardID refuses to change an id: references, the centre and other phones know the row by it.
func guardID(t *schema.Table) string {
	return trigger(t, "id-update", `BEFORE UPDATE OF "id"`, `NEW."id" IS NOT OLD."id"`, abort(
		`id 不能修改；请删除此行后重新添加`, `an id cannot be changed; delete the row and insert a new one`))
}

// MaxRow is how many bytes of text and blobs a row may hold, whatever program writes it. A changeset of one row must fit
// into a message (syncengine.Limits), or the row would stand in the way of everything written after it.
const MaxRow = 4 << 20

// size refuses a row that no message could carry, where its writer can still do something about it.
func (g *guard) size(t *schema.Table) {
	var sizes []string
	for _, c := range Captured(t) {
		if k := c.Type.Kind(); k == schema.KindText || k == schema.KindBlob {
			sizes = append(sizes, `coalesce(length(CAST(NEW.`+quote(c.Name)+` AS BLOB)), 0)`)
		}
	}
	g.add(strings.Join(sizes, " + ")+" > "+strconv.Itoa(MaxRow),
		`这一行的内容超过 4 MiB，没有保存；请缩短后再试`, `the row holds more than 4 MiB and was not saved; shorten it and try again`)
}

// ReadOnly gives the value of ds_control.readonly that keeps programs from writing rows of these scopes and doors; nil for
// none. No id of a door is the code of a scope.
func ReadOnly(places []string) any {
	if len(places) == 0 {
		return nil
	}
	return "\n" + strings.Join(places, "\n") + "\n"
}

// scope refuses to write rows of a scope, or of a door, at which the person's work has ended: they wait to be removed,
// and what was written there now would have nobody to take it.
func (g *guard) scope(s *schema.Schema, t *schema.Table, rows ...string) {
	const readonly = `(SELECT "readonly" FROM "ds_control" WHERE "k" = 1)`
	var is []string
	for _, r := range rows {
		is = append(is, `instr(`+readonly+`, char(10) || coalesce(`+r+`.`+quote(schema.ColScope)+`, '') || char(10)) > 0`)
		if door := doorOf(s, t, r, 1); door != "" {
			is = append(is, `instr(`+readonly+`, char(10) || coalesce(`+door+`, '') || char(10)) > 0`)
		}
	}
	g.add(readonly+" IS NOT NULL AND ("+strings.Join(is, " OR ")+")",
		`你在这个网格或这一户的工作已经结束，这里的记录正在移除，不能再写；请同步`, `your work in this grid or at this door has ended and its records are being removed; they cannot be written any more: sync`)
}

// doorOf is SQL for the door that a row belongs to, as the replica shows what leads there; "" for rows without one.
func doorOf(s *schema.Schema, t *schema.Table, row string, depth int) string {
	switch t.Door {
	case "":
		return ""
	case schema.DoorSelf:
		return row + `.` + quote(schema.ColID)
	}
	ref := row + `.` + quote(t.Door)
	next := s.Table(t.Column(t.Door).Ref)
	if next.Door == schema.DoorSelf {
		return ref
	}
	as := "d" + strconv.Itoa(depth)
	return `(SELECT ` + doorOf(s, next, as, depth+1) + ` FROM ` + quote(next.Name) + ` AS ` + as + ` WHERE ` + as + `.` + quote(schema.ColID) + ` = ` + ref + `)`
}

func abort(zh, en string) string { return "SELECT RAISE(ABORT, " + text(zh+" / "+en) + ");" }

// kept saves the whole old row before an insert with the id of a row that exists. INSERT OR REPLACE deletes that row
// without any trigger unless recursive_triggers is on.
func kept(t *schema.Table) string {
	id, row := quote(schema.ColID), quote(t.Name)
	var names [][]string
	var values strings.Builder
	for _, c := range noted(t) {
		always := "0"
		if captured(c) {
			always = "1"
		}
		names = append(names, []string{text(c.Name), always})
		values.WriteString(" WHEN " + text(c.Name) + " THEN o." + quote(c.Name))
	}
	from := `(SELECT n."col", n."always", CASE n."col"` + values.String() + ` END AS "old" FROM ` +
		lines(names, "col", "always") + ` AS n CROSS JOIN ` + row + ` AS o WHERE o.` + id + ` = NEW.` + id + `) AS v`
	return trigger(t, "kept", "BEFORE INSERT", "EXISTS(SELECT * FROM "+row+" WHERE "+id+" = NEW."+id+")",
		captureEach(t, OpKept, "NEW", `v."col", v."old", NULL`, from, `v."always" OR v."old" IS NOT NULL`))
}

// inserted notes that there is a row. Its values are no part of the note: whoever seals reads the row itself, and a line for
// each column cost a program six times what it pays for the row.
func inserted(t *schema.Table) string {
	return trigger(t, "insert", "AFTER INSERT", "", captureEach(t, OpInsert, "NEW", "NULL, NULL, NULL", "(SELECT 1)", ""))
}

func deleted(t *schema.Table) string {
	list := [][]string{{"NULL", "NULL"}}
	for _, c := range noted(t) {
		list = append(list, []string{text(c.Name), "OLD." + quote(c.Name)})
	}
	return trigger(t, "delete", "AFTER DELETE", "", captureEach(t, OpDelete, "OLD", `v."col", v."old", NULL`,
		lines(list, "col", "old")+" AS v", `v."col" IS NULL OR v."old" IS NOT NULL`))
}

// updated captures one cell: all its columns if one of them changed.
func updated(t *schema.Table, cell *schema.Cell) string {
	var names, changed []string
	var list [][]string
	for _, c := range cell.Columns {
		q := quote(c.Name)
		names = append(names, q)
		changed = append(changed, "OLD."+q+" IS NOT NEW."+q)
		list = append(list, []string{text(c.Name), "OLD." + q, "NEW." + q})
	}
	values, from := strings.Join(list[0], ", "), "(SELECT 1)"
	if len(list) > 1 {
		values, from = `v."col", v."old", v."new"`, lines(list, "col", "old", "new")+" AS v"
	}
	when := "(" + strings.Join(changed, " OR ") + ")"
	return trigger(t, "update."+cell.Name, "AFTER UPDATE OF "+strings.Join(names, ", "), when, captureEach(t, OpUpdate, "NEW", values, from, ""))
}

// lines is a table of these lines, in their order. SQLite would name the columns of VALUES alone after what stands in its first line.
func lines(list [][]string, names ...string) string {
	first := make([]string, len(names))
	for i, name := range names {
		first[i] = list[0][i] + " AS " + quote(name)
	}
	var rest []string
	for _, line := range list[1:] {
		rest = append(rest, "("+strings.Join(line, ", ")+")")
	}
	if rest == nil {
		return "(SELECT " + strings.Join(first, ", ") + ")"
	}
	return "(SELECT " + strings.Join(first, ", ") + " UNION ALL VALUES " + strings.Join(rest, ", ") + ")"
}

// captureEach is one INSERT into ds_capture: a note about the row (NEW or OLD) for each line of from, in its order, with values for
// col, old and new. One statement for all columns, because every connection reads every trigger before it can do
// anything: with a statement for each column that was most of what opening a replica cost.
func captureEach(t *schema.Table, op, row, values, from, where string) string {
	if where != "" {
		where = " WHERE " + where
	}
	return `  INSERT INTO "ds_capture"("tbl", "id", "op", "col", "old", "new", "epoch", "base", "wall") SELECT ` +
		text(t.Name) + `, ` + row + `."id", ` + text(op) + ", " + values + ", " + stamp + " FROM " + from + controlRow + where + ";\n"
}

func trigger(t *schema.Table, name, event, when, body string) string {
	if when != "" {
		when = " AND " + when
	}
	return dropCreate(prefix+t.Name+":"+name, event+" ON "+quote(t.Name)+" FOR EACH ROW WHEN "+quiet+when+"\nBEGIN\n"+body+"END")
}
