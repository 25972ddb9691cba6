package directory

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// maxName bounds the name of a unit or a person, in characters.
const maxName = 100

// GridTypes lists what a grid may be (Xi'an DB6101/T 3185-2024, domain.md B row 6); the first is the default.
var GridTypes = []string{"base", "dedicated", "micro"}

var orgColumns = []column{
	{"code", []string{"编码", "代码", "区划代码"}, true},
	{"name", []string{"名称"}, true},
	{"level", []string{"级别", "层级"}, true},
	{"parent", []string{"上级", "上级编码", "上级代码"}, true},
	{"grid_type", []string{"网格类型"}, false},
}

// Report tells what an import did, or would do. If Errors > 0 nothing was written.
type Report struct {
	DryRun    bool
	Encoding  string // UTF-8 or GB18030
	Rows      int    // lines with data
	New       int
	Changed   int
	Unchanged int
	Levels    map[Level]int // rows by level
	Errors    int           // all; Findings holds the first 200
	Findings  []Finding
	Hints     []Finding // odd, but imported; the first 200
}

// ImportOrg reads org units from CSV (code,name,level,parent[,grid_type]) and writes them all, or, if anything is
// wrong or dryRun is set, none. Units that the file does not name stay as they are. Importing a file again changes
// nothing. The error is for failures; what is wrong with the file is in the Report.
func (d *Directory) ImportOrg(ctx context.Context, file io.Reader, dryRun bool) (Report, error) {
	data, err := readAll(file)
	if err != nil {
		return Report{}, err
	}
	im := &orgImport{report: Report{DryRun: dryRun, Levels: map[Level]int{}}}
	records, readable, err := im.read(data)
	if err != nil {
		return Report{}, err
	}
	if !readable {
		return im.finish(), nil
	}
	if dryRun {
		err = d.checkOrg(ctx, d.db.Reader(), im, records)
	} else {
		err = d.db.WithTx(ctx, func(tx *sql.Tx) error {
			fresh := *im // the transaction may run again
			if err := d.checkOrg(ctx, tx, &fresh, records); err != nil {
				return err
			}
			if fresh.bad.count == 0 {
				if err := d.writeOrg(ctx, tx, fresh.write); err != nil {
					return err
				}
				if err := d.note(ctx, tx, auditUnits, facts{"units": codes(fresh.write)}); err != nil {
					return err
				}
			}
			*im = fresh
			return nil
		})
	}
	if err != nil {
		return Report{}, fmt.Errorf("import org units: %w", err)
	}
	return im.finish(), nil
}

// read gives the lines of a file; readable is false for one that is no text at all.
func (im *orgImport) read(data []byte) (records []record, readable bool, err error) {
	text, encoding, err := decode(data)
	if err != nil {
		im.bad.add(0, "", "", messages.Of(err).Key)
		return nil, false, nil
	}
	im.report.Encoding = encoding
	records, err = parseCSV(text, orgColumns, &im.bad)
	if err != nil {
		return nil, false, err
	}
	if len(records) == 0 && im.bad.count == 0 {
		im.bad.add(0, "", "", messages.FileNoLines)
	}
	im.report.Rows = len(records)
	return records, true, nil
}

// orgImport is one run: what was read, what is there, what is wrong, what to write.
type orgImport struct {
	report Report
	bad    findings
	hints  findings
	write  []Unit
}

func (im *orgImport) finish() Report {
	im.report.Errors, im.report.Findings, im.report.Hints = im.bad.count, im.bad.sorted(), im.hints.sorted()
	if im.bad.count > 0 {
		im.report.New, im.report.Changed, im.report.Unchanged = 0, 0, 0
	}
	return im.report
}

func (d *Directory) checkOrg(ctx context.Context, q querier, im *orgImport, records []record) error {
	list, err := collect(ctx, q, scanUnitRow, `SELECT `+unitColumns+` FROM org_unit WHERE county = $1`, d.county)
	if err != nil {
		return err
	}
	im.check(records, list, d.millis())
	return nil
}

// check compares what was read with the units that there are. Nothing of it needs the database.
func (im *orgImport) check(records []record, list []Unit, now int64) {
	im.report.Levels = map[Level]int{}
	there := make(map[string]Unit, len(list))
	for _, u := range list {
		there[u.Code] = u
	}
	units := make([]Unit, len(records))
	lines := make(map[string]int, len(records))
	named := make(map[string]Level, len(records)) // codes in the file, whatever else is wrong with their lines
	for i, r := range records {
		units[i] = im.unit(r, lines)
		named[r.cells["code"]] = Level(strings.ToLower(r.cells["level"]))
	}
	for i, u := range units {
		if u.Code == "" {
			continue
		}
		im.parent(records[i], u, named, there)
		im.place(records[i], u, there, now)
	}
}

