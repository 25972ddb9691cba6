package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
