package ddl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forget empties the capture log, as a seal does.
const forget = `DELETE FROM ds_capture`

// given is the row that most cases start from; it has been sealed.
const given = `INSERT INTO household(id, scope, phone, notes) VALUES('01890000-0000-7000-8000-000000000001', 'g1', '138', 'old')`

const row1 = `'01890000-0000-7000-8000-000000000001'`

// The capture protocol, one case per way to write. DESIGN.md explains the letters.
var captureCases = []struct {
	name string
	do   []string
	want string // lines of op, column, old, new
	errs string // must be part of the errors, if not empty
}{
	{name: "insert", do: []string{`INSERT INTO residency(id, scope, kind) VALUES('` + id(9) + `', 'g1', 'floating')`},
		want: "i - NULL NULL"},
	{name: "update of one column", do: []string{`UPDATE household SET phone='139'`}, want: "u phone '138' '139'"},
	{name: "update that repeats the value", do: []string{`UPDATE household SET phone='138', notes=notes`}},
	{name: "update to NULL", do: []string{`UPDATE household SET phone=NULL`}, want: "u phone '138' NULL"},
	{name: "update of two columns", do: []string{`UPDATE household SET notes='n', phone='1'`}, want: "u notes 'old' 'n'\nu phone '138' '1'"},
	{name: "update of the scope", do: []string{`UPDATE household SET scope='g2'`}, want: "u scope 'g1' 'g2'"},
	{name: "update of the envelope", do: []string{`UPDATE household SET created_by='me', updated_at=5`}},
	{name: "delete", do: []string{`DELETE FROM household`}, want: "d - NULL NULL\nd scope 'g1' NULL\nd phone '138' NULL\nd notes 'old' NULL"},
	{name: "delete and insert again", do: []string{`DELETE FROM household`, `INSERT INTO household(id, phone) VALUES(` + row1 + `, '1')`},
		want: "d - NULL NULL\nd scope 'g1' NULL\nd phone '138' NULL\nd notes 'old' NULL\ni - NULL NULL"},
	{name: "insert or replace", do: []string{`INSERT OR REPLACE INTO household(id, scope, phone) VALUES(` + row1 + `, 'g1', '1')`},
		want: kHousehold + "\ni - NULL NULL"},
	{name: "replace into, recursive triggers on", do: []string{`PRAGMA recursive_triggers=ON`, `REPLACE INTO household(id, scope, phone) VALUES(` + row1 + `, 'g1', '1')`, `PRAGMA recursive_triggers=OFF`},
		want: kHousehold + "\nd - NULL NULL\nd scope 'g1' NULL\nd phone '138' NULL\nd notes 'old' NULL\ni - NULL NULL"},
	{name: "insert or ignore that is ignored", do: []string{`INSERT OR IGNORE INTO household(id, phone) VALUES(` + row1 + `, '1')`}, want: kHousehold},
	{name: "insert that fails", do: []string{`INSERT INTO household(id, phone) VALUES(` + row1 + `, '1')`}, errs: "UNIQUE"},
	{name: "insert or fail that fails", do: []string{`INSERT OR FAIL INTO household(id, phone) VALUES(` + row1 + `, '1')`}, want: kHousehold, errs: "UNIQUE"},
	{name: "upsert that updates", do: []string{`INSERT INTO household(id, phone) VALUES(` + row1 + `, '1') ON CONFLICT(id) DO UPDATE SET phone=excluded.phone`},
		want: kHousehold + "\nu phone '138' '1'"},
	{name: "upsert that does nothing", do: []string{`INSERT INTO household(id, phone) VALUES(` + row1 + `, '1') ON CONFLICT DO NOTHING`}, want: kHousehold},
	{name: "upsert that inserts", do: []string{`INSERT INTO household(id, phone) VALUES('` + id(2) + `', '1') ON CONFLICT(id) DO UPDATE SET phone=excluded.phone`},
		want: "i - NULL NULL"},
	{name: "applying", do: []string{`UPDATE ds_control SET applying=1`, `UPDATE household SET phone='1'`, `DELETE FROM household`,
		`INSERT OR REPLACE INTO household(id) VALUES(` + row1 + `)`, `UPDATE household SET id='x'`, `UPDATE ds_control SET applying=0`}},
	{name: "rolled back", do: []string{`BEGIN`, `UPDATE household SET phone='1'`, `ROLLBACK`}},
	{name: "rolled back to a savepoint", do: []string{`BEGIN`, `UPDATE household SET phone='1'`, `SAVEPOINT a`, `UPDATE household SET notes='2'`, `ROLLBACK TO a`, `COMMIT`}, want: "u phone '138' '1'"},
	{name: "new id", do: []string{`UPDATE household SET id='` + id(2) + `'`}, errs: "an id cannot be changed"},
	{name: "new id or ignore", do: []string{`UPDATE OR IGNORE household SET phone='1', id='` + id(2) + `'`}, errs: "an id cannot be changed"},
	{name: "new id or replace", do: []string{`UPDATE OR REPLACE household SET id='` + id(2) + `'`}, errs: "an id cannot be changed"},
	{name: "same id", do: []string{`UPDATE household SET id=id, phone='1'`}, want: "u phone '138' '1'"},
	{name: "id in capitals", do: []string{`INSERT INTO household(id) VALUES('01890000-0000-7000-8000-00000000000A')`}, errs: "lower case"},
	{name: "id too short, or ignore", do: []string{`INSERT OR IGNORE INTO household(id) VALUES('7')`}, errs: "lower case"},
	{name: "id with a dash too many", do: []string{`INSERT INTO household(id) VALUES('01890000-0000-7000-8000-0000-0000001')`}, errs: "lower case"},
	{name: "id with a NUL", do: []string{`INSERT INTO household(id) VALUES('01890000-0000-7000-8000-00000000000' || char(0))`}, errs: "lower case"},
	{name: "id with a NUL behind it", do: []string{`INSERT INTO household(id) VALUES('01890000-0000-7000-8000-000000000007' || char(0) || 'x')`}, errs: "lower case"},
	{name: "id of blob", do: []string{`INSERT INTO household(id) VALUES(CAST(` + row1 + ` AS BLOB))`}, errs: "cannot store BLOB"},
	{name: "id NULL", do: []string{`INSERT OR REPLACE INTO household(id) VALUES(NULL)`}, errs: "lower case"},
	{name: "wrong type", do: []string{`UPDATE household SET last_visit_at='yesterday'`}, errs: "TEXT value in INTEGER column"},
	{name: "the control row stays", do: []string{`DELETE FROM ds_control`}, errs: "cannot be deleted"},
	{name: "a form", do: []string{`UPDATE ds_control SET form_epoch=2, form_cursor=5`, `UPDATE household SET phone='1'`}, want: "u phone '138' '1'"},
}

