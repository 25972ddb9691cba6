package main

import (
	"fmt"
	"strconv"

	"github.com/doorstep-sync/doorstep/scripts/prove/shim"
)

// calls is a disk on which a call of the file system fails, or all from there on. The process has been started under
// the shim.
type calls struct {
	page shim.Page
	kind shim.Kind
	many bool // from the call on all of them fail, in the next try too
}

// apart is how many writes lie between two that are made short in one try: SQLite writes the rest by itself, so one
// try shows many.
const apart = 4

// newFaulty reads KIND, a number of the shim's, and "once" or "many"; or "room" and "each".
func newFaulty(kind, times, dir string) (*faulty, error) {
	if kind == "room" {
		return &faulty{disk: &room{dir: dir}, turns: 4, daily: true}, nil
	}
	n, err := strconv.Atoi(kind)
	if err != nil {
		return nil, fmt.Errorf("the kind of fault: %w", err)
	}
	page, err := shim.Own()
	return &faulty{disk: &calls{page: page, kind: shim.Kind(n), many: times == "many"}, turns: 5}, err
}

func (c *calls) attempt(k int, try func() error) (failed int, err error) {
	length, every := 1, 1
	switch {
	case c.many:
		length = shim.Always
	case c.kind == shim.Short:
		length, every = shim.Always, apart
	case c.kind == shim.ShortFull:
		length = 3
	}
	c.page.Arm(c.kind, k, length, every)
	defer c.page.Disarm()
	if err = try(); c.many && err != nil && c.page.Failed() > 0 {
		err = try() // the disk is still like that
	}
	if failed = c.page.Failed(); c.kind != shim.Short {
		failed = min(failed, 1) // those after it failed because of it
	}
	return failed, err
}

func (c *calls) enough(k int) bool { return c.kind == shim.Short && (c.many || k == apart) }

func (c *calls) calls() int { return c.page.Calls() }

func (c *calls) progress() bool { return true }

// skips: to make a database is long, so that not every kind is tried on it: those of which each call that fails is
// another path, and the cheap ones.
func (c *calls) skips() bool { return c.many || c.kind == shim.Broken || c.kind == shim.ShortFull }