// unit checks what can be seen from a line alone; the Code of the result is "" if code or level are unusable.
func (im *orgImport) unit(r record, lines map[string]int) Unit {
	u := Unit{Code: r.cells["code"], Name: r.cells["name"], Parent: r.cells["parent"],
		Level: Level(strings.ToLower(r.cells["level"])), GridType: strings.ToLower(r.cells["grid_type"])}
	im.name(r, u)
	if first, again := lines[u.Code]; again && u.Code != "" {
		im.bad.add(r.line, "code", u.Code, messages.CodeTwice, shorten(u.Code), first)
		return Unit{}
	}
	lines[u.Code] = r.line
	l, ok := levels[u.Level]
	if !ok {
		im.bad.add(r.line, "level", r.cells["level"], messages.LevelUnknown, shorten(r.cells["level"]), levelList())
		return Unit{}
	}
	im.report.Levels[u.Level]++
	if strings.ContainsAny(u.Code, "eE") && strings.ContainsAny(u.Code, "+.") {
		im.bad.add(r.line, "code", u.Code, messages.CodeScientific, shorten(u.Code))
		return Unit{}
	}
	if !digits(u.Code, l.digits) {
		im.bad.add(r.line, "code", u.Code, messages.CodeShape, shorten(u.Code), u.Level.Label(), l.digits)
		return Unit{}
	}
	im.gridType(r, &u)
	if u.Level == Street {
		if serial := u.Code[6:]; serial == "000" || serial > "599" {
			im.hints.add(r.line, "code", u.Code, messages.StreetRange, u.Code)
		}
	}
	return u
}

func (im *orgImport) name(r record, u Unit) {
	switch {
	case u.Name == "":
		im.bad.add(r.line, "name", "", messages.NameEmpty, shorten(u.Code))
	case !validText(u.Name, maxName):
		im.bad.add(r.line, "name", u.Name, messages.NameBad, shorten(u.Name), maxName)
	}
}

func (im *orgImport) gridType(r record, u *Unit) {
	known := false
	for _, t := range GridTypes {
		known = known || u.GridType == t
	}
	switch {
	case u.Level != Grid && u.GridType != "":
		im.bad.add(r.line, "grid_type", u.GridType, messages.GridTypeOnUnit, shorten(u.GridType))
	case u.Level == Grid && u.GridType == "":
		u.GridType = GridTypes[0]
	case u.Level == Grid && !known:
		im.bad.add(r.line, "grid_type", u.GridType, messages.GridType, shorten(u.GridType), gridTypeList())
	}
}

// gridTypeList names the grid types in sentences.
func gridTypeList() messages.List {
	list := messages.Words(GridTypes...)
	for i := range list {
		list[i].Name = messages.Say(messages.Key("grid_type." + list[i].Word))
	}
	return list
}

func digits(s string, n int) bool {
	if len(s) != n {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// parent checks a unit's parent, which may stand anywhere in the file or have been imported before.
func (im *orgImport) parent(r record, u Unit, named map[string]Level, there map[string]Unit) {
	above := levels[u.Level].above
	switch {
	case above == "" && u.Parent != "":
		im.bad.add(r.line, "parent", u.Parent, messages.ParentNotEmpty, shorten(u.Parent))
		return
	case u.Parent == "" && (above == "" || above == Province || above == City):
		return // a county may be the top of an installation
	case u.Parent == "":
		im.bad.add(r.line, "parent", "", messages.ParentEmpty, u.Code, u.Level.Label(), above.Label())
		return
	}
	level, ok := named[u.Parent]
	if !ok {
		old, known := there[u.Parent]
		level, ok = old.Level, known && old.To == 0
	}
	switch {
	case !ok:
		im.bad.add(r.line, "parent", u.Parent, messages.ParentMissing, shorten(u.Parent))
	case level != above:
		if _, known := levels[level]; known { // else that line has its own error
			im.bad.add(r.line, "parent", u.Parent, messages.ParentLevel, shorten(u.Parent), level.Label(), u.Level.Label(), above.Label())
		}
	case u.Level == Grid && !strings.HasPrefix(u.Code, u.Parent):
		im.bad.add(r.line, "code", u.Code, messages.GridPrefix, u.Code, u.Parent)
	case !strings.HasPrefix(u.Code, u.Parent):
		im.hints.add(r.line, "code", u.Code, messages.PrefixUnusual, u.Code, u.Parent)
	}
}

// place decides whether a unit is new, changed or unchanged.
func (im *orgImport) place(r record, u Unit, there map[string]Unit, now int64) {
	old, ok := there[u.Code]
	switch {
	case !ok:
		im.report.New++
		u.From = now
		im.write = append(im.write, u)
	case old.To != 0:
		im.bad.add(r.line, "code", u.Code, messages.CodeEnded, u.Code)
	default:
		if _, given := r.cells["grid_type"]; !given {
			u.GridType = old.GridType // the file does not speak of it
		}
		if u.From = old.From; u == old {
			im.report.Unchanged++
			return
		}
		im.report.Changed++
		im.write = append(im.write, u)
	}
}

func (d *Directory) writeOrg(ctx context.Context, tx *sql.Tx, units []Unit) error {
	stmt, err := tx.PrepareContext(ctx, `INSERT INTO org_unit (county, code, name, level, parent, grid_type, valid_from, valid_to)
		VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), $7, NULL)
		ON CONFLICT (county, code) DO UPDATE SET name = excluded.name, level = excluded.level, parent = excluded.parent, grid_type = excluded.grid_type`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, u := range units {
		if _, err := stmt.ExecContext(ctx, d.county, u.Code, u.Name, string(u.Level), u.Parent, u.GridType, u.From); err != nil {
			return err
		}
	}
	return nil
}
