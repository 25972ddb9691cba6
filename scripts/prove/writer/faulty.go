package main

import (
	"fmt"
	"strings"
)

// faulty makes the disk fail at every point of a scenario, in one process: a step is tried with its first call of the
// file system failing, then with its second, and so on until none is left; or with no room on the disk, with 4 KiB, and
// so on. After each try nothing may be there by halves, and what failed must say why; at the end the step is done
// without a fault, at the first try.
//
// It prints "failed STEP: ERROR" for each try that failed, and at the end "total STEPS FAULTS UNNOTICED": the steps,
// the faults, and how many of these nobody above had to notice.
type faulty struct {
	disk breaker
	// state tells what is there. It fails if anything is there by halves.
	state func(crashed bool) (string, error)
	// save gives a function that brings the files back to where they are now, for when a step succeeds in spite of a
	// fault: it is then done again, from the same beginning, and can say only the same.
	save  func() (back func() error, err error)
	turns int  // how long the scenario is
	daily bool // a turn begins with a file that was closed and opened: its log has to grow anew
	// known is how many calls a try of this step begins with that earlier ones began with too, and that have failed each.
	known int

	steps, faults, unnoticed, tries int
}

// breaker is a disk that fails.
type breaker interface {
	// attempt does a try with fault k, and tells how many there were; 0 when k is beyond the last that there can be.
	attempt(k int, try func() error) (faults int, err error)
	// enough tells whether no more is to be learned from a step that succeeded in spite of fault k.
	enough(k int) bool
	// progress tells whether the faults of what is left are numbered from 1 when a try got part of a step done.
	progress() bool
	// calls tells how many calls of the file system there were since the try began.
	calls() int
	// skips tells whether the first step is done without faults.
	skips() bool
}

// crashes is of how many tries that failed one is looked at as after a crash.
const crashes = 40

// create does the first step.
func (f *faulty) create(try func() error) error {
	if f.disk.skips() {
		f.steps++
		return try()
	}
	return f.step("create", try)
}

// step does one step.
func (f *faulty) step(name string, try func() error) error {
	f.steps++
	f.known = 0
	back, err := f.save()
	if err != nil {
		return err
	}
	before, err := f.state(false)
	if err != nil {
		return fmt.Errorf("before %s: %w", name, err)
	}
	said := map[string]int{} // where a success in spite of a fault led to, and the fault
	for k := 1; ; k++ {
		faults, err := f.disk.attempt(k, try)
		if faults == 0 && err != nil {
			return fmt.Errorf("%s fails though the disk is well: %w", name, err)
		}
		f.faults += faults
		after, e := f.look()
		if e != nil {
			return fmt.Errorf("after %s with fault %d: %w", name, k, e)
		}
		if faults == 0 || err == nil && f.disk.enough(k) {
			f.unnoticed += faults
			delete(said, after)
			for state, k := range said {
				return fmt.Errorf("%s with fault %d said that all was well, and led to %s, not to %s", name, k, state, after)
			}
			return nil
		}
		if err == nil {
			f.unnoticed += faults
			said[after] = k
			if err := back(); err != nil {
				return fmt.Errorf("before %s once more: %w", name, err)
			}
			continue
		}
		if err := say(fmt.Appendf(nil, "failed %s: %q\n", name, err)); err != nil {
			return err
		}
		if !saysWhy(err) {
			return fmt.Errorf("%s with fault %d does not say that the disk is to blame: %w", name, k, err)
		}
		if before != after && k > 1 && f.disk.progress() { // part of it is done, and durable: what is left is a step of its own
			k, before = f.known, after
			if back, err = f.save(); err != nil {
				return err
			}
		}
	}
}

// look is state after a try, now and then also as it would be after a crash at this moment.
func (f *faulty) look() (string, error) {
	if f.tries++; f.tries%crashes == 0 {
		if _, err := f.state(true); err != nil {
			return "", fmt.Errorf("after a crash: %w", err)
		}
	}
	return f.state(false)
}

// saysWhy wants an error to speak of the disk.
func saysWhy(err error) bool {
	return strings.Contains(err.Error(), "disk I/O error") || strings.Contains(err.Error(), "disk is full")
}

func (f *faulty) tell() error {
	return say(fmt.Appendf(nil, "total %d %d %d\n", f.steps, f.faults, f.unnoticed))
}
