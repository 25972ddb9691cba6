package ddl_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/load"
)

// grown is the built-in schema with a column, a group and a record type more.
func grown(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := load.Load(fstest.MapFS{
		"records/household.yaml": {Data: []byte("extends: household\ncolumns:\n  wifi: {zh: 宽带, en: Broadband, type: bool, policy: lww}\n")},
		"records/pet.yaml": {Data: []byte("name: pet\nzh: 宠物\nen: Pet\nlevel: grid\ndoor: household_id\nnatural_key: [household_id, name]\ncolumns:\n" +
			"  household_id: {zh: 住户, en: Household, type: ref, ref: household}\n  name: {zh: 名字, en: Name, type: text}\n")},
	})
	require.NoError(t, err)
	return s
}

func catalogue(t testing.TB, e engine) ddl.Existing {
	have := ddl.Existing{Columns: map[string][]string{}, Triggers: e.lines(t, `SELECT name FROM sqlite_master WHERE type='trigger'`)}
	for _, table := range e.lines(t, `SELECT name FROM sqlite_master WHERE type='table'`) {
		have.Columns[table] = e.lines(t, `SELECT name FROM pragma_table_info('`+table+`') ORDER BY cid`)
	}
	return have
}

const wholeCatalogue = `SELECT type || name || tbl_name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1`

// The statements make a replica in any shell, and may be run again.
func TestReplicaStatements(t *testing.T) {
	make := ddl.Replica(defaultSchema(t))
	e := &shell{openShell(t), filepath.Join(t.TempDir(), "r.db")}
	require.Empty(t, e.run(t, make...))
	before := e.lines(t, wholeCatalogue)
	require.Empty(t, e.run(t, make...))
	require.Equal(t, before, e.lines(t, wholeCatalogue))
	require.Equal(t, []string{"1"}, e.lines(t, `SELECT count(*) FROM ds_control`))
}

// A replica of an older schema keeps its rows, gains what is new, and captures it.
func TestReplicaUpgrade(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, given, forget))
		s := grown(t)
		require.Empty(t, e.run(t, append(append([]string{"BEGIN"}, ddl.ReplicaUpgrade(s, catalogue(t, e))...), "COMMIT")...))
		require.Empty(t, e.run(t, `UPDATE household SET wifi=1`, `INSERT INTO pet(name) VALUES('旺财')`))
		require.Equal(t, "u wifi NULL 1\ni - NULL NULL", captures(t, e))
		require.Empty(t, e.run(t, forget, `INSERT OR REPLACE INTO household(id) VALUES(`+row1+`)`))
		require.Contains(t, captures(t, e), "k wifi 1 NULL")

		again := e.lines(t, wholeCatalogue)
		require.Empty(t, e.run(t, append(append([]string{"BEGIN"}, ddl.ReplicaUpgrade(s, catalogue(t, e))...), "COMMIT")...))
		require.Equal(t, again, e.lines(t, wholeCatalogue))

		fresh := openDriver(t, filepath.Join(t.TempDir(), "fresh.db"))
		require.Empty(t, fresh.run(t, ddl.Replica(s)...))
		require.Equal(t, fresh.lines(t, wholeCatalogue), again)
	})
}

// Every ALTER TABLE makes SQLite read each trigger again: nothing is altered while there are any.
func TestTriggersComeLast(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		there := true // before the upgrade drops them
		for _, q := range ddl.ReplicaUpgrade(grown(t), catalogue(t, e)) {
			switch {
			case strings.HasPrefix(q, "DROP TRIGGER"):
				there = false
			case strings.HasPrefix(q, "CREATE TRIGGER"):
				there = true
			default:
				require.False(t, there, q)
			}
		}
		require.True(t, there)
	})
}

// Going back to a schema without a column leaves the column and stops capturing it.
func TestReplicaOfASmallerSchema(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		require.Empty(t, e.run(t, ddl.ReplicaUpgrade(grown(t), catalogue(t, e))...))
		require.Empty(t, e.run(t, ddl.ReplicaUpgrade(defaultSchema(t), catalogue(t, e))...))
		require.Empty(t, e.run(t, given, forget, `UPDATE household SET wifi=1`, `INSERT INTO pet(name) VALUES('a')`))
		require.Empty(t, captures(t, e))
	})
}

func TestCentreUpgrade(t *testing.T) {
	d := openDriver(t, filepath.Join(t.TempDir(), "c.db"))
	require.Empty(t, d.run(t, ddl.Centre(defaultSchema(t))...))
	require.Empty(t, d.run(t, `INSERT INTO rec_household(county, id, scope, phone) VALUES(1, `+row1+`, 'g1', '138')`))
	s := grown(t)
	for range 2 {
		require.Empty(t, d.run(t, ddl.CentreUpgrade(s, catalogue(t, d).Columns)...))
	}
	require.Equal(t, []string{"138"}, d.lines(t, `SELECT phone FROM rec_household WHERE wifi IS NULL AND row_seq=0`))
	fresh := openDriver(t, filepath.Join(t.TempDir(), "fresh.db"))
	require.Empty(t, fresh.run(t, ddl.Centre(s)...))
	require.Equal(t, fresh.lines(t, wholeCatalogue), d.lines(t, wholeCatalogue))
}

// The queries that the centre asks all day find an index.
func TestCentreIndexes(t *testing.T) {
	s := defaultSchema(t)
	d := openDriver(t, filepath.Join(t.TempDir(), "c.db"))
	require.Empty(t, d.run(t, ddl.Centre(s)...))
	plan := func(where string) string {
		var out []string
		scanAll(t, d, `EXPLAIN QUERY PLAN SELECT * FROM rec_dwelling WHERE `+where, func(v []string) { out = append(out, v[3]) })
		return strings.Join(out, "\n")
	}
	for where, index := range map[string]string{
		`county=1 AND id='x'`: "(county=? AND id=?)",
		`county=1 AND scope='g' AND row_seq > 5 ORDER BY row_seq, id`:                    "rec_dwelling:feed (county=? AND scope=? AND row_seq>?)",
		`county=1 AND building_id='b'`:                                                   "(county=? AND building_id=?)",
		`county=1 AND door='d'`:                                                          "(county=? AND door=?)",
		`county=1 AND scope='g' AND building_id='b' AND unit_no IS NULL AND room_no='3'`: "(county=? AND scope=? AND building_id=? AND unit_no=? AND room_no=?)",
	} {
		require.Contains(t, plan(where), index, where)
		require.NotContains(t, plan(where), "TEMP B-TREE", where)
	}
}

// Nothing here is newer than SQLite 3.37, by the words that were added later or are options of a build.
func TestNothingNew(t *testing.T) {
	all := strings.ToLower(strings.Join(ddl.Replica(defaultSchema(t)), "\n"))
	for _, word := range []string{"json", "->", "format(", "unixepoch", "subsec", "timediff", "octet_length", "concat", "string_agg", "if not exists(", "distinct from",
		"unhex", "returning", "right join", "iif(", "unistr", "fts", "collate", "foreign", "references", " unique"} {
		require.NotContains(t, all, word)
	}
}

// Every connection reads every trigger before it does anything else: a statement for each column made them 373 KB.
func TestTriggersAreShort(t *testing.T) {
	all := len(strings.Join(ddl.ReplicaTriggers(defaultSchema(t)), "\n"))
	t.Logf("%d bytes of triggers", all)
	require.Less(t, all, 240_000)
}
