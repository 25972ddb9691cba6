// Package kill proves that kill -9 of a centre and of phones loses, tears and doubles nothing. The centre is doorstepd,
// the phones are processes with the Go SDK; they talk over real sockets and are killed while all of them write, at any
// moment or at a named place in their code. For the named places both are built with a call there that dies when it is
// armed; nothing else differs from what is shipped.
//
// After each kill the files of the dead are looked at as they lie, before they are started again: everything that is
// new in them since they were looked at last. After some trials everybody rests, and all databases are compared whole.
package kill

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

const (
	perLife = 50 // trials of one county
	seed    = 1
)

// kills is how many trials there are: DOORSTEP_KILLS, or what is usual.
func kills(t testing.TB) int {
	t.Helper()
	text := os.Getenv("DOORSTEP_KILLS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "DOORSTEP_KILLS")
	return n
}

// TestKill kills the centre, a phone, or both, again and again.
func TestKill(t *testing.T) {
	trials := kills(t)
	t.Logf("seed %d", seed)
	built := build(t)
	began := time.Now()
	cards := shuffled(rand.New(rand.NewPCG(seed, 0)), trials, os.Getenv("DOORSTEP_KILL_AT"))
	var total summary
	t.Run("counties", func(t *testing.T) {
		for lane := range lanes {
			t.Run(strconv.Itoa(lane), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, uint64(lane)+1))
				for life := 0; ; life++ {
					moves, any := cards.next(random)
					if !any {
						break
					}
					t.Run(strconv.Itoa(life), func(t *testing.T) {
						live(t, assemble(t, random, built, leastPhones+(life+lane)%3/2, moves), cards, &total)
					})
				}
			})
		}
	})
	t.Logf("%d trials in %.0f s: %s", trials, time.Since(began).Seconds(), &total)
	total.figures(t)
	require.LessOrEqual(t, total.uncounted, trials/10+2, "in too many trials nothing was in flight")
}

// live is one county: trials until one goes wrong or there have been enough of them, and then a look at everything.
func live(t *testing.T, f *fleet, cards *deck, total *summary) {
	for range perLife {
		p, ok := cards.deal(f.mover != nil)
		if !ok {
			break
		}
		out, faults := f.trial(enough, p)
		counted := faults.Ok() && out.acked >= enough && out.inFlight > 0 && (!p.mustWrite() || out.ofVictim > 0)
		total.add(p, out, faults, counted)
		if !faults.Ok() {
			t.Errorf("%s: %s", p, &faults)
			return
		}
		if !counted {
			cards.back(p)
		}
	}
	began := time.Now()
	faults, compared := f.settle()
	total.settled(faults, compared, time.Since(began))
	f.dismiss()
	if !faults.Ok() {
		t.Errorf("when all was over: %s", &faults)
	}
}

// figures notes what was reached, also where that is not what it should be.
func (s *summary) figures(t *testing.T) {
	places, fewest := s.places()
	figures.Of(t, figures.Kills, s.trials-s.besides)
	figures.Of(t, figures.OtherKills, s.besides)
	figures.Of(t, figures.Places, places)
	figures.Of(t, figures.AtEachPlace, fewest)
	figures.Of(t, figures.Acked, int(s.acked))
	figures.Of(t, figures.Lost, s.faults)
	figures.Of(t, figures.CentreBack, int(percentile(s.back["centre"], 99).Milliseconds()))
	figures.Of(t, figures.PhoneBack, int(percentile(s.back["phone"], 99).Milliseconds()))
}
