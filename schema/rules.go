package schema

import (
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Validate checks a declaration that a loader or a test has filled in, before Index: Index and everything behind it
// rely on what is checked here. It gives every fault it finds, in the order of the declaration.
func (s *Schema) Validate() Faults {
	v := &validator{schema: s, tables: map[string]*Table{}}
	for _, t := range s.Tables {
		if v.tables[t.Name] != nil {
			v.fault(t.Source, "rename one of them", "two record types are called %q", t.Name)
		}
		v.tables[t.Name] = t
	}
	if s.Version < 1 {
		v.fault(Source{}, "count from 1", "the schema has no version")
	}
	v.roles()
	v.codeTables()
	for _, t := range s.Tables {
		v.table(t)
	}
	v.derived()
	return v.faults
}

// validator collects faults. It uses no computed field of the model: Index has not run.
type validator struct {
	schema *Schema
	tables map[string]*Table
	faults Faults
}

func (v *validator) fault(at Source, do, what string, args ...any) {
	v.faults = append(v.faults, NewFault(at, do, what, args...))
}

// identifier is what may name a record type, a column, a group, a role or a code table.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// reserved columns exist in every table already, at the centre or in SQLite.
var reserved = append([]string{"county", "row_seq", "door", "author", "versions", "rowid", "oid", "_rowid_"}, EnvelopeColumns...)

// keywords cannot be written without quotes in SQLite or PostgreSQL; people write plain SQL against these names.
var keywords = strings.Fields(`add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both case
cast check collate collation column commit concurrently constraint create cross current_catalog current_date current_role
current_schema current_time current_timestamp current_user default deferrable delete desc distinct do drop else end escape except exists
false fetch for foreign freeze from full glob grant group having ilike in index initially inner insert intersect into is isnull join
lateral leading left like limit localtime localtimestamp match natural not notnull null offset on only or order outer overlaps placing
primary raise references regexp returning right select session_user set similar some symmetric system_user table tablesample then to
trailing transaction true union unique update user using values variadic verbose when where window with`)

// name checks an identifier. It reports whether it can be used.
func (v *validator) name(at Source, what, name string) bool {
	switch {
	case !identifier.MatchString(name):
		v.fault(at, "use a letter a-z, then at most 47 letters a-z, digits and _", "%s is called %q", what, clip(name))
	case strings.HasPrefix(name, "ds_") || strings.HasPrefix(name, "sqlite_") || strings.HasPrefix(name, "rec_") || strings.HasPrefix(name, "pg_"):
		v.fault(at, "choose a name that does not start with ds_, rec_, sqlite_ or pg_", "%s is called %q, which the engine or the database keeps for itself", what, name)
	case slices.Contains(keywords, name):
		v.fault(at, "choose another one, such as "+name+"_code or "+name+"_on", "%s is called %q, a word of SQL", what, name)
	default:
		return true
	}
	return false
}

func (v *validator) label(at Source, what string, l Label) {
	if strings.TrimSpace(l.ZH) == "" || strings.TrimSpace(l.EN) == "" {
		v.fault(at, "give both zh and en", "%s lacks a label", what)
	}
}

// maxOffline is how many days a role's phones may go without contact at most.
const maxOffline = 3650

func (v *validator) roles() {
	for _, name := range sortedKeys(v.schema.Roles) {
		r := v.schema.Roles[name]
		v.name(r.Source, "a role", r.Name)
		v.label(r.Source, "role "+clip(r.Name), r.Label)
		if r.Offline < 0 || r.Offline > maxOffline {
			v.fault(r.Source, "give the days that its phones may go without contact, or leave it out for no limit", "role %s has offline: %d", clip(r.Name), r.Offline)
		}
	}
}

func (v *validator) codeTables() {
	for _, name := range sortedKeys(v.schema.Codes) {
		t := v.schema.Codes[name]
		v.name(t.Source, "a code table", t.Name)
		v.label(t.Source, "code table "+clip(t.Name), t.Label)
		if len(t.Codes) == 0 {
			v.fault(t.Source, "list its codes under codes:", "code table %s has no codes", clip(t.Name))
		}
		seen := map[string]bool{}
		for _, c := range t.Codes {
			if !codeText.MatchString(c.Code) {
				v.fault(c.Source, "use 1 to 64 characters without spaces, quotes, commas or brackets", "code %q of %s cannot be stored safely", clip(c.Code), clip(t.Name))
			}
			if seen[c.Code] {
				v.fault(c.Source, "keep one of them", "code table %s has code %q twice", clip(t.Name), clip(c.Code))
			}
			seen[c.Code] = true
			v.label(c.Source, "code "+clip(c.Code)+" of "+clip(t.Name), c.Label)
		}
	}
}

// codeText is what a code may look like: it is shown in lists, CSV files and sets.
var codeText = regexp.MustCompile(`^[\p{L}\p{N}_.+-]{1,64}$`)

// table checks one record type.
func (v *validator) table(t *Table) {
	if v.name(t.Source, "a record type", t.Name) && slices.Contains(SystemTypes, t.Name) {
		v.fault(t.Source, "choose another name", "%q is a type of the system itself", t.Name)
	}
	v.label(t.Source, "record type "+clip(t.Name), t.Label)
	if !slices.Contains([]Level{LevelGrid, LevelCommunity, LevelStreet, LevelCounty}, t.Level) {
		v.fault(t.at("level"), "write level: grid, community, street or county", "record type %s has level %q", clip(t.Name), clip(string(t.Level)))
	}
	if len(t.Columns) <= len(BuiltIn()) {
		v.fault(t.Source, "declare columns:", "record type %s has no columns", clip(t.Name))
	}
	v.columns(t)
	v.groups(t)
	v.hashes(t)
	v.keys(t)
	v.door(t)
	v.steps(t)
	v.views(t)
	v.rights(t)
}

// at is where a key of the declaration stands, or the declaration itself.
func (t *Table) at(key string) Source {
	if s, ok := t.At[key]; ok {
		return s
	}
	return t.Source
}

// column looks a column up without the index.
func (v *validator) column(t *Table, name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// keys checks natural_key and idempotent.
func (v *validator) keys(t *Table) {
	for _, name := range t.NaturalKey {
		c := v.column(t, name)
		switch {
		case c == nil:
			v.fault(t.at("natural_key"), "name columns of this record type", "natural_key of %s names %q, which is no column", t.Name, clip(name))
		case c.Name == ColID || c.Name == ColScope || c.Group == CellEnvelop || c.Derived || c.Policy == PolicyCentral || c.Policy.Operation() ||
			c.Type == TypeSet || c.Type == TypeSealed || c.Type == TypeReal:
			v.fault(t.at("natural_key"), "use text, code, ref, int, bool, date or time columns that people fill in; the scope is always part of the key", "natural_key of %s names %s, which cannot be compared", t.Name, name)
		}
	}
	if len(t.Idempotent) > 0 && !t.Append {
		v.fault(t.at("idempotent"), "add append: true, or use natural_key", "%s has an idempotent key but is not append", t.Name)
	}
	for _, name := range t.Idempotent {
		c := v.column(t, name)
		if c == nil || t.Append && (c.Policy != PolicyAppend || c.Type == TypeSealed) {
			v.fault(t.at("idempotent"), "name columns of policy append", "idempotent of %s names %q", t.Name, clip(name))
		}
	}
}

// door follows the path from a row to its door: it must end at a record type with door: self.
func (v *validator) door(t *Table) {
	const do = `write "door: self" for the doors themselves, or name a ref column whose record type has a door`
	seen := map[string]bool{}
	for at := t; at.Door != "" && at.Door != DoorSelf; {
		if seen[at.Name] {
			v.fault(t.at("door"), do, "door of %s leads in a circle", t.Name)
			return
		}
		seen[at.Name] = true
		c := v.column(at, at.Door)
		if c == nil || c.Type != TypeRef || v.tables[c.Ref] == nil {
			if at == t {
				v.fault(t.at("door"), do, "door of %s is %q, which is no ref column", t.Name, clip(t.Door))
			}
			return
		}
		next := v.tables[c.Ref]
		if next.Door == "" && at == t {
			v.fault(t.at("door"), do, "door of %s leads to %s, which has no door", t.Name, next.Name)
		}
		at = next
	}
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// clip keeps hostile names from flooding a message.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
