package kill

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// plan is one trial: who is killed, and where. Without a place it is at any moment.
type plan struct {
	place         *place
	centre, phone bool
}

func (p plan) String() string {
	if p.place != nil {
		return p.place.String()
	}
	return map[plan]string{
		{nil, true, false}: "centre, at any moment", {nil, false, true}: "a phone, at any moment", {nil, true, true}: "centre and a phone, at any moment",
	}[p]
}

func at(p *place) plan { return plan{place: p, centre: !p.phone, phone: p.phone} }

// deck deals the trials out, to any number of goroutines.
type deck struct {
	mu   sync.Mutex
	left []plan
}

// atPlaces is how many of a hundred trials are at named places.
const atPlaces = 65

// shuffled makes a deck: every named place as often as every other, or some of them once if there are too few trials.
func shuffled(random *rand.Rand, trials int) *deck {
	var d deck
	all := slices.Concat(centrePlaces, phonePlaces)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	at65 := trials * atPlaces / 100
	if each := at65 / len(all); each > 0 {
		at65 = each * len(all)
	}
	for i := range trials {
		switch {
		case i < at65:
			d.left = append(d.left, at(all[i%len(all)]))
		default:
			d.left = append(d.left, plan{nil, i%3 != 1, i%3 != 0})
		}
	}
	random.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	return &d
}

func (d *deck) deal() (p plan, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.left) == 0 {
		return p, false
	}
	p = d.left[len(d.left)-1]
	d.left = d.left[:len(d.left)-1]
	return p, true
}

// back takes a plan back whose trial did not count.
func (d *deck) back(p plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = slices.Insert(d.left, len(d.left)/2, p)
}

func (d *deck) more() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.left) > 0
}
