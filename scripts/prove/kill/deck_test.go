package kill

import (
	"math/rand/v2"
	"slices"
	"strings"
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

// moves tells whether a phone is given a grid or loses one: such trials are made in counties of their own.
func (p plan) moves() bool {
	return p.place != nil && (p.place.how == granting || p.place.how == taking)
}

// besides tells whether nobody who writes is killed: a backup, or the phone that is given grids and loses them. Such trials
// come on top of the others.
func (p plan) besides() bool {
	return p.place != nil && (p.place.how == copying || p.moves() && p.place.phone)
}

// mustWrite tells whether the phone that is killed writes: something of its own has to be in flight then.
func (p plan) mustWrite() bool { return p.phone && !p.besides() }

// deck deals the trials out, to any number of goroutines: those in which somebody moves, and the others.
type deck struct {
	mu   sync.Mutex
	left map[bool][]plan
}

// atPlaces is how many of a hundred trials are at named places.
const atPlaces = 88

// mostBesides is how many trials besides are made at each place.
const mostBesides = 20

// shuffled makes a deck: every named place as often as every other, or some of them once if there are too few trials, and
// then those besides. With only, at places whose names hold that, and nowhere else.
func shuffled(random *rand.Rand, trials int, only string) *deck {
	d := deck{left: map[bool][]plan{}}
	all := slices.DeleteFunc(slices.Concat(centrePlaces, phonePlaces), func(p *place) bool { return !strings.Contains(p.String(), only) })
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var others []*place
	if only == "" {
		besides := func(p *place) bool { return at(p).besides() }
		others = slices.DeleteFunc(slices.Clone(all), func(p *place) bool { return !besides(p) })
		all = slices.DeleteFunc(all, besides)
	}
	named := trials * atPlaces / 100
	if only != "" {
		named = trials
	}
	var list []plan
	if each := named / len(all); each > 0 && only == "" {
		named = each * len(all)
		others = slices.Repeat(others, min(each, mostBesides))
	} else if only == "" {
		others = others[:len(others)*named/len(all)]
	}
	for _, p := range others {
		list = append(list, at(p))
	}
	for i := range trials {
		if i < named {
			list = append(list, at(all[i%len(all)]))
		} else {
			list = append(list, plan{nil, i%3 != 1, i%3 != 0})
		}
	}
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, p := range list {
		d.left[p.moves()] = append(d.left[p.moves()], p)
	}
	return &d
}

// next tells what the next county is for; any is false when no trial is left.
func (d *deck) next(random *rand.Rand) (moves, any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m, all := len(d.left[true]), len(d.left[true])+len(d.left[false])
	return all > 0 && random.IntN(all) < m, all > 0
}

func (d *deck) deal(moves bool) (p plan, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.left[moves]
	if len(list) == 0 {
		return p, false
	}
	p, d.left[moves] = list[len(list)-1], list[:len(list)-1]
	return p, true
}

// back takes a plan back whose trial did not count.
func (d *deck) back(p plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.left[p.moves()]
	d.left[p.moves()] = slices.Insert(list, len(list)/2, p)
}
