package gateway

import (
	"sync"

	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// manyAllowances is from how many on those that are unused again are looked for.
const manyAllowances = 1000

// allowances are what devices have used of their checks, over all their connections.
type allowances struct {
	mu     sync.Mutex
	used   map[string]*session.Allowance // guarded by mu
	sweeps int                           // number from which on to look for unused ones again
}

// spend takes one check's worth of a device.
func (a *allowances) spend(device string, now int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.used == nil {
		a.used, a.sweeps = map[string]*session.Allowance{}, manyAllowances
	}
	x := a.used[device]
	if x == nil {
		a.sweep(now)
		x = &session.Allowance{}
		a.used[device] = x
	}
	return x.Spend(now)
}

func (a *allowances) sweep(now int64) {
	if len(a.used) < a.sweeps {
		return
	}
	for device, x := range a.used {
		if x.Unused(now) {
			delete(a.used, device)
		}
	}
	a.sweeps = max(manyAllowances, 2*len(a.used))
}
