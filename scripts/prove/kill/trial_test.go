package kill

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay/armed"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// outcome is what a trial came to.
type outcome struct {
	writing  time.Duration // until so many were acknowledged since the kill before
	acked    int64         // since the kill before
	inFlight int64         // written before the kill, and without verdict after it: at least so many
	ofVictim int64         // of them, of the phone that was killed, if one was
	centre   time.Duration // from its start until it listens; 0 = it was not killed
	opened   time.Duration // of a phone: from its start until its replica is open
	met      time.Duration // until the centre's first message; 0 if the centre was killed too
}

// trial lets everybody write until so many changesets are acknowledged, kills, looks at what the dead left behind,
// and starts them again. Nobody else stops. What does not come to pass in time is a fault too.
func (f *fleet) trial(enough int64, p plan) (out outcome, faults workload.Faults) {
	f.t.Helper()
	s := &strike{fleet: f, plan: p, phone: f.phones[f.random.IntN(len(f.phones))]}
	if p.moves() {
		s.phone = f.mover
	}
	began := time.Now()
	err := s.ready()
	if err == nil {
		err = f.until(func() (bool, string) {
			n := f.answered() - f.struck
			return n >= enough, fmt.Sprintf("%d verdicts have come of %d", n, enough)
		})
	}
	out.writing = time.Since(began)
	if err != nil {
		faults.Otherwise("before the kill: %v", err)
		return out, faults
	}
	before := f.struck
	err = s.kill()
	out.inFlight, out.ofVictim, out.acked = s.inFlight, s.ofVictim, f.struck-before
	faults.Add(s.faults)
	if err == nil {
		err = s.back(&out, &faults)
	}
	if err != nil {
		faults.Otherwise("%v", err)
	}
	return out, faults
}

// strike is one kill, of the centre, of this phone or of both.
type strike struct {
	*fleet
	plan
	phone    *phone
	backup   *child.Child // nil = none is made
	faults   workload.Faults
	inFlight int64
	ofVictim int64

	promisedGrant, gave bool // the centre said that the grid was given, or was taken
}

// kill does it, and leaves everybody dead who is to be started again.
func (s *strike) kill() error {
	if s.place == nil {
		<-time.After(time.Duration(s.random.IntN(20)) * time.Millisecond)
		return s.now(s.plan.centre, s.plan.phone)
	}
	mine := s.phone.Child
	switch s.place.how {
	case opening:
		if err := s.now(!s.place.phone, s.place.phone); err != nil {
			return err
		}
		armed := s.arm()
		if s.place.phone {
			s.phone.start()
		} else {
			s.fleet.centre.launch()
		}
		return s.die(armed, false)
	case meeting:
		if err := s.now(false, true); err != nil {
			return err
		}
		armed := s.arm()
		s.phone.start()
		return s.die(armed, true)
	case granting, taking:
		return s.move()
	case copying:
		return s.copy()
	case parting:
		armed := s.arm()
		wrote, err := s.hit(true, false)
		if err != nil {
			return err
		}
		if err := s.die(armed, false); err != nil {
			return err
		}
		if err := s.ended(mine); err != nil {
			return err
		}
		return s.count(wrote)
	}
	return s.die(s.arm(), true)
}

// ready brings the phone that moves to where its place can be reached from, while the others write.
func (s *strike) ready() error {
	if !s.moves() {
		return nil
	}
	gives := s.place.how == granting
	if (s.phone.grant == "") != gives {
		if err := s.regrant(s.phone, !gives); err != nil {
			return err
		}
	}
	if err := s.shows(s.phone); err != nil {
		return err
	}
	return s.untilEvery(20*time.Millisecond, func() (bool, string) { return s.moved(s.phone) })
}

// move gives the other grid to the person whose phone moves, or takes it away, while the place is armed.
func (s *strike) move() error {
	gives := s.place.how == granting
	armed := s.arm()
	asked := make(chan error, 1)
	go func() { asked <- s.regrant(s.phone, gives) }()
	if err := s.die(armed, true); err != nil {
		return errors.Join(err, <-asked)
	}
	s.promisedGrant, s.gave = <-asked == nil, gives
	return nil
}