// kHousehold is the kept row, NULLs and all.
var kHousehold = strings.Join([]string{"k scope 'g1' NULL", "k dwelling_id NULL NULL", "k head_resident_id NULL NULL", "k phone '138' NULL", "k tags NULL NULL",
	"k notes 'old' NULL", "k last_visit_at NULL NULL", "k next_due_on NULL NULL"}, "\n")

func TestCapture(t *testing.T) {
	for _, c := range captureCases {
		t.Run(c.name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, e engine) {
				require.Empty(t, e.run(t, given, forget))
				errs := e.run(t, c.do...)
				if c.errs == "" {
					require.Empty(t, errs)
				} else {
					require.Contains(t, errs, c.errs)
				}
				require.Equal(t, sorted(c.want), sorted(captures(t, e)))
			})
		})
	}
}

// sorted puts lines of op u into one order: which of several cells of one UPDATE is told first means nothing.
func sorted(lines string) string {
	parts := strings.Split(lines, "\n")
	if !strings.HasPrefix(lines, "u ") || len(parts) != 2 || parts[0] < parts[1] {
		return lines
	}
	return parts[1] + "\n" + parts[0]
}

// A group is one cell: if one of its columns changes, all are captured, once.
func TestCaptureOfAGroup(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, `INSERT INTO hazard(id, status, closed_reason) VALUES(`+row1+`, 'found', NULL)`, forget,
			`UPDATE hazard SET status='closed'`, `UPDATE hazard SET closed_at=5, closed_reason='fixed', status='closed'`))
		require.Equal(t, strings.Join([]string{
			"u status 'found' 'closed'", "u closed_at NULL NULL", "u closed_reason NULL NULL",
			"u status 'closed' 'closed'", "u closed_at NULL 5", "u closed_reason NULL 'fixed'",
		}, "\n"), captures(t, e))
	})
}

