package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Level is the kind of an org unit.
type Level string

// The levels, from the top.
const (
	Province  Level = "province"
	City      Level = "city"
	County    Level = "county"
	Street    Level = "street"
	Community Level = "community"
	Grid      Level = "grid"
)

// Levels lists the levels from the top down.
var Levels = []Level{Province, City, County, Street, Community, Grid}

// levels tells for each level how many digits a code has, and which level its parent has ("" = none).
var levels = map[Level]struct {
	digits int
	above  Level
}{
	Province: {2, ""}, City: {4, Province}, County: {6, City}, Street: {9, County}, Community: {12, Street}, Grid: {15, Community},
}

// Label is the level's name for people.
func (l Level) Label() messages.Sentence { return messages.Say(messages.Key("level." + string(l))) }

// levelList names the levels in sentences.
func levelList() messages.List {
	list := messages.Words(Levels...)
	for i, l := range Levels {
		list[i].Name = l.Label()
	}
	return list
}

// Unit is an org unit. Codes are strings without meaning outside the import checks.
type Unit struct {
	Code      string
	Name      string
	Level     Level
	Parent    string // "" at the top
	GridType  string // base, dedicated or micro; "" for units that are not grids
	From      int64  // ms since 1970 UTC
	To        int64  // end, exclusive; 0 = open. The code of an ended unit is never used again
	Successor string // of an ended unit: the one that took it over, "" for none
}

const unitColumns = `code, name, level, coalesce(parent, ''), coalesce(grid_type, ''), coalesce(valid_from, 0), coalesce(valid_to, 0), coalesce(successor, '')`

func scanUnit(r interface{ Scan(...any) error }) (u Unit, err error) {
	err = r.Scan(&u.Code, &u.Name, &u.Level, &u.Parent, &u.GridType, &u.From, &u.To, &u.Successor)
	return u, err
}

func scanUnitRow(r *sql.Rows) (Unit, error) { return scanUnit(r) }

// Unit gives an org unit by code, ended ones included.
func (d *Directory) Unit(ctx context.Context, code string) (Unit, error) {
	return d.unit(ctx, d.db.Reader(), code)
}

func (d *Directory) unit(ctx context.Context, q querier, code string) (Unit, error) {
	u, err := scanUnit(q.QueryRowContext(ctx, `SELECT `+unitColumns+` FROM org_unit WHERE county = $1 AND code = $2`, d.county, code))
	if errors.Is(err, sql.ErrNoRows) {
		return Unit{}, messages.Refuse(messages.NoUnit, code)
	}
	if err != nil {
		return Unit{}, fmt.Errorf("read org unit: %w", err)
	}
	return u, nil
}

// UnitFilter narrows a list of org units; the zero filter lists all from the start.
type UnitFilter struct {
	Parent string
	Level  Level
	After  string // code after which the list goes on
	Limit  int    // 0 = no limit
}

// Units lists org units that have not ended, in order of code.
func (d *Directory) Units(ctx context.Context, f UnitFilter) ([]Unit, error) {
	if _, ok := levels[f.Level]; f.Level != "" && !ok {
		return nil, messages.Refuse(messages.BadLevel, f.Level, levelList())
	}
	if f.Limit <= 0 {
		f.Limit = -1
	}
	units, err := collect(ctx, d.db.Reader(), scanUnitRow, `SELECT `+unitColumns+` FROM org_unit
		WHERE county = $1 AND coalesce(valid_to, 0) = 0 AND ($2 = '' OR parent = $2) AND ($3 = '' OR level = $3) AND code > $4
		ORDER BY code LIMIT $5`, d.county, f.Parent, string(f.Level), f.After, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list org units: %w", err)
	}
	return units, nil
}

// Chain gives a unit and all above it, from the unit upwards. It is empty if there is no such unit.
func (d *Directory) Chain(ctx context.Context, code string) ([]Unit, error) {
	return d.chain(ctx, d.db.Reader(), code)
}

func (d *Directory) chain(ctx context.Context, q querier, code string) ([]Unit, error) {
	units, err := collect(ctx, q, scanUnitRow, `WITH RECURSIVE up(at, depth) AS (
			SELECT $1, 0
			UNION
			SELECT o.parent, depth + 1 FROM up JOIN org_unit o ON o.county = $2 AND o.code = up.at
			WHERE coalesce(o.parent, '') <> '' AND depth < 10)
		SELECT `+unitColumns+` FROM up JOIN org_unit ON county = $2 AND code = up.at ORDER BY depth`, code, d.county)
	if err != nil {
		return nil, fmt.Errorf("read units above: %w", err)
	}
	return units, nil
}

// Below gives the codes of a unit and all units below it that have not ended, in order.
func (d *Directory) Below(ctx context.Context, code string) ([]string, error) {
	codes, err := collect(ctx, d.db.Reader(), func(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) },
		`WITH RECURSIVE down(at) AS (
			SELECT code FROM org_unit WHERE county = $1 AND code = $2
			UNION
			SELECT o.code FROM down JOIN org_unit o ON o.county = $1 AND o.parent = down.at AND coalesce(o.valid_to, 0) = 0)
		SELECT at FROM down ORDER BY at`, d.county, code)
	if err != nil {
		return nil, fmt.Errorf("list units below: %w", err)
	}
	return codes, nil
}
