package kill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// summary adds up outcomes, of any number of goroutines.
type summary struct {
	mu               sync.Mutex
	trials, besides  int
	uncounted        int
	acked, inFlight  int64
	compared, lives  int
	faults           int
	at               map[string]int // by plan
	named            map[string]int // of them, at a named place
	back             map[string][]time.Duration
	writing, settles []time.Duration
}

func (s *summary) add(p plan, o outcome, f workload.Faults, counted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at, s.named, s.back = map[string]int{}, map[string]int{}, map[string][]time.Duration{}
	}
	s.faults += len(f.Lost) + len(f.Torn) + len(f.Other)
	if !counted {
		s.uncounted++
		return
	}
	s.trials++
	if p.besides() {
		s.besides++
	}
	s.at[p.String()]++
	if p.place != nil {
		s.named[p.String()]++
	}
	s.acked, s.inFlight = s.acked+o.acked, s.inFlight+o.inFlight
	for name, d := range map[string]time.Duration{"centre": o.centre, "phone": o.opened, "phone, with the centre's answer": o.met} {
		if d > 0 {
			s.back[name] = append(s.back[name], d)
		}
	}
	s.writing = append(s.writing, o.writing)
}

func (s *summary) settled(f workload.Faults, compared int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives++
	s.faults += len(f.Lost) + len(f.Torn) + len(f.Other)
	s.compared += compared
	s.settles = append(s.settles, took)
}

// places gives at how many named places there were kills, and how many at that with the fewest.
func (s *summary) places() (count, fewest int) {
	for _, n := range s.named {
		if count++; count == 1 || n < fewest {
			fewest = n
		}
	}
	return count, fewest
}

func (s *summary) String() string {
	var b strings.Builder
	places, fewest := s.places()
	fmt.Fprintf(&b, "%d acknowledged before a kill since the one before, %d in flight at it; %d named places, %d kills at the one with the fewest; %d faults; %d not counted; %d changesets of %d counties compared in each database",
		s.acked, s.inFlight, places, fewest, s.faults, s.uncounted, s.compared, s.lives)
	for _, name := range slices.Sorted(maps.Keys(s.at)) {
		fmt.Fprintf(&b, "\n  killed %d times: %s", s.at[name], name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.back)) {
		fmt.Fprintf(&b, "\n  %s works again: %s", name, spread(s.back[name]))
	}
	fmt.Fprintf(&b, "\n  %d changesets are acknowledged: %s", enough, spread(s.writing))
	fmt.Fprintf(&b, "\n  all are at rest and compared: %s", spread(s.settles))
	return b.String()
}

func percentile(list []time.Duration, p int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)-1)*p/100]
}

func spread(list []time.Duration) string {
	return fmt.Sprintf("p50 %v, p99 %v, longest %v (%d)", percentile(list, 50).Round(time.Millisecond),
		percentile(list, 99).Round(time.Millisecond), percentile(list, 100).Round(time.Millisecond), len(list))
}
