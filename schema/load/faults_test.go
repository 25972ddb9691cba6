package load

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
)

// base is a small record type that is right; each case below makes one thing wrong.
const base = `name: thing
zh: 东西
en: Thing
level: grid
columns:
  name: {zh: 名, en: Name, type: text}
  kind: {zh: 类, en: Kind, type: code, code: risk_level, policy: lww}
  secret: {zh: 密, en: Secret, type: text, sensitivity: 2}
views:
  grid_worker: {rows: all, shown: [secret]}
rights:
  grid_worker: {insert: true, update: ["*"]}
`

// with gives base with a line replaced or, if the first word is not there, the text appended.
func with(old, now string) string { return strings.Replace(base, old, now, 1) }

func column(spec string) string {
	return with("  name: {", "  extra: {zh: 多, en: Extra, "+spec+"}\n  name: {")
}

func steps(old, now string) string {
	const s = `name: leg
zh: 步
en: Leg
level: grid
append: true
columns:
  thing_id: {zh: 案, en: Case, type: ref, ref: thing, required: true}
  follows_id: {zh: 前, en: Follows, type: ref, ref: leg}
  number: {zh: 号, en: Number, type: int, policy: central}
  step: {zh: 步, en: Step, type: code, code: confirm_way, required: true}
steps:
  case: thing_id
  follows: follows_id
  number: number
  step: step
  state: state
  initial: low
  moves:
    in_person: {from: [low], to: medium}
    voice: {from: [medium], to: high, roles: [grid_worker]}
    signature: {from: [low, medium], to: high}
views:
  grid_worker: {rows: all}
rights:
  grid_worker: {insert: true}
`
	if old != "" && !strings.Contains(s, old) {
		panic("bug: " + old)
	}
	return strings.Replace(s, old, now, 1)
}

var withState = with("  name: {", "  state: {zh: 态, en: State, type: code, code: risk_level, derived: true}\n  name: {")

