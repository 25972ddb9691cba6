package auth

import (
	"crypto/sha256"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Tries at what can be guessed (codes, passwords): for each network address, and for all together. A training room
// enrols 30 phones behind one address in a minute or two.
var (
	perAddress = limit{rate.Every(time.Second), 40}
	altogether = limit{20, 200}
	// perLogin bounds guessing at one login from any number of places where its person never signed in.
	perLogin = limit{rate.Every(10 * time.Second), 20}
)

type limit struct {
	rate  rate.Limit
	burst int
}

// maxAddresses bounds the memory for addresses; beyond it the idle ones are forgotten, then all.
const maxAddresses = 10_000

// limiter counts tries by kind and address.
type limiter struct {
	now func() time.Time

	mu  sync.Mutex
	one map[string]*rate.Limiter // by kind and address
	all map[string]*rate.Limiter // by kind
	// logins counts tries from strange places, by login, whether anybody has it or not.
	logins map[string]*rate.Limiter
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, one: map[string]*rate.Limiter{}, all: map[string]*rate.Limiter{}, logins: map[string]*rate.Limiter{}}
}

// allow counts a try, or refuses it with SlowDown and the seconds to wait.
func (l *limiter) allow(kind, address string) error {
	address = prefix(address)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.one) >= maxAddresses {
		forget(l.one, now)
	}
	for _, b := range []*rate.Limiter{get(l.one, kind+" "+address, perAddress), get(l.all, kind, altogether)} {
		if err := take(b, now); err != nil {
			return err
		}
	}
	return nil
}

// slow counts a try for a login from a place where its person never signed in, or refuses it with SlowDown.
func (l *limiter) slow(login string) error {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.logins) >= maxAddresses {
		forget(l.logins, now)
	}
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(login)))) // of any length, and perhaps a password
	return take(get(l.logins, string(sum[:]), perLogin), now)
}

func take(b *rate.Limiter, now time.Time) error {
	r := b.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return messages.Refuse(messages.SlowDown, int(math.Ceil(wait.Seconds())))
	}
	return nil
}

func get(m map[string]*rate.Limiter, key string, l limit) *rate.Limiter {
	b := m[key]
	if b == nil {
		b = rate.NewLimiter(l.rate, l.burst)
		m[key] = b
	}
	return b
}

// forget drops what is idle, or everything if all are busy.
func forget(m map[string]*rate.Limiter, now time.Time) {
	for k, b := range m {
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(m, k)
		}
	}
	if len(m) >= maxAddresses {
		clear(m)
	}
}
