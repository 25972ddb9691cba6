package main

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

// kind is a kind of worlds.
type kind struct {
	flag, about string
	run         func(uint64, simtest.Options) simtest.Report
	states      []string // that so many worlds have to reach
	enough      int
}

var kinds = []*kind{
	{"", "fleets on a bad network with bad clocks", simtest.Run, simtest.Sometimes, 1000},
	{"rewound", "worlds whose centre is put back and whose replicas are copied, put back and holed",
		func(seed uint64, _ simtest.Options) simtest.Report { return simtest.RunRewound(seed) }, simtest.Rewound, 1000},
	{"versions", "worlds whose phones are of several versions, and are updated meanwhile", simtest.RunVersions, simtest.Mixed, 1000},
	{"years", "years of phones: everything at once, day after day",
		func(seed uint64, _ simtest.Options) simtest.Report { return simtest.RunYear(seed, 0) }, simtest.Years, 30},
}

// own lists the states of a kind that none of the kinds before it lists: those that it adds to all there are.
func (k *kind) own() (out []string) {
	for _, state := range k.states {
		first := kinds[slices.IndexFunc(kinds, func(k *kind) bool { return slices.Contains(k.states, state) })]
		if first == k {
			out = append(out, state)
		}
	}
	return out
}

// missed lists the states that enough worlds should have reached and did not.
func (k *kind) missed(t *total) (out []string) {
	if t.worlds < k.enough {
		return nil
	}
	for _, state := range k.states {
		if t.sometimes[state] == 0 {
			out = append(out, state)
		}
	}
	return out
}

// replay runs worlds twice, at the same time. The same seed is the same world, bit for bit.
func replay(k *kind, first, seeds uint64, opts simtest.Options) (same int, err error) {
	for seed := first; seed < first+seeds; seed++ {
		var a, b simtest.Report
		var lives sync.WaitGroup
		lives.Go(func() { a = k.run(seed, opts) })
		lives.Go(func() { b = k.run(seed, opts) })
		lives.Wait()
		if !reflect.DeepEqual(a, b) {
			return same, fmt.Errorf("seed %d made two worlds: traces %016x and %016x", seed, a.Trace, b.Trace)
		}
		same++
	}
	return same, nil
}
