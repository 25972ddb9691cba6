package device_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// What a role may not write by the declarations is refused before anything is saved, with the sentence that the centre's
// refusal would have; where the device cannot be sure, the centre judges.
func TestWhatARoleMayNotWriteIsNotSaved(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	for name, x := range map[string]struct {
		said string
		do   func(tx *device.Tx) error
	}{
		"insert": {"Your role may not add a Building record", func(tx *device.Tx) error {
			_, err := tx.Insert("building", map[string]any{"scope": grid, "no": "9"})
			return err
		}},
		"by SQL": {"Your role may not add a Building record", func(tx *device.Tx) error {
			_, err := tx.Exec(`INSERT INTO building(id, scope, no) VALUES('00000000-0000-7000-8000-0000000000b9', ?, '9')`, grid)
			return err
		}},
		"with something allowed": {"Your role may not delete a Household record", func(tx *device.Tx) error {
			if err := tx.Set("household", id, map[string]any{"notes": "x"}); err != nil {
				return err
			}
			return tx.Delete("household", id)
		}},
	} {
		_, err := a.Write(bg, x.do)
		require.Equal(t, device.CodeNoRight, device.CodeOf(err), name)
		var e *device.Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, e.In("en"), x.said, name)
		require.NotEmpty(t, e.In("zh-CN"))
		st, err := a.Status(bg)
		require.NoError(t, err)
		require.Zero(t, st.Outbox, name)
		require.False(t, st.Unsealed, name)
	}
	// In a unit that he has no grant in as far as this device knows, he may have one by now.
	_, err := a.Write(bg, func(tx *device.Tx) error {
		_, err := tx.Insert("building", map[string]any{"scope": "elsewhere", "no": "9"})
		return err
	})
	require.NoError(t, err)
	report := synced(t, a, c)
	require.Equal(t, 1, report.Sent)
	list, err := a.Session().Outbox(0, 10)
	require.NoError(t, err)
	require.Empty(t, list, "the centre has judged it")
}
