package simtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

// TestMixedVersions: fleets of three versions at once, updated at random. A seed replays bit for bit.
func TestMixedVersions(t *testing.T) {
	sum := map[string]int{}
	for seed := range uint64(200) {
		finding, counts := simtest.RunVersions(seed)
		require.Empty(t, finding, "seed %d", seed)
		for k, n := range counts {
			sum[k] += n
		}
	}
	for _, state := range []string{"adopted at the head", "cut", "drained", "notice update", "notice update_soon", "snapshot for version 0",
		"snapshot for version 2", "update over a full outbox", "update over a staged step", "update with something kept"} {
		require.Positive(t, sum[state], "no world reached: %s (%v)", state, sum)
	}
}
