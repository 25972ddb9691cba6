package device_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// written makes two replicas in step, lets Debian's shell run a script on one, in which table k holds the household's id,
// syncs both and gives the household and the last changeset.
func written(t *testing.T, script string) (a, b *device.Replica, id se.RowID, last *se.Changeset) {
	t.Helper()
	c, a, b := pair(t)
	synced(t, a, c)
	id = household(t, a)
	synced(t, a, c)
	synced(t, b, c)
	shell(t, a, fmt.Sprintf("CREATE TEMP TABLE k(id); INSERT INTO k VALUES('%s');\n", id)+script)
	require.Equal(t, device.MarkSaved, mark(t, a, "household", id), "captured, not sealed")
	n, err := a.Seal(bg)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	last = outbox(t, a)[0]
	require.True(t, last.Foreign)
	report := synced(t, a, c)
	require.Equal(t, map[se.VerdictKind]int{se.Accepted: 1}, report.Kinds)
	synced(t, b, c)
	require.Equal(t, dump(t, a), dump(t, b))
	return a, b, id, last
}

// dump gives all rows of a replica as Debian's shell shows them.
func dump(t testing.TB, r *device.Replica) string {
	t.Helper()
	out := ""
	for _, table := range r.Schema().Tables {
		out += shell(t, r, ".mode quote\nSELECT '"+table.Name+"', count(*) FROM "+table.Name+"; SELECT * FROM "+table.Name+" ORDER BY id;") + "\n"
	}
	return out
}

func field(t testing.TB, r *device.Replica, id se.RowID, column string) schema.Value {
	t.Helper()
	row, err := r.Get(bg, "household", id)
	require.NoError(t, err)
	return row.Values[column]
}

func TestHelloSealsWhatOthersWrote(t *testing.T) {
	r := create(t)
	shell(t, r, `INSERT INTO dispute(kind_code) VALUES('neighbour');`)
	h, err := r.Session().Hello()
	require.NoError(t, err)
	require.EqualValues(t, 1, h.LastN)
	require.Equal(t, outbox(t, r)[0].Hash(), h.LastHash)
}

func TestShellUpdate(t *testing.T) {
	_, b, id, last := written(t, `UPDATE household SET phone = '13700000000' WHERE id = (SELECT id FROM k);`)
	require.Len(t, last.Changes[0].Cells, 1, "only the cell that changed")
	require.Equal(t, schema.Text("13700000000"), field(t, b, id, "phone"))
}

func TestShellInsertOrReplace(t *testing.T) {
	for _, recursive := range []string{"off", "on"} {
		t.Run("recursive_triggers "+recursive, func(t *testing.T) {
			_, b, id, last := written(t, `PRAGMA recursive_triggers = `+recursive+`;
				INSERT OR REPLACE INTO household(id, scope, dwelling_id, notes) SELECT id, scope, dwelling_id, '新' FROM household WHERE id = (SELECT id FROM k);`)
			require.Len(t, last.Changes, 1)
			require.Equal(t, se.OpUpdate, last.Changes[0].Op, "a replaced row is an update")
			require.Equal(t, schema.Null(), field(t, b, id, "phone"), "what was left out is set to NULL")
			require.Equal(t, schema.Text("新"), field(t, b, id, "notes"))
		})
	}
}

func TestShellWritesAGroupInTwoStatements(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	resident := insert(t, a, "resident", map[string]any{"household_id": id, "name": "王一"})
	synced(t, a, c)
	shell(t, a, fmt.Sprintf(`BEGIN;
		UPDATE resident SET status = 'moved_out' WHERE id = '%[1]s';
		UPDATE resident SET status_on = '2026-03-05' WHERE id = '%[1]s';
		COMMIT;`, resident))
	_, err := a.Seal(bg)
	require.NoError(t, err)
	list := outbox(t, a)
	require.Len(t, list, 1)
	require.Len(t, list[0].Changes, 1)
	require.Len(t, list[0].Changes[0].Cells, 1, "a group is one cell")
	require.Equal(t, []schema.Value{schema.Text("moved_out"), schema.Text("2026-03-05"), schema.Null()}, list[0].Changes[0].Cells[0].Values)
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Accepted])
	synced(t, b, c)
	require.Equal(t, dump(t, a), dump(t, b))
}

func TestShellWritesTenThousandRows(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	shell(t, a, fmt.Sprintf(`BEGIN;
		WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO resident(household_id, name, notes) SELECT '%s', '居民' || i, 'n' || i FROM n;
		COMMIT;`, id))
	report := synced(t, a, c)
	require.Equal(t, 1, report.Sent, "one transaction is one changeset")
	require.Equal(t, map[se.VerdictKind]int{se.Accepted: 1}, report.Kinds)
	require.Equal(t, 10_000, synced(t, b, c).Rows-3)
	require.Equal(t, "10000", shell(t, b, `SELECT count(DISTINCT name) FROM resident WHERE scope IS NOT NULL;`))
	require.Equal(t, dump(t, a), dump(t, b))
}

func TestShellInsertsWithoutIDAndScope(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	shell(t, a, fmt.Sprintf(`INSERT INTO resident(household_id, name) VALUES('%s', '王二');`, id))
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Accepted])
	synced(t, b, c)
	require.Equal(t, grid+"|36|7", shell(t, b, `SELECT scope, length(id), substr(id, 15, 1) FROM resident;`))
}

// A set in another spelling is the same set: it is no change, and the file holds the one spelling afterwards.
func TestShellSpellsASetItsOwnWay(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	visit := insert(t, a, "visit", map[string]any{"household_id": id, "started_at": 1_790_000_000_000, "outcome": "met", "participants": []string{"甲", "乙"}})
	synced(t, a, c)
	synced(t, b, c)
	shell(t, a, fmt.Sprintf(`UPDATE visit SET participants = '[ "甲" , "乙", "甲"]' WHERE id = '%s';`, visit))
	n, err := a.Seal(bg)
	require.NoError(t, err)
	require.Zero(t, n, "nothing changed")
	require.Equal(t, dump(t, a), dump(t, b))
	shell(t, a, fmt.Sprintf(`INSERT INTO visit(household_id, started_at, outcome, visitors) VALUES('%s', 1790000000000, 'met', '["b", "a"]');`, id))
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Accepted], "and a value that is not an operation is sent in the one spelling")
	synced(t, b, c)
	require.Equal(t, dump(t, a), dump(t, b))
}

// What a program writes while a delta comes in is a changeset before the delta is applied (O34).
func TestShellWritesBetweenVerdictAndDelta(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	synced(t, b, c)
	_, err := b.Write(bg, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"phone": "13700000001"}) })
	require.NoError(t, err)
	synced(t, b, c)
	shell(t, a, fmt.Sprintf(`UPDATE household SET notes = '手写', phone = '13700000002' WHERE id = '%s';`, id))
	synced(t, a, c)
	synced(t, b, c)
	require.Equal(t, dump(t, a), dump(t, b))
	require.Equal(t, schema.Text("手写"), field(t, b, id, "notes"))
}
