package device_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Hello tells how long ago the last check ended and what the checks of a month put right; that everything has just come
// is no check.
func TestHelloTellsOfChecks(t *testing.T) {
	clock := &hand{}
	c, r := worker(t, device.Options{Clock: clock})
	said := func() (checked time.Duration, repaired int64) {
		h, err := r.Session().Hello()
		require.NoError(t, err)
		return time.Duration(h.Checked) * time.Millisecond, h.Repaired
	}
	ago, repaired := said()
	require.Zero(t, ago)
	require.Zero(t, repaired)
	id := household(t, r)
	synced(t, r, c)
	rot := func() {
		behind(t, r, fmt.Sprintf(`UPDATE household SET notes = 'rot' WHERE id = '%s';`, id))
		require.Equal(t, se.CheckReport{Scopes: 1, Repaired: 1}, checked(t, r, c))
	}
	rot()
	rot()
	clock.ms.Add(2 * time.Hour.Milliseconds())
	ago, repaired = said()
	require.InDelta(t, 2*time.Hour, ago, float64(time.Minute))
	require.EqualValues(t, 2, repaired)
	clock.ms.Add(31 * 24 * time.Hour.Milliseconds())
	ago, repaired = said()
	require.Greater(t, ago, 31*24*time.Hour)
	require.Zero(t, repaired)
	clock.ms.Add(-60 * 24 * time.Hour.Milliseconds())
	ago, _ = said()
	require.Equal(t, time.Millisecond, ago, "a clock that was set back")
}

// The daily check looks at the file itself too, after everything was sent, and says what to do about damage that nothing
// has read yet.
func TestDailyCheckFindsADamagedFile(t *testing.T) {
	clock := &hand{}
	c, r := worker(t, device.Options{Clock: clock})
	path := r.Path()
	page, err := strconv.Atoi(strings.TrimSpace(shell(t, r, `SELECT rootpage FROM sqlite_schema WHERE name = 'wish';`)))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	clear(b[(page-1)*4096 : page*4096])
	require.NoError(t, os.WriteFile(path, b, 0o600))

	r, err = device.Open(path, device.Options{Clock: clock})
	require.NoError(t, err)
	defer r.Close()
	id := household(t, r)
	synced(t, r, c)
	clock.ms.Add(25 * time.Hour.Milliseconds())
	_, err = r.Write(bg, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": "written since"}) })
	require.NoError(t, err)
	for range 2 {
		ctx, cancel := timeout()
		_, err = r.Sync(ctx, c)
		cancel()
		require.Equal(t, device.CodeDamaged, device.CodeOf(err), "%v", err)
		require.Contains(t, device.Say(device.CodeOf(err)).EN, "doorstep recover")
	}
	st, err := r.Status(bg)
	require.NoError(t, err)
	require.Zero(t, st.Outbox, "what was written was sent before")
	require.NoError(t, r.Close())
	done, err := device.Recover(path, device.Options{Clock: clock})
	require.NoError(t, err)
	require.False(t, done.Sound)
}