// One mistake each, and the one line that a person must be told.
var faults = []struct{ name, text, want string }{
	{"right", base, ""},
	{"not yaml", "name: [", "records/thing.yaml:1: this is not YAML"},
	{"not yaml on its last line", base + "door: [a\n", "records/thing.yaml:13: this is not YAML"},
	{"a brace that is not closed", with("name: {zh: 名, en: Name, type: text}", "name: {zh: 名, en: Name, type: text"), "records/thing.yaml:6: this is not YAML"},
	{"a brace too many", with("name: {zh: 名, en: Name, type: text}", "name: {zh: 名, en: Name, type: text}}"), "records/thing.yaml:6: this is not YAML"},
	{"tab", "name: thing\n\tzh: x", "records/thing.yaml:2: this is not YAML"},
	{"empty", "", "records/thing.yaml:1: the file is empty; declare something or remove the file"},
	{"two documents", base + "---\nname: more\n", "records/thing.yaml:13: a second document begins"},
	{"a list", "- a", "records/thing.yaml:1: a record type should be a mapping"},
	{"two keys", base + "level: grid\n", `records/thing.yaml:13: a record type has "level" twice; keep one`},
	{"unknown key", base + "colour: red\n", `records/thing.yaml:13: a record type has no key "colour"; use one of: name,`},
	{"unknown key of a column", column("type: text, max_length: 3"), `records/thing.yaml:6: column extra has no key "max_length"`},
	{"alias", with("en: Thing", "en: &x Thing\nappend: *x"), "records/thing.yaml:4: a record type uses a YAML alias"},
	{"merge key", with("  name: {zh", "  name: {<<: {a: b}, zh"), "uses a YAML alias, merge"},
	{"no name", with("name: thing\n", ""), "records/thing.yaml:1: the file must have either name or extends"},
	{"extends nothing", with("name: thing", "extends: thing"), `records/thing.yaml:1: there is no record type "thing" to extend; write name:`},
	{"bad name", with("name: thing", "name: Thing-1"), `records/thing.yaml:1: a record type is called "Thing-1"; use a letter a-z`},
	{"long name", with("name: thing", "name: a"+strings.Repeat("b", 48)), "at most 47"},
	{"engine's name", with("name: thing", "name: ds_thing"), "which the engine or the database keeps for itself"},
	{"sql word", with("name: thing", "name: order"), `is called "order", a word of SQL; choose another one`},
	{"system type", with("name: thing", "name: account"), `records/thing.yaml:1: "account" is a type of the system itself`},
	{"no label", with("en: Thing\n", ""), "records/thing.yaml:1: record type thing lacks a label; give both zh and en"},
	{"level", with("level: grid", "level: city"), `records/thing.yaml:4: record type thing has level "city"; write level: grid`},
	{"no columns", "name: thing\nzh: a\nen: b\nlevel: grid\n", "records/thing.yaml:1: record type thing has no columns"},
	{"column name", with("  name: {", "  Name: {"), `records/thing.yaml:6: a column of thing is called "Name"`},
	{"built-in column", with("  name: {", "  scope: {"), "records/thing.yaml:6: column scope of thing has a name that every record has already"},
	{"centre's column", with("  name: {", "  row_seq: {"), "has a name that every record has already"},
	{"column word", with("  name: {", "  from: {"), `is called "from", a word of SQL; choose another one, such as from_code or from_on`},
	{"type", column("type: blob"), `records/thing.yaml:6: column extra of thing has type "blob"; use one of: text, int,`},
	{"no type", column("policy: lww"), `column extra of thing has type ""`},
	{"policy", column("type: text, policy: newest"), `has policy "newest"; use one of: lww, review,`},
	{"flag", column("type: text, required: yes"), "records/thing.yaml:6: required is not a yes or no; write true or false"},
	{"number", column("type: int, min: low"), "records/thing.yaml:6: min is not a number"},
	{"not a number", column("type: int, min: .nan"), "min is not a number"},
	{"infinite", column("type: int, min: inf"), "min is not a number"},
	{"max_len", column("type: text, max_len: 0"), "max_len of column extra is below 1"},
	{"max_len of a number", column("type: int, max_len: 4"), "has max_len, which is for text, set and sealed"},
	{"max_len too great", column("type: text, max_len: 100001"), "has max_len 100001; use 1 to 100000"},
	{"min of a text", column("type: text, min: 4"), "has min or max, which are for int, real and time"},
	{"min above max", column("type: int, min: 4, max: 3"), "has min above max; exchange them"},
	{"code without table", column("type: code"), "has type code but no code table"},
	{"unknown code table", column("type: code, code: colours"), `uses code table "colours", which is not declared`},
	{"code on text", column("type: text, code: risk_level"), "names a code table but has type text"},
	{"ref without type", column("type: ref"), "has type ref but no record type"},
	{"unknown ref", column("type: ref, ref: planet"), `refers to record type "planet", which is not declared`},
	{"set of both", column("type: set, ref: wish, code: risk_level"), "has both code and ref"},
	{"add on text", column("type: text, policy: add"), "has policy add but is no number"},
	{"add with limit", column("type: int, policy: add, max: 3"), "has policy add and a limit"},
	{"union on text", column("type: text, policy: union"), "has policy union but is no set"},
	{"max on text", column("type: text, policy: max"), "has policy max but no order"},
	{"max on code without rank", column("type: code, code: risk_level, policy: max"), `rank of column extra of thing leaves out "low"`},
	{"rank of strangers", column("type: code, code: risk_level, policy: max, rank: [low, medium, high, top]"), `names "top", which is no code of risk_level`},
	{"rank twice", column("type: code, code: risk_level, policy: max, rank: [low, medium, high, low]"), `rank names "low" twice`},
	{"rank without need", column("type: text, rank: [a]"), "has rank, which is for codes of policy max or min"},
	{"queue", column("type: text, queue: true"), "has queue, which is for max and min"},
	{"pattern", column("type: text, pattern: '^[$'"), "pattern of column extra of thing cannot be read"},
	{"pattern not anchored", column("type: text, pattern: 'a+'"), "is not anchored; begin it with ^"},
	{"check", column("type: text, check: email"), `has check "email"; use citizen_id, identity_no, phone or uscc, on a text`},
	{"sensitivity", column("type: text, sensitivity: 4"), "has sensitivity 4; use 0 public"},
	{"hash of nothing", column("type: text, hash_of: secret"), "is the hash of \"secret\", which is no sealed column"},
	{"hash of a set", column("type: set, hash_of: extra"), "which is no sealed column"},
	{"sealed without room", column("type: sealed, max_len: 64, sensitivity: 3"), "is sealed but has no room for text"},
	{"sealed and public", column("type: sealed"), "is sealed but not marked as sensitive"},
	{"required central", column("type: text, policy: central, required: true"), "is required but written at the centre only"},
	{"derived from nothing", column("type: code, code: risk_level, derived: true"), "is derived, but from no steps"},
	{"derived text", column("type: text, derived: true"), "is derived from steps but declared as if people wrote it"},
	{"lonely group", column("type: text, group: pair"), "group pair of thing has only one column"},
	{"group of two policies", column("type: text, group: pair, policy: lww}\n  more: {zh: 多, en: More, type: text, group: pair"), "has columns of policy lww and review"},
	{"group named as a column", column("type: text, group: name}\n  more: {zh: 多, en: More, type: text, group: name"), "has the name of a column"},
	{"group of the engine", column("type: text, group: envelope}\n  more: {zh: 多, en: More, type: text, group: envelope"), "built-in cell"},
	{"group of sets", column("type: set, policy: union, group: pair}\n  more: {zh: 多, en: More, type: set, policy: union, group: pair"), "has policy union, which is for single columns"},
	{"natural key", base + "natural_key: [nose]\n", `records/thing.yaml:13: natural_key of thing names "nose", which is no column`},
	{"natural key of the scope", base + "natural_key: [scope]\n", "names scope, which cannot be compared"},
	{"idempotent", base + "idempotent: [name]\n", "records/thing.yaml:13: thing has an idempotent key but is not append"},
	{"door", base + "door: name\n", `records/thing.yaml:13: door of thing is "name", which is no ref column`},
	{"door to nowhere", column("type: ref, ref: patrol") + "door: extra\n", "door of thing leads to patrol, which has no door"},
	{"door in a circle", column("type: ref, ref: thing") + "door: extra\n", "door of thing leads in a circle"},
	{"view of nobody", with("  grid_worker: {rows", "  king: {rows"), "records/thing.yaml:10: view of king on thing: there is no such role"},
	{"rows", with("rows: all", "rows: some"), `has rows "some"; write rows: all, doors or own`},
	{"doors without a door", with("grid_worker: {rows: all", "steward: {rows: doors"), "is by doors, but the record type has no door"},
	{"doors without doors", strings.Replace(column("type: ref, ref: household")+"door: extra\n", "rows: all", "rows: doors", 1), "is by doors, but assignments of that role list none"},
	{"silent view", with(", shown: [secret]", ""), "records/thing.yaml:10: view of grid_worker on thing is silent about secret, which has sensitivity 2; name it under shown, masked or hidden"},
	{"view says it twice", with("shown: [secret]", "shown: [secret], hidden: [secret]"), `names column "secret" twice`},
	{"view of no column", with("shown: [secret]", "shown: [secret], hidden: [nose]"), `names column "nose", which is not declared`},
	{"hidden scope", with("shown: [secret]", "shown: [secret], hidden: [scope]"), "hides or masks scope, which every view shows"},
	{"mask", with("shown: [secret]", "masked: {secret: face}"), `masks secret with "face"`},
	{"mask of a number", strings.Replace(column("type: int"), "shown: [secret]", "shown: [secret], masked: {extra: all}", 1), `masks extra with "all"`},
	{"half a group", strings.Replace(column("type: text, group: pair}\n  more: {zh: 多, en: More, type: text, group: pair"), "shown: [secret]", "shown: [secret], hidden: [more]", 1), "shows only part of group pair"},
	{"right of nobody", with("  grid_worker: {insert", "  king: {insert"), "right of king on thing: there is no such role"},
	{"right without view", with("  grid_worker: {insert", "  mediator: {insert"), "it may write what it cannot see"},
	{"right to nothing", with(`update: ["*"]`, "update: [nose]"), `names "nose", which is no cell`},
	{"right to a part", strings.Replace(column("type: text, group: pair}\n  more: {zh: 多, en: More, type: text, group: pair"), `["*"]`, "[more]", 1), "names more, which is part of a group"},
	{"right to the unseen", strings.Replace(with("shown: [secret]", "hidden: [secret]"), `["*"]`, "[secret]", 1), "nobody may overwrite what he cannot see"},
	{"right to the masked", strings.Replace(with("shown: [secret]", "masked: {secret: all}"), `["*"]`, "[secret]", 1), "nobody may overwrite what he cannot see"},
	{"right to the centre's", strings.Replace(column("type: text, policy: central"), `["*"]`, "[extra]", 1), "has policy central and is not updated"},
	{"insert without sight", strings.Replace(with("sensitivity: 2", "sensitivity: 2, required: true"), "shown: [secret]", "hidden: [secret]", 1), "the role does not see secret in full, which is required"},
	{"delete of append", strings.Replace(with("level: grid", "level: grid\nappend: true"), "insert: true", "delete: true", 1), "allows delete, but the record type is append"},
	{"right to what is append", strings.Replace(with("level: grid", "level: grid\nappend: true"), `["*"]`, "[name]", 1), "has policy append and is not updated"},
}

