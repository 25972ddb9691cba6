package replica

import se "github.com/doorstep-sync/doorstep/syncengine"

// Lease says how long the replica may be used without contact with the centre: the least of what its grants allow.
// A phone that was lost, or is kept from the network, shows nothing any more once it has run out; what was written on it
// still drains, and the next Welcome opens it again.
type Lease struct {
	Length int64  `json:"length,omitempty"` // ms; 0 = as long as one likes
	Spent  int64  `json:"spent,omitempty"`  // of it, ms, when the readings below were taken
	Boot   string `json:"boot,omitempty"`
	Mono   int64  `json:"mono,omitempty"`
	Wall   int64  `json:"wall,omitempty"`
}

// renew begins a lease anew.
func (l Lease) renew(w *se.Welcome, now Clock) Lease {
	return Lease{Length: w.Lease, Boot: now.Boot, Mono: now.Mono, Wall: now.Wall}
}

// Used is how much of the lease has gone by, in ms. Within one boot the monotonic clock tells it, whatever the wall
// clock is set to; over a reboot the wall clock does, and a clock that was set back adds nothing but takes nothing away.
func (l *Lease) Used(now Clock) int64 {
	ran := now.Wall - l.Wall
	if now.Boot != "" && now.Boot == l.Boot {
		ran = now.Mono - l.Mono
	}
	return l.Spent + max(ran, 0)
}

// Note keeps what has gone by, so that no clock can take it back. It is to be kept durably at each start of a program
// and with what is written.
func (l *Lease) Note(now Clock) {
	*l = Lease{Length: l.Length, Spent: l.Used(now), Boot: now.Boot, Mono: now.Mono, Wall: now.Wall}
}

// noteEvery is how much of a lease may go by, in ms, before a starting program notes it.
const noteEvery = 10 * 60 * 1000

// Due tells whether a starting program is to note what has gone by: the phone was started anew meanwhile, or it is much.
func (l *Lease) Due(now Clock) bool {
	return l.Length != 0 && (l.Boot != now.Boot || l.Used(now)-l.Spent >= noteEvery)
}

// Left is how much is left, in ms; limited is false if there is no end to it.
func (l *Lease) Left(now Clock) (ms int64, limited bool) {
	if l.Length == 0 {
		return 0, false
	}
	return max(0, l.Length-l.Used(now)), true
}
