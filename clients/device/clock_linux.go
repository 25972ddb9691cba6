package device

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// machineClock reads the kernel's boot id and the clock since boot, which goes on while the machine sleeps. Where
// the boot id cannot be read, a reading counts from the start of this program.
func machineClock() Clock {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return sinceStart()
	}
	return bootClock{boot: strings.TrimSpace(string(id))}
}

type bootClock struct{ boot string }

func (c bootClock) Read() replica.Clock {
	wall := time.Now().UnixMilli() //nolint:forbidigo // the default of Options.Clock
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return replica.Clock{Wall: wall}
	}
	return replica.Clock{Wall: wall, Boot: c.boot, Mono: t.Nano() / 1e6}
}