func TestFaults(t *testing.T) {
	for _, c := range faults {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(county(map[string]string{"records/thing.yaml": c.text}))
			requireFault(t, err, c.want)
		})
	}
}

// english is what no Chinese sentence about a fault has in it.
var english = regexp.MustCompile(`\b((has|is|of|names|are|the|in|on|use|write|keep) |an? (role|code|record|column|group))`)

// requireFault wants one fault whose line contains want; "" wants none.
func requireFault(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	var f schema.Faults
	require.ErrorAs(t, err, &f)
	require.Contains(t, err.Error(), want)
	for _, x := range f {
		require.NotEmpty(t, x.Source.File, x.Error())
		require.Positive(t, x.Source.Line)
		require.NotEmpty(t, x.Do)
		require.NotRegexp(t, english, x.In("zh-CN"), "who works in Chinese is told in Chinese")
		require.Contains(t, x.In("zh-CN"), "；")
		require.Equal(t, x.Error(), x.In("en"))
	}
}

func TestFaultsOfSteps(t *testing.T) {
	for _, c := range []struct{ name, thing, leg, want string }{
		{"right", withState, steps("", ""), ""},
		{"not append", withState, steps("append: true\n", ""), "records/leg.yaml:11: steps of leg: steps are only ever added"},
		{"case", withState, steps("case: thing_id", "case: step"), `steps of leg: case is "step"; name a column of type ref`},
		{"case not required", withState, steps("ref: thing, required: true", "ref: thing"), "a step without a case belongs nowhere"},
		{"follows", withState, steps("follows_id: {zh: 前, en: Follows, type: ref, ref: leg}", "follows_id: {zh: 前, en: Follows, type: ref, ref: thing}"), "follows must refer to a step"},
		{"number", withState, steps("type: int, policy: central", "type: int"), `number is "number"; name a column of type int and policy central`},
		{"state", base, steps("", ""), `records/leg.yaml:12: steps of leg: state is "state"; name a column of thing with derived: true`},
		{"initial", withState, steps("initial: low", "initial: none"), `"none" is no state; use codes of risk_level`},
		{"missing move", withState, steps("    signature: {from: [low, medium], to: high}\n", ""), "step signature has no move"},
		{"strange move", withState, steps("    signature: {", "    dance: {"), `move "dance" is no step`},
		{"strange from", withState, steps("from: [low]", "from: [low, nil]"), `"nil" is no state`},
		{"no from", withState, steps("from: [low], ", ""), "move in_person has no state to start from"},
		{"strange to", withState, steps("to: medium", "to: up"), `"up" is no state`},
		{"never", withState, steps("from: [low], to: medium", "from: [high], to: medium"), "move voice can never be taken"},
		{"role", withState, steps("roles: [grid_worker]", "roles: [supervisor]"), "move voice is for role supervisor, which may not insert steps"},
		{"no view", withState, strings.NewReplacer("views:\n  grid_worker: {rows: all}\n", "", "rights:\n  grid_worker: {insert: true}\n", "", ", roles: [grid_worker]", "").Replace(steps("", "")), "without the steps its device cannot know it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			leg := c.leg
			if c.name == "never" {
				leg = strings.Replace(leg, "signature: {from: [low, medium]", "signature: {from: [medium]", 1)
			}
			_, err := Load(county(map[string]string{"records/thing.yaml": c.thing, "records/leg.yaml": leg}))
			requireFault(t, err, c.want)
		})
	}
}

