package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

func principalOf(t testing.TB, s *Store, device string) (p *syncengine.Principal) {
	t.Helper()
	require.NoError(t, s.View(func(tx syncengine.ReadTx) (err error) { p, err = tx.Principal(device); return err }))
	return p
}

func run(t testing.TB, s *Store, statements ...string) {
	t.Helper()
	require.NoError(t, s.WithTx(context.Background(), func(tx *sql.Tx) error {
		for _, q := range statements {
			_, err := tx.Exec(q)
			require.NoError(t, err, q)
		}
		return nil
	}))
}

func TestPrincipalExpandsUnits(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	run(t, s,
		`INSERT INTO org_unit (county, code, name, parent, valid_from, valid_to) VALUES
			(1, '37', 'county', NULL, NULL, NULL), (1, '3701', 'street', '37', 0, 0), (1, '370101', 'village', '3701', NULL, NULL),
			(1, '370101-1', 'grid 1', '370101', NULL, NULL), (1, '370101-2', 'grid 2', '370101', 100, 200), (1, '370101-3', 'gone', '370101', 1, 5),
			(1, '3702', 'other street', '37', NULL, NULL), (2, '370101-9', 'of another county', '370101', NULL, NULL),
			(1, 'a', 'a ring', 'b', NULL, NULL), (1, 'b', 'a ring', 'a', NULL, NULL)`,
		`INSERT INTO account (county, id, login) VALUES (1, 'acc', 'x'), (2, 'acc', 'x')`,
		`INSERT INTO device (county, id, account, console) VALUES (1, 'dev', 'acc', 0), (2, 'dev', 'acc', 1)`,
		`INSERT INTO assignment (county, id, account, role, scope, doors, valid_from, valid_to) VALUES
			(1, 'x', 'acc', 'worker', '3701', NULL, 10, NULL), (2, 'y', 'acc', 'admin', '37', NULL, NULL, NULL),
			(1, 'z', 'acc', 'worker', 'nowhere', '[]', NULL, NULL), (1, 'r', 'acc', 'ring', 'a', '', NULL, NULL)`)
	require.Equal(t, &syncengine.Principal{Account: "acc", Device: "dev", Grants: []syncengine.Grant{
		{Scope: "3701", Name: "street", Role: "worker", From: 10},
		{Scope: "370101", Name: "village", Role: "worker", From: 10},
		{Scope: "370101-1", Name: "grid 1", Role: "worker", From: 10},
		{Scope: "370101-2", Name: "grid 2", Role: "worker", From: 100, To: 200}, // its own validity; "gone" ended before the assignment
		{Scope: "a", Name: "a ring", Role: "ring"}, {Scope: "b", Name: "a ring", Role: "ring"},
	}}, principalOf(t, s, "dev"))
	require.Nil(t, principalOf(t, s, "nobody"))
}

// TestPrincipalOverlaps: at any instant one grant for a scope and role, and its doors are those of that instant.
func TestPrincipalOverlaps(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	run(t, s,
		`INSERT INTO org_unit (county, code, name, parent) VALUES (1, 'v', 'village', NULL), (1, 'g', 'grid', 'v')`,
		`INSERT INTO account (county, id) VALUES (1, 'acc')`,
		`INSERT INTO device (county, id, account) VALUES (1, 'dev', 'acc')`,
		`INSERT INTO assignment (county, id, account, role, scope, doors, valid_from, valid_to) VALUES
			(1, '1', 'acc', 'steward', 'g', '["d2","d1"]', NULL, 100), (1, '2', 'acc', 'steward', 'g', '["d3","d1"]', 50, NULL),
			(1, '3', 'acc', 'worker', 'g', NULL, 0, 10), (1, '4', 'acc', 'worker', 'g', NULL, 20, 30), (1, '5', 'acc', 'worker', 'v', NULL, 25, 40),
			(1, '6', 'acc', 'worker', 'g', NULL, 60, 60)`)
	require.Equal(t, []syncengine.Grant{
		{Scope: "g", Name: "grid", Role: "steward", Doors: []string{"d1", "d2"}, To: 50},
		{Scope: "g", Name: "grid", Role: "steward", Doors: []string{"d1", "d2", "d3"}, From: 50, To: 100},
		{Scope: "g", Name: "grid", Role: "steward", Doors: []string{"d1", "d3"}, From: 100},
		{Scope: "g", Name: "grid", Role: "worker", To: 10},
		{Scope: "g", Name: "grid", Role: "worker", From: 20, To: 40}, // two that touch are one
		{Scope: "v", Name: "village", Role: "worker", From: 25, To: 40},
	}, principalOf(t, s, "dev").Grants)
}

func TestPrincipalEnds(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	run(t, s, `INSERT INTO account (county, id) VALUES (1, 'acc')`,
		`INSERT INTO device (county, id, account, console) VALUES (1, 'dev', 'acc', 1), (1, 'orphan', 'gone', 0)`)
	p := principalOf(t, s, "dev")
	require.True(t, p.Console)
	require.False(t, p.Revoked)
	require.True(t, principalOf(t, s, "orphan").Revoked, "no account, no rights")
	run(t, s, `UPDATE device SET revoked_at = 5 WHERE id = 'dev'`)
	require.True(t, principalOf(t, s, "dev").Revoked)
	run(t, s, `UPDATE device SET revoked_at = NULL`, `UPDATE account SET disabled_at = 5`)
	require.True(t, principalOf(t, s, "dev").Revoked)
	run(t, s, `UPDATE account SET disabled_at = 0`, `INSERT INTO org_unit (county, code) VALUES (1, 'g')`,
		`INSERT INTO assignment (county, id, account, role, scope, doors) VALUES (1, '1', 'acc', 'steward', 'g', '{"not":"a list"}')`)
	require.Error(t, s.View(func(tx syncengine.ReadTx) error { _, err := tx.Principal("dev"); return err }), "rights that cannot be read are no rights")
}

// TestPrincipalSuccessors: a closed unit that somebody still has a grant on leads to the unit that is in use now, however
// often that one was closed in turn. A ring of units, made by hand, holds nobody up; units of another county lead nowhere.
func TestPrincipalSuccessors(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	run(t, s,
		`INSERT INTO org_unit (county, code, name, parent, valid_to, successor) VALUES
			(1, 'v', 'village', NULL, NULL, NULL), (1, 'a', 'first', 'v', 10, 'b'), (1, 'b', 'second', 'v', 20, 'c'), (1, 'c', 'in use', 'v', NULL, NULL),
			(1, 'x', 'a ring', 'v', 10, 'y'), (1, 'y', 'a ring', 'v', 10, 'x'), (2, 'c', 'elsewhere', NULL, 5, 'd'), (1, 'far', 'not his', NULL, 5, 'c')`,
		`INSERT INTO account (county, id) VALUES (1, 'acc'), (1, 'other')`,
		`INSERT INTO device (county, id, account) VALUES (1, 'dev', 'acc'), (1, 'own', 'other')`,
		`INSERT INTO assignment (county, id, account, role, scope) VALUES (1, '1', 'acc', 'worker', 'v'), (1, '2', 'other', 'worker', 'c')`)
	got := principalOf(t, s, "dev").Successors
	require.Equal(t, "c", got["a"])
	require.Equal(t, "c", got["b"])
	require.NotContains(t, got, "c")
	require.NotContains(t, got, "v")
	require.NotContains(t, got, "far")
	require.Len(t, got, 4, "and the ring, which ends somewhere")
	require.Empty(t, principalOf(t, s, "own").Successors)
}
