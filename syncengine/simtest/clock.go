package simtest

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// clock is a device's clock, however wrong.
type clock struct {
	offset int64 // wall clock minus true time
	frozen int64 // the wall clock stands still here; 0 = it runs
	coarse int64 // the wall clock ticks in steps of so many ms; 0 = each ms
	boot   int
	bootAt int64
}

func (c *clock) read(now int64) replica.Clock {
	wall := now + c.offset
	if c.frozen != 0 {
		wall = c.frozen
	}
	if c.coarse > 0 {
		wall -= wall % c.coarse
	}
	return replica.Clock{Wall: wall, Boot: fmt.Sprintf("boot%d", c.boot), Mono: now - c.bootAt}
}

func (c *clock) reboot(now int64) {
	c.boot++
	c.bootAt = now
}