func TestFaultsOfOtherFiles(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"version", "version.yaml", "version: zero", "version.yaml:1: version is not a whole number"},
		{"version below", "version.yaml", "version: 0", "version is missing or below 1"},
		{"role", "roles.yaml", "roles:\n  X: {zh: a, en: b}", `roles.yaml:2: a role is called "X"`},
		{"role label", "roles.yaml", "roles:\n  x: {zh: a}", "roles.yaml:2: role x lacks a label"},
		{"role key", "roles.yaml", "roles:\n  x: {zh: a, en: b, power: true}", `roles.yaml:2: role x has no key "power"`},
		{"no codes", "codes/x.yaml", "name: x\nzh: a\nen: b", "codes/x.yaml:1: code table x has no codes"},
		{"code text", "codes/x.yaml", "name: x\nzh: a\nen: b\ncodes:\n  'a b': {zh: a, en: b}", `codes/x.yaml:5: code "a b" of x cannot be stored safely`},
		{"code label", "codes/x.yaml", "name: x\nzh: a\nen: b\ncodes:\n  a: {zh: a}", "codes/x.yaml:5: code a of x lacks a label"},
		{"extends no codes", "codes/x.yaml", "extends: x\ncodes:\n  a: {zh: a, en: b}", `codes/x.yaml:1: there is no code table "x" to extend`},
		{"code of rank gone", "codes/x.yaml", "name: risk_level\nzh: a\nen: b\ncodes:\n  low: {zh: a, en: b}", `rank of column risk_level of dispute names "medium"`},
		{"stray", "record/x.yaml", "a: b", "record/x.yaml:1: this file is not read"},
		{"stray file", "x.yaml", "a: b", "x.yaml:1: this file is not read"},
		{"stray ending", "records/x.yml", "a: b", "records/x.yml:1: this file is not read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(county(map[string]string{c.file: c.text}))
			requireFault(t, err, c.want)
		})
	}
	_, err := Load(county(map[string]string{"records/x.yaml": "#" + strings.Repeat(" ", maxFile)}))
	require.ErrorContains(t, err, "split the file")
}

