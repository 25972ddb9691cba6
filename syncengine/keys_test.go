package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// A Welcome brings the keys of what the role is shown in full, and nothing to anybody else; a value under a key that the
// county does not have is refused, for nobody could ever open it.
func TestSealedKeyOfNobody(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	sealing := seal.Key{Table: "resident", Column: "id_no_sealed", ID: 7}
	matching := seal.Key{Table: "resident", Column: "id_no_hash", ID: 7, Match: true}
	ring := seal.NewRing([]seal.Key{sealing, matching, {Table: "nothing", Column: "x", ID: 1}})
	engine := se.New(s, se.DefaultLimits).WithKeys(func() *seal.Ring { return ring })
	const now, grid, who = 1_700_000_000_000, "370115003239001", "0190163d-8694-739b-aea5-966c26f8ad90"
	for role, want := range map[string][]seal.Key{
		"grid_worker": {sealing, matching}, "supervisor": {sealing, matching}, "steward": nil, "mediator": nil, "admin": nil,
	} {
		store := memstore.New(s)
		store.SetPrincipal(who, &se.Principal{Account: "a", Device: who, Grants: []se.Grant{{Scope: grid, Level: schema.LevelGrid, Role: role}}})
		require.NoError(t, store.View(func(tx se.ReadTx) error {
			w, err := engine.Welcome(tx, se.Hello{Device: who}, now)
			require.NoError(t, err)
			require.Equal(t, want, w.Keys, role)
			return nil
		}))
	}
	other := sealing
	other.ID = 8
	for rule, r := range map[string]*seal.Ring{"": ring, schema.RuleSealedKey: seal.NewRing([]seal.Key{other})} {
		b, err := r.Seal("resident", "id_no_sealed", row, "x")
		require.NoError(t, err)
		require.Equal(t, rule, refusedFor(t, engine, s, schema.Blob(b)))
	}
	require.Equal(t, schema.RuleType, refusedFor(t, engine, s, schema.Text("37010219800101123X")))
	require.Equal(t, schema.RuleSealed, refusedFor(t, engine, s, schema.Blob([]byte("37010219800101123X"))))
}

const row = "0190163d-8694-739b-aea5-966c26f8ad91"

// refusedFor inserts a resident with this in the sealed column and gives the rule that it breaks, "" for none.
func refusedFor(t *testing.T, e *se.Engine, s *schema.Schema, sealed schema.Value) string {
	t.Helper()
	const now, grid, who = 1_700_000_000_000, "370115003239001", "0190163d-8694-739b-aea5-966c26f8ad90"
	store := memstore.New(s)
	store.SetPrincipal(who, &se.Principal{Account: "a", Device: who, Grants: []se.Grant{{Scope: grid, Level: schema.LevelGrid, Role: "grid_worker"}}})
	cs := &se.Changeset{Device: who, N: 1, Wall: now, Schema: s.Version, Author: "a", Changes: []se.Change{{
		Table: "resident", Row: row, Op: se.OpInsert, Cells: []se.CellWrite{
			{Cell: "scope", Values: []schema.Value{schema.Text(grid)}}, {Cell: "name", Values: []schema.Value{schema.Text("王丽")}},
			{Cell: "household_id", Values: []schema.Value{schema.Text(who)}},
			{Cell: "identity", Values: []schema.Value{schema.Null(), sealed, schema.Null()}},
		},
	}}}
	rule := ""
	require.NoError(t, store.Update(func(tx se.Tx) error {
		v, err := e.Ingest(tx, se.Submission{Changeset: cs, Now: now})
		require.NoError(t, err)
		if v.Reason != nil && v.Reason.Code == se.CodeBadValue {
			require.Equal(t, "id_no_sealed", v.Reason.Column)
			rule = v.Reason.Rule
		}
		return nil
	}))
	return rule
}
