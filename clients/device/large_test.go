package device_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// TestForeignWritesBeyondTheLimitsAreSplit: what no message could carry would hold up all that is written after it.
func TestForeignWritesBeyondTheLimitsAreSplit(t *testing.T) {
	r := create(t)
	limits := se.DefaultLimits
	limits.MaxChanges = 4
	s := r.Session()
	greet(t, s, &se.Welcome{Epoch: 1, View: viewA, Grants: grants(), Limits: limits})
	shell(t, r, "BEGIN; "+strings.Repeat("INSERT INTO hazard(kind_code, description) VALUES('lamp', '路灯坏了'); ", 10)+"COMMIT;")
	n, err := r.Seal(bg)
	require.NoError(t, err)
	require.Equal(t, int64(3), n)
	rows := 0
	var prev se.Hash
	for i, cs := range outbox(t, r) {
		require.Equal(t, int64(i+1), cs.N)
		require.Equal(t, prev, cs.Prev)
		require.LessOrEqual(t, len(cs.Changes), limits.MaxChanges)
		require.True(t, cs.Foreign)
		rows += len(cs.Changes)
		prev = cs.Hash()
	}
	require.Equal(t, 10, rows)

	limits.MaxChanges, limits.MaxChangeset = 1000, 3000
	greet(t, s, &se.Welcome{Epoch: 1, View: viewA, Grants: grants(), Limits: limits})
	shell(t, r, "UPDATE hazard SET description = printf('%.600c', 'x');")
	_, err = r.Seal(bg)
	require.NoError(t, err)
	list := outbox(t, r)
	require.Greater(t, len(list), 4)
	for _, cs := range list {
		require.LessOrEqual(t, len(cs.Canonical()), limits.MaxChangeset+500)
	}
}

// TestARowThatNoMessageCouldCarryIsRefusedToItsWriter, whatever program that is.
func TestARowThatNoMessageCouldCarryIsRefusedToItsWriter(t *testing.T) {
	r := create(t)
	shell(t, r, "INSERT INTO hazard(kind_code, description) VALUES('lamp', 'x');")
	for _, script := range []string{
		"INSERT INTO hazard(kind_code, description) VALUES('lamp', printf('%.5000000c', 'x'));",
		"UPDATE hazard SET description = printf('%.3000000c', 'x'), location = printf('%.3000000c', 'y');",
		"UPDATE OR IGNORE hazard SET description = printf('%.5000000c', 'x');",
	} {
		out, err := sqlite(r.Path(), script)
		require.Error(t, err, script)
		require.Contains(t, out, "4 MiB")
	}
	require.Equal(t, "1", shell(t, r, "SELECT count(*) FROM hazard WHERE length(description) < 10"), "and nothing of it was done")
}

// TestAForgedCaptureLineStopsNothing: any program may write into the capture log.
func TestAForgedCaptureLineStopsNothing(t *testing.T) {
	r := create(t)
	shell(t, r, "INSERT INTO ds_capture(tbl, id, op, col, epoch, base, wall) VALUES('hazard', 'x', 'u', 'location', 'a', 9e99, 's'), (7, 8, 9, NULL, NULL, NULL, NULL);")
	insert(t, r, "hazard", map[string]any{"kind_code": "lamp"})
	require.NotEmpty(t, outbox(t, r))
}

// TestRetriesNamesWhatItReplaces: the old refusal is handled in the transaction that writes anew.
func TestRetriesNamesWhatItReplaces(t *testing.T) {
	r := create(t)
	id := insert(t, r, "hazard", map[string]any{"kind_code": "lamp"})
	cs := outbox(t, r)[0]
	require.NoError(t, r.Session().File([]se.Verdict{{N: 1, Hash: cs.Hash(), Kind: se.Rejected, Epoch: 1, Reason: &se.Reason{Code: se.CodeNoRight, Table: "hazard", Row: id}}}))
	_, err := r.Write(bg, func(tx *device.Tx) error { return tx.Retries(1) })
	require.Equal(t, device.CodeSame, device.CodeOf(err), "a retry that changes nothing")
	open, err := r.Rejected(bg, false)
	require.NoError(t, err)
	require.Len(t, open, 1, "and it stays open")
	_, err = r.Write(bg, func(tx *device.Tx) error {
		require.Error(t, tx.Retries(7), "it was not refused")
		if err := tx.Retries(1); err != nil {
			return err
		}
		_, err := tx.Insert("hazard", map[string]any{"id": id, "kind_code": "stairs"})
		return err
	})
	require.NoError(t, err)
	require.Equal(t, int64(1), outbox(t, r)[0].Replaces)
	open, err = r.Rejected(bg, false)
	require.NoError(t, err)
	require.Empty(t, open)
}
