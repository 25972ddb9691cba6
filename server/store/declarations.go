package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// settingDeclarations holds the declarations that the store was last opened with, whole: the next ones are checked
// against them before anything changes, and carry on from them.
const settingDeclarations = "declarations"

// StrandsError says that declarations would strand devices that are enrolled, or what is stored. Nothing was changed.
type StrandsError struct{ Faults schema.Faults }

func (e *StrandsError) Error() string { return e.Faults.Error() }

// Schema gives the declarations that the store works with: those it was opened with, with what they carry over from
// the ones before (schema.Carry). The engine over this store works with the same.
func (s *Store) Schema() *schema.Schema { return s.schema }

// Check tells what stands against opening the store at path with these declarations, by *StrandsError, and changes
// nothing. A centre may be running on it. A file that is not there has nothing against any.
func Check(path string, next *schema.Schema, opts ...Option) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("check declarations: %w", err)
	}
	o := options{county: 1}
	for _, opt := range opts {
		opt(&o)
	}
	db, err := sql.Open("sqlite3", dsn(path, "mode=ro&"+readerParams))
	if err != nil {
		return fmt.Errorf("check declarations: %w", err)
	}
	defer db.Close()
	_, err = carry(db, o.county, next)
	return err
}

// carry checks declarations against those in the database and gives them with what they carry over.
func carry(db *sql.DB, county int64, next *schema.Schema) (*schema.Schema, error) {
	old, err := readUse(db, county)
	if err != nil {
		return nil, fmt.Errorf("read the declarations in use: %w", err)
	}
	if !old.inUse() {
		return schema.Carry(nil, next)
	}
	faults := old.layouts(next)
	if old.declared != nil {
		faults = schema.Check(old.declared, next)
	}
	if len(faults) > 0 {
		return nil, &StrandsError{faults}
	}
	s, err := schema.Carry(old.declared, next)
	if err == nil && old.declared == nil && old.heard > 0 {
		s.Founded = old.heard // a release that kept no declarations: its replicas' cursors are for views of that version
	}
	return s, err
}

// use is what a database tells of the declarations it was written with.
type use struct {
	declared *schema.Schema    // nil: never opened by a release that keeps them
	cells    map[string]string // newest layout of each record type
	devices  int
	heard    int // greatest version that a device named
	seq      int64
}

// inUse tells whether anything hangs on the declarations: a device out there, or a row.
func (u *use) inUse() bool { return u.devices > 0 || u.seq > 0 }

func readUse(db *sql.DB, county int64) (*use, error) {
	u := &use{cells: map[string]string{}}
	var made int
	if err := db.QueryRow(`SELECT count(*) FROM sqlite_schema WHERE name IN ('settings', 'device', 'county', 'cell_layout')`).Scan(&made); err != nil {
		return nil, err
	}
	if made < 4 {
		return u, nil
	}
	err := db.QueryRow(`SELECT (SELECT count(*) FROM device WHERE county = $1 AND revoked_at IS NULL AND coalesce(console, 0) = 0),
		coalesce((SELECT max(schema) FROM device WHERE county = $1), 0), coalesce((SELECT seq FROM county WHERE id = $1), 0)`, county).
		Scan(&u.devices, &u.heard, &u.seq)
	if err != nil {
		return nil, err
	}
	var text string
	err = db.QueryRow(`SELECT value FROM settings WHERE county = $1 AND key = $2`, county, settingDeclarations).Scan(&text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return nil, err
	default:
		if u.declared, err = schema.Decode([]byte(text)); err != nil {
			return nil, err
		}
	}
	rows, err := db.Query(`SELECT tbl, cells FROM cell_layout WHERE county = $1 ORDER BY id`, county)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var tbl, cells string
		if err := rows.Scan(&tbl, &cells); err != nil {
			return nil, err
		}
		u.cells[tbl] = cells
	}
	return u, rows.Err()
}

// layouts checks by the cells that rows are packed in, where nothing more is known.
func (u *use) layouts(next *schema.Schema) (faults schema.Faults) {
	refuse := func(at schema.Source, do, what string, args ...any) {
		faults = append(faults, schema.NewFault(at, do, what, args...))
	}
	for tbl, text := range u.cells {
		t := next.Table(tbl)
		if t == nil {
			refuse(schema.Source{}, "keep it; take away the rights to insert and update, and it is history", "record type %s is removed", tbl)
			continue
		}
		var cells [][2]json.RawMessage
		if err := json.Unmarshal([]byte(text), &cells); err != nil {
			continue // opening the store says so
		}
		for _, raw := range cells {
			var name string
			var cols []string
			_, _ = json.Unmarshal(raw[0], &name), json.Unmarshal(raw[1], &cols)
			for _, col := range cols {
				c := t.Column(col)
				switch {
				case c == nil:
					refuse(t.Source, "keep it; hide it in the views, and it is out of sight", "column %s of %s is removed", col, tbl)
				case t.CellOf(col).Name != name:
					refuse(c.Source, "keep the group", "column %s of %s changes its group", col, tbl)
				}
			}
		}
	}
	slices.SortFunc(faults, func(a, b schema.Fault) int { return strings.Compare(a.What, b.What) })
	return faults
}

// keepDeclarations writes the declarations beside what they describe.
func (s *Store) keepDeclarations(tx *sql.Tx) error {
	text, err := s.schema.Encode()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO settings (county, key, value) VALUES ($1, $2, $3) ON CONFLICT (county, key) DO UPDATE SET value = excluded.value`,
		s.county, settingDeclarations, string(text))
	return err
}
