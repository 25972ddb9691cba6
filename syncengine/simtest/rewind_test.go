package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Rewound lists what worlds with restores, copies and holes reach now and then.
var Rewound = []string{
	"bodies of the journal gone",
	"causally replaced, and in the queue after a restore",
	"centre put back",
	"centre put back and nobody said so",
	"copy became a device of its own",
	"copy with unsent work",
	"audit log tells of a restore",
	"epoch begun: command",
	"epoch begun: proof",
	"loss proved by a device",
	"not served before it is confirmed",
	"replica copied",
	"replica put back",
	"replica went over to a new epoch",
	"rewound: refused awaits",
	"rewound: refused gone",
	"rewound: refused salvage",
	"with work to be offered again",
}

// TestRewoundWorlds: centres are put back to older states, replicas are copied, put back and holed, in every order; when
// all have come back, nothing that a living replica holds is lost (INV 2; O2, O3, O20, O22, O35, O36).
func TestRewoundWorlds(t *testing.T) {
	n := 800 // some seconds; go run ./scripts/sim -rewound makes more
	if testing.Short() {
		n = 60
	}
	sums := map[string]int{}
	for seed := range n {
		r := RunRewound(uint64(seed + 1))
		require.Empty(t, r.Finding)
		for k, c := range r.Sometimes {
			sums[k] += c
		}
	}
	if n < 400 {
		return
	}
	for _, name := range Rewound {
		require.Positive(t, sums[name], "never reached: %s", name)
	}
}
