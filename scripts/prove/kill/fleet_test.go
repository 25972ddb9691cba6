//go:build prove

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

const (
	phones = 4
	enough = 100 // acknowledgements before a kill
)

// fleet is a centre and its phones, all of them processes, in one folder.
type fleet struct {
	t      testing.TB
	random *rand.Rand
	schema *schema.Schema
	centre *centre
	desk   *phone
	phones []*phone

	db       workload.Querier         // the centre's, read only
	replicas map[int]workload.Querier // by phone
	close    []func() error
}

// assemble starts a centre without configuration, enrols phones over its REST interface, and starts them.
func assemble(t testing.TB, random *rand.Rand) *fleet {
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
	f := &fleet{t: t, random: random, schema: s, replicas: map[int]workload.Querier{}}
	f.close = append(f.close, func() error { return os.RemoveAll(dir) })
	f.centre = &centre{t: t, dir: filepath.Join(dir, "centre"), points: folder("centre-points")}
	f.centre.start()
	for who, code := range f.centre.people(phones) {
		home := folder(fmt.Sprintf("phone-%d", who))
		p := &phone{t: t, who: who, file: filepath.Join(home, "replica.db"), points: folder(fmt.Sprintf("points-%d", who))}
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

// dismiss ends all processes and takes the folder away.
func (f *fleet) dismiss() {
	for _, p := range f.phones {
		p.Kill()
	}
	f.centre.Kill()
	for i := len(f.close) - 1; i >= 0; i-- {
		require.NoError(f.t, f.close[i]())
	}
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
	works  func() // returns when it works
}

// victims names who dies in a trial: the centre, a phone, or both.
func (f *fleet) victims(trial int) []victim {
	c := victim{f.centre.Child, "centre", f.centre.points, centrePlaces, f.centre.start, func() {}}
	one := f.phones[f.random.IntN(len(f.phones))]
	p := victim{one.Child, "phone", one.points, phonePlaces, one.start, func() {
		await(f.t, 20*time.Second, one.Child, func() bool { one.listen(); return one.synced > 0 }, "a phone that was killed is in step again")
	}}
	switch trial % 3 {
	case 0:
		return []victim{c}
	case 1:
		return []victim{p}
	}
	if f.random.IntN(2) == 0 {
		return []victim{c, p}
	}
	return []victim{p, c}
}

// outcome is what a trial came to.
type outcome struct {
	acked    int64 // before the kill
	inFlight int64 // written and without verdict at the moment of the kill
	place    string
	back     map[string]time.Duration // by kind of victim
	drained  time.Duration            // until everything had come everywhere
}

// trial has everybody write, kills, and waits until all is quiet again.
func (f *fleet) trial(number int) outcome {
	f.t.Helper()
	_, before := f.sums()
	for _, p := range f.phones {
		p.Tell("go")
	}
	f.until(func() bool { _, acked := f.sums(); return acked-before >= enough }, "the phones have 100 verdicts")
	wait := time.NewTimer(time.Duration(f.random.IntN(40)) * time.Millisecond)
	<-wait.C
	f.until(func() bool { wrote, acked := f.sums(); return wrote > acked }, "a changeset is on its way")
	out := outcome{place: "any moment", back: map[string]time.Duration{}}
	list := f.victims(number)
	if first := list[0]; number%2 == 1 {
		out.place = first.name + " " + f.at(first)
	}
	wrote, acked := f.sums()
	for _, v := range list {
		require.NoError(f.t, kill(v.Child))
	}
	for _, v := range list {
		<-v.Done
	}
	out.acked, out.inFlight = acked-before, wrote-acked
	f.sums() // the last words of the dead are promises too
	began := time.Now()
	for _, v := range list {
		v.start()
	}
	for _, v := range list {
		v.works()
		out.back[v.name] = since(began)
	}
	for _, p := range f.phones {
		p.Tell("rest")
	}
	began = time.Now()
	var why string
	f.until(func() (ok bool) { f.sums(); ok, why = f.quiet(); return ok }, "everything has come everywhere", &why)
	out.drained = since(began)
	return out
}

// kill is kill -9; whoever is dead already stays so.
func kill(c *child.Child) error {
	if c.Gone() {
		return nil
	}
	return c.Signal(syscall.SIGKILL)
}

// at arms a named place and waits until the process has died there. If it does not come there in time, it is spared
// for the kill at any moment that follows.
func (f *fleet) at(v victim) string {
	place := v.places[f.random.IntN(len(v.places))]
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

// until waits for something that all processes together bring about.
func (f *fleet) until(so func() bool, what string, why ...*string) {
	f.t.Helper()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !so(); <-tick.C {
		for _, p := range f.phones {
			if p.Gone() {
				f.t.Fatalf("phone %d ended by itself: %s", p.who, p.Errors())
			}
		}
		if f.centre.Gone() {
			f.t.Fatalf("the centre ended by itself: %s", f.centre.Errors())
		}
		if time.Now().After(deadline) {
			for _, w := range why {
				what += ": " + *w
			}
			f.t.Fatalf("not within 30 s: %s", what)
		}
	}
}
