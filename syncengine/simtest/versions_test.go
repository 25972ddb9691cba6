package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Mixed lists what worlds with several versions reach now and then.
var Mixed = []string{
	"adopted at the head",
	"an update was cut off",
	"centre stopped at a commit",
	"clock set wrong",
	"cut",
	"drained",
	"locked by its lease",
	"notice clock",
	"notice update",
	"notice update_soon",
	"phone after",
	"phone before",
	"phone fail",
	"pushed by a dead connection",
	"reboot",
	"scope closed",
	"snapshot for version 0",
	"snapshot for version 1",
	"snapshot for version 2",
	"two connections at once",
	"update over a full outbox",
	"update over a staged step",
	"update with something kept",
	"written into a closed scope",
}

// TestMixedVersions: fleets of three versions at once, updated at random, in half of the worlds on a bad network with
// crashes and wrong clocks. A seed replays bit for bit.
func TestMixedVersions(t *testing.T) {
	sum := map[string]int{}
	for seed := range uint64(200) {
		r := RunVersions(seed, Options{})
		require.Empty(t, r.Finding)
		for k, n := range r.Sometimes {
			sum[k] += n
		}
		if seed%50 == 0 {
			require.Equal(t, r, RunVersions(seed, Options{}), "the same seed is the same world")
		}
	}
	for _, state := range Mixed {
		require.Positive(t, sum[state], "no world reached: %s (%v)", state, sum)
	}
}
