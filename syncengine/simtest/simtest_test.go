package simtest

import (
	"os"
	"strconv"
	"testing"
)

func TestSeeds(t *testing.T) {
	n := 50
	if s := os.Getenv("SEEDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	first := 1
	if s := os.Getenv("SEED"); s != "" {
		first, _ = strconv.Atoi(s)
		n = 1
	}
	for seed := first; seed < first+n; seed++ {
		r := Run(uint64(seed), Options{})
		if r.Finding != "" {
			t.Fatal(r.Finding)
		}
		if seed == first {
			t.Logf("%+v", r)
		}
	}
}