// All faults are told at once.
func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Load(county(map[string]string{"records/thing.yaml": with("level: grid", "level: city") + "natural_key: [nose]\n", "codes/x.yaml": "name: x\nzh: a\nen: b"}))
	var f schema.Faults
	require.ErrorAs(t, err, &f)
	require.Len(t, f, 3)
}

// What is wrong with the form of a file hides nothing that is wrong with what it says.
func TestUnknownKeysHideNothing(t *testing.T) {
	text := strings.NewReplacer("name: thing", "name: Thing-1", "level: grid", "level: city\ncolour: red", "type: text}", "type: blob}",
		"policy: lww", "policy: newest", "sensitivity: 2", "sensitivity: two, max_length: 3").Replace(column("type: ref, ref: planet"))
	_, err := Load(county(map[string]string{"records/thing.yaml": text}))
	var f schema.Faults
	require.ErrorAs(t, err, &f)
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		`records/thing.yaml:1: a record type is called "Thing-1"`,
		`records/thing.yaml:4: record type Thing-1 has level "city"`,
		`records/thing.yaml:5: a record type has no key "colour"`,
		`records/thing.yaml:7: column extra of Thing-1 refers to record type "planet"`,
		`records/thing.yaml:8: column name of Thing-1 has type "blob"`,
		`records/thing.yaml:9: column kind of Thing-1 has policy "newest"`,
		`records/thing.yaml:10: column secret has no key "max_length"`,
		`records/thing.yaml:10: sensitivity is not a whole number`,
	} {
		require.Greater(t, len(lines), i, err)
		require.Contains(t, lines[i], want, err)
	}
	require.Len(t, lines, 8, "and nothing twice: %v", err)

	_, err = Load(county(map[string]string{"records/thing.yaml": "name: [", "records/leg.yaml": strings.Replace(column("type: ref, ref: thing"), "name: thing", "name: leg", 1)}))
	require.ErrorAs(t, err, &f)
	require.Len(t, f, 1, "a file that cannot be read is not blamed on those that refer to it: %v", err)
}

// The folder may be no folder at all.
func TestUnreadable(t *testing.T) {
	_, err := Load(broken{})
	require.Error(t, err)
}

type broken struct{}

func (broken) Open(string) (fs.File, error) { return nil, fs.ErrPermission }