// Every capture says what its writer had seen, and when.
func TestCaptureStamps(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, given, forget, `UPDATE ds_control SET epoch=3, cursor=70`,
			`UPDATE household SET phone='1'`,
			`UPDATE ds_control SET form_epoch=2, form_cursor=40, now=1234567890123`,
			`UPDATE household SET phone='2'`))
		require.Equal(t, []string{"3 70 1", "2 40 0"}, e.lines(t, `SELECT epoch || ' ' || base || ' ' || (wall IS NOT 1234567890123) FROM ds_capture ORDER BY k`))
		require.Equal(t, []string{"1"}, e.lines(t, `SELECT abs(wall - CAST(strftime('%s','now') AS INTEGER) * 1000) < 60000 FROM ds_capture ORDER BY k LIMIT 1`))
	})
}

// The sentences that stop a person are in both languages.
func TestAbortsSayWhatToDo(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		require.Contains(t, e.run(t, `INSERT INTO household(id) VALUES('x')`), "请不要填写 id")
		require.Empty(t, e.run(t, given))
		require.Contains(t, e.run(t, `UPDATE household SET id='x'`), "请删除此行后重新添加")
	})
}

// 10,000 rows in one statement, then all of them changed in one transaction.
func TestCaptureOfManyRows(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, `BEGIN`,
			`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 10000) INSERT INTO household(scope, phone) SELECT 'g1', i FROM n`,
			`UPDATE household SET phone = phone + 1`, `COMMIT`))
		require.Equal(t, []string{"i 10000", "u 10000"}, e.lines(t, `SELECT op || ' ' || count(*) FROM ds_capture GROUP BY op ORDER BY op`))
		require.Equal(t, []string{"10000"}, e.lines(t, `SELECT count(DISTINCT id) FROM household`))
		require.Equal(t, []string{"0"}, e.lines(t, `SELECT count(*) FROM household WHERE id NOT GLOB '????????-????-7???-[89ab]???-????????????' OR id <> lower(id) OR length(id) <> 36`))
		require.Equal(t, []string{"1"}, e.lines(t, `SELECT count(DISTINCT substr(id, 1, 13)) FROM household`))
		require.Equal(t, []string{"1"}, e.lines(t, `SELECT abs(substr(wall, 1, 9) - (SELECT strftime('%s','now') / 10)) < 60 FROM ds_capture LIMIT 1`))
	})
}

// A foreign program finds no other uniqueness than the id: whatever it replaces, it replaces by id.
func TestNoRowidToReplaceBy(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, given))
		require.Contains(t, e.run(t, `INSERT OR REPLACE INTO household(rowid, id) VALUES(1, '`+id(2)+`')`), "no column named rowid")
	})
}

// Text of any kind comes through unharmed, with its type.
func TestHostileText(t *testing.T) {
	hostile := []string{`'; DROP TABLE household; --`, `"quoted" 'and' \back`, "line\nbreak\ttab", "王𠮷👨‍👩‍👧", "%s %d ? $1 :a @b", strings.Repeat("长", 4000)}
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, given, forget))
		for _, h := range hostile {
			require.Empty(t, e.run(t, `UPDATE household SET notes='`+strings.ReplaceAll(h, "'", "''")+`'`))
		}
		require.Equal(t, []string{"6"}, e.lines(t, `SELECT count(*) FROM ds_capture WHERE op='u' AND col='notes'`))
		require.Equal(t, []string{"1"}, e.lines(t, `SELECT (SELECT new FROM ds_capture ORDER BY k DESC LIMIT 1) IS (SELECT notes FROM household)`))
		require.Empty(t, e.run(t, `UPDATE household SET notes='a' || char(0) || 'b'`))
		require.Equal(t, []string{"610062 text"}, e.lines(t, `SELECT hex(new) || ' ' || typeof(new) FROM ds_capture ORDER BY k DESC LIMIT 1`))
	})
}
