package kill

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

const phones = 4

// fleet is a centre and its phones, all of them processes, in one folder.
type fleet struct {
	t      testing.TB
	random *rand.Rand
	// patience is how long anything may take.
	patience time.Duration
	schema   *schema.Schema
	centre   *centre
	desk     *phone
	phones   []*phone

	db       workload.Querier         // the centre's, read only
	replicas map[int]workload.Querier // by phone
	close    []func() error
}

// assemble starts a centre without configuration, enrols phones over its REST interface, and starts them.
func assemble(t testing.TB, random *rand.Rand, built programs) *fleet {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "kill")
	require.NoError(t, err)
	folder := func(name string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o700))
		return path
	}
	f := &fleet{t: t, random: random, patience: 30 * time.Second, schema: s, replicas: map[int]workload.Querier{}}
	f.close = append(f.close, func() error { return os.RemoveAll(dir) })
	f.centre = &centre{t: t, program: built.doorstepd, dir: filepath.Join(dir, "centre"), points: folder("centre-points")}
	f.centre.start()
	for who, code := range f.centre.people(phones) {
		home := folder(fmt.Sprintf("phone-%d", who))
		p := &phone{t: t, program: built.phone, who: who, file: filepath.Join(home, "replica.db"), points: folder(fmt.Sprintf("points-%d", who))}
		p.enrol(f.centre.url, code)
		if who == workload.Desk {
			f.desk = p
			continue
		}
		f.phones = append(f.phones, p)
		p.start()
		f.replicas[who] = f.read(p.file)
	}
	f.db = f.read(f.centre.file())
	return f
}

func (f *fleet) read(file string) workload.Querier {
	db, err := open(file)
	require.NoError(f.t, err)
	f.close = append(f.close, db.Close)
	return db.QueryContext
}

// dismiss ends all processes and takes the folder away. It may be called again.
func (f *fleet) dismiss() {
	for _, p := range f.phones {
		p.Kill()
	}
	f.centre.Kill()
	for i := len(f.close) - 1; i >= 0; i-- {
		require.NoError(f.t, f.close[i]())
	}
	f.close = nil
}

// sums gives what the phones have been promised and have promised so far.
func (f *fleet) sums() (wrote, acked int64) {
	for _, p := range f.phones {
		p.listen()
		wrote, acked = wrote+p.wrote, acked+p.acked
	}
	return wrote, acked
}

// victim is a process to kill.
type victim struct {
	*child.Child
	name   string
	points string
	places []string
	start  func()
	works  func() bool // after start: it is back at work
}

// plan says who dies in a trial, and the first of them where: at a named place, or at any moment for "".
type plan struct {
	victims []victim
	place   string
}

// alternate kills the centre, a phone, or both; every other time at a named place.
func (f *fleet) alternate(trial int) plan {
	c, p := f.theCentre(), f.aPhone()
	list := []victim{c, p}
	switch trial % 3 {
	case 0:
		list = list[:1]
	case 1:
		list = list[1:]
	default:
		f.random.Shuffle(2, func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	if trial%2 == 0 {
		return plan{list, ""}
	}
	places := list[0].places
	return plan{list, places[f.random.IntN(len(places))]}
}

func (f *fleet) theCentre() victim {
	return victim{f.centre.Child, "centre", f.centre.points, centrePlaces, f.centre.start, func() bool { return true }}
}

func (f *fleet) aPhone() victim {
	p := f.phones[f.random.IntN(len(f.phones))]
	return victim{p.Child, "phone", p.points, phonePlaces, p.start, func() bool { p.listen(); return p.synced > 0 }}
}

// outcome is what a trial came to.
type outcome struct {
	writing  time.Duration // until so many were acknowledged
	acked    int64         // before the kill
	inFlight int64         // written and without verdict at the moment of the kill
	place    string
	back     map[string]time.Duration // by kind of victim
	drained  time.Duration            // until everything had come everywhere
}

// trial has everybody write until so many changesets are acknowledged, kills, waits until all is quiet again, and
// checks. What does not come to pass in time is a fault too.
func (f *fleet) trial(enough int64, choose func() plan) (out outcome, faults workload.Faults, compared int) {
	f.t.Helper()
	out.back = map[string]time.Duration{}
	_, before := f.sums()
	for _, p := range f.phones {
		p.Tell("go")
	}
	began := time.Now()
	err := f.until(func() (bool, string) {
		_, acked := f.sums()
		return acked-before >= enough, fmt.Sprintf("%d verdicts have come of %d", acked-before, enough)
	})
	out.writing = time.Since(began)
	<-time.After(time.Duration(f.random.IntN(40)) * time.Millisecond)
	if err == nil {
		err = f.until(func() (bool, string) { wrote, acked := f.sums(); return wrote > acked, "nothing is on its way" })
	}
	if err != nil {
		faults.Otherwise("before the kill: %v", err)
		return out, faults, 0
	}
	chosen := choose()
	first := chosen.victims[0]
	out.place = "any moment"
	if chosen.place != "" {
		out.place = first.name + " " + f.at(first, chosen.place)
	}
	wrote, acked := f.sums()
	for _, v := range chosen.victims {
		require.NoError(f.t, kill(v.Child))
	}
	for _, v := range chosen.victims {
		<-v.Done
	}
	f.sums() // the last words of the dead are promises too
	out.acked, out.inFlight = acked-before, wrote-acked
	if err := f.restart(chosen.victims, out.back); err != nil {
		faults.Otherwise("after the kill: %v", err)
		return out, faults, 0
	}
	for _, p := range f.phones {
		p.Tell("rest")
	}
	began = time.Now()
	err = f.until(func() (bool, string) { f.sums(); return f.quiet() })
	out.drained = time.Since(began)
	if err != nil {
		faults.Otherwise("after the kill: %v", err)
	}
	more, compared := f.check()
	faults.Add(more)
	return out, faults, compared
}

// restart starts all of them and notes when each is back at work.
func (f *fleet) restart(list []victim, back map[string]time.Duration) error {
	began := time.Now()
	for _, v := range list {
		v.start()
	}
	for _, v := range list {
		if err := f.until(func() (bool, string) { return v.works(), "the " + v.name + " is not back at work" }); err != nil {
			return err
		}
		back[v.name] = time.Since(began)
	}
	return nil
}

// kill is kill -9; whoever is dead already stays so.
func kill(c *child.Child) error {
	if c.Gone() {
		return nil
	}
	return c.Signal(syscall.SIGKILL)
}

// at arms a named place and waits until the process has died there. If it does not come there in time, it is left to
// the kill at any moment that follows.
func (f *fleet) at(v victim, place string) string {
	armed := filepath.Join(v.points, place)
	require.NoError(f.t, os.WriteFile(armed, nil, 0o600))
	select {
	case <-v.Done:
		return place
	case <-time.After(2 * time.Second):
	}
	if err := os.Remove(armed); err != nil { // it came there after all
		<-v.Done
		return place
	}
	return place + " (not reached: any moment)"
}

// until waits for something that all processes together bring about. The error says how far it came.
func (f *fleet) until(so func() (ok bool, why string)) error {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(f.patience); ; <-tick.C {
		ok, why := so()
		switch {
		case ok:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("not within %v: %s", f.patience, why)
		case f.centre.Gone():
			return fmt.Errorf("the centre ended by itself: %s", f.centre.Errors())
		}
		for _, p := range f.phones {
			if p.Gone() {
				return fmt.Errorf("phone %d ended by itself: %s", p.who, p.Errors())
			}
		}
	}
}
