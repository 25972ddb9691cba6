// Package storetest is the contract of syncengine.Store as tests. Every store runs all of it.
package storetest

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Opened is an empty store over Schema, and what the suite needs besides the port. It closes itself with the test.
type Opened struct {
	Store syncengine.Store
	// SetPrincipal makes Principal(device) give p. Its doors are sorted, its grants in order of scope and role.
	SetPrincipal func(p *syncengine.Principal)
	// FailCommit makes the next commit fail, with whatever error.
	FailCommit func()
	// Reopen gives the same store as a process finds it that starts after this one died; nil if nothing outlives it.
	Reopen func() syncengine.Store
}

// Run holds a store to the contract.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, open func(t *testing.T) Opened)
	}{
		{"Records", testRecords},
		{"Head", testHead},
		{"UpdateErrorLeavesNothing", testUpdateError},
		{"PanicLeavesNothing", testPanic},
		{"CommitFailureLeavesNothing", testCommitFailure},
		{"FnMayRunTwice", testTwice},
		{"Savepoints", testSavepoints},
		{"SavepointUndoesEveryRecord", testSavepointRecords},
		{"ViewIsOneState", testView},
		{"OddTexts", testOddTexts},
		{"BigValues", testBigValues},
		{"CellsOfEveryPolicy", testPolicies},
		{"UnknownNames", testUnknownNames},
		{"KillAndRevive", testKill},
		{"Expect", testExpect},
		{"Peek", testPeek},
		{"Repointed", testRepointed},
		{"NaturalKey", testNaturalKey},
		{"IdempotencyKey", testIdempotencyKey},
		{"Referrers", testReferrers},
		{"ChangedOrder", testChangedOrder},
		{"ChangedPages", testChangedPages},
		{"ChangedFollowsTheRow", testChangedFollows},
		{"Moves", testMoves},
		{"Conflicts", testConflicts},
		{"AwaitedRow", testAwaited},
		{"Parked", testParked},
		{"Steps", testSteps},
		{"Inbox", testInbox},
		{"History", testHistory},
		{"HistoryOfARow", testRowHistory},
		{"Audit", testAudit},
		{"Prune", testPrune},
		{"Principal", testPrincipal},
		{"Epochs", testEpochs},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// update runs fn in a transaction that must succeed.
func update(t testing.TB, s syncengine.Store, fn func(tx syncengine.Tx)) {
	t.Helper()
	require.NoError(t, s.Update(func(tx syncengine.Tx) error { fn(tx); return nil }))
}

// view runs fn on a consistent state.
func view(t testing.TB, s syncengine.Store, fn func(tx syncengine.ReadTx)) {
	t.Helper()
	require.NoError(t, s.View(func(tx syncengine.ReadTx) error { fn(tx); return nil }))
}

var valueType = reflect.TypeOf(schema.Value{})

// scramble overwrites everything that can be reached from x: what a store gave out or was given must not be what it
// keeps.
func scramble(x any) { scrambleValue(reflect.ValueOf(x)) }

func scrambleValue(v reflect.Value) {
	switch {
	case v.Type() == valueType:
		if v.CanSet() {
			v.Set(reflect.ValueOf(schema.Text("scrambled")))
		}
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			scrambleValue(v.Elem())
		}
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		for i := range v.Len() {
			scrambleValue(v.Index(i))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			scrambleValue(v.Field(i))
		}
	case !v.CanSet():
	case v.Kind() == reflect.String:
		v.SetString("scrambled")
	case v.CanInt():
		v.SetInt(77)
	case v.CanUint():
		v.SetUint(77)
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	}
}

// id makes a row's or device's id that sorts by n.
func id(n int) syncengine.RowID {
	return syncengine.RowID(fmt.Sprintf("01890000-0000-7000-8000-%012d", n))
}