// arm makes the victim die where it comes to the place.
func (s *strike) arm() (file string) {
	folder := s.fleet.centre.points
	if s.place.phone {
		folder = s.phone.points
	}
	file, err := armed.Arm(folder, s.place.Name)
	if err != nil {
		s.t.Fatal(err)
	}
	return file
}

// die waits until the victim has died at the armed place; a place that is not reached is an error. What was promised
// while the place was still armed was promised before the death.
func (s *strike) die(armed string, counts bool) error {
	var wrote map[int]int64
	victim := s.fleet.centre.Child
	switch {
	case s.backup != nil:
		victim = s.backup
	case s.place.phone:
		victim = s.phone.Child
	}
	deadline := time.Now().Add(s.patience)
	for {
		now, _ := s.promised()
		gone := victim.Gone() // asked first: who dies at the place after this has taken the file with him
		_, err := os.Stat(armed)
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		wrote = now
		if gone {
			return fmt.Errorf("%s: it ended by itself before it came there: %s", s.plan, victim.Errors())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not reached within %v", s.plan, s.patience)
		}
		<-time.After(500 * time.Microsecond)
	}
	if err := s.ended(victim); err != nil {
		return err
	}
	switch {
	case s.backup != nil:
	case s.place.phone:
		s.phone.down = true
	default:
		s.fleet.centre.down = true
	}
	if !counts {
		s.autopsy()
		return nil
	}
	return s.count(wrote)
}

// now kills at this moment.
func (s *strike) now(centre, phone bool) error {
	wrote, err := s.hit(centre, phone)
	if err != nil {
		return err
	}
	return s.count(wrote)
}

// ended waits for the end of one who has been killed.
func (s *strike) ended(c *child.Child) error {
	select {
	case <-c.Done:
		return nil
	case <-time.After(s.patience):
		return fmt.Errorf("%s: killed, and its end has not come within %v", s.plan, s.patience)
	}
}

// hit kills, and gives what had been promised before.
func (s *strike) hit(centre, phone bool) (wrote map[int]int64, err error) {
	wrote, _ = s.promised()
	var list []*child.Child
	if centre {
		list, s.fleet.centre.down = append(list, s.fleet.centre.Child), true
	}
	if phone {
		list, s.phone.down = append(list, s.phone.Child), true
	}
	s.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, c := range list {
		if err := c.Signal(syscall.SIGKILL); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, c := range list {
		err = errors.Join(err, s.ended(c))
	}
	return wrote, err
}

// count takes the last words of the dead for promises too, counts what was in flight and looks at the files of the dead.
func (s *strike) count(wrote map[int]int64) error {
	_, acked := s.promised()
	s.inFlight, s.ofVictim, s.struck = 0, 0, 0
	for who, n := range acked {
		left := max(0, wrote[who]-n)
		if s.inFlight += left; s.phone.down && who == s.phone.who {
			s.ofVictim = left
		}
		s.struck += n
	}
	s.autopsy()
	return nil
}

// autopsy looks at what the dead left behind.
func (s *strike) autopsy() {
	if s.fleet.centre.down {
		s.faults.Add(s.known.centre())
	}
	for _, p := range s.phones {
		if p.down {
			s.faults.Add(s.known.phone(p))
		}
	}
	if s.mover != nil && s.mover.down {
		s.faults.Add(s.known.mover(s.mover))
	}
}

// back starts the dead again and notes how long each took to be back at work.
func (s *strike) back(out *outcome, faults *workload.Faults) error {
	alone := !s.fleet.centre.down
	if s.fleet.centre.down {
		began := time.Now()
		s.fleet.centre.start()
		out.centre = time.Since(began)
		if err := s.fleet.centre.ask("GET", "/v1/assignments?account="+s.phone.account, nil, nil); err != nil {
			return fmt.Errorf("the administrator's session of before the kill: %w", err)
		}
	}
	if s.moves() {
		faults.Add(s.granted())
	}
	if !s.phone.down {
		return nil
	}
	s.phone.start()
	err := s.until(func() (bool, string) {
		s.phone.listen()
		return s.phone.met > 0, fmt.Sprintf("phone %d, started again, has not met the centre", s.phone.who)
	})
	if out.opened = s.phone.opened; alone {
		out.met = s.phone.met
	}
	return err
}
