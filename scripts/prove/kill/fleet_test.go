package kill

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// leastPhones is how many phones a county has; every third has one more.
const leastPhones = 2

// environment of all processes: they are short of time, not of memory.
func environment(more ...string) []string {
	return append(more, "GOGC=800", "MALLOC_ARENA_MAX=2", "MALLOC_TOP_PAD_=16777216", "MALLOC_TRIM_THRESHOLD_=268435456")
}

// fleet is a centre and its phones, all of them processes, in one folder: one county, for some trials.
type fleet struct {
	t      testing.TB
	random *rand.Rand
	// patience is how long anything may take.
	patience time.Duration
	schema   *schema.Schema
	dir      string
	centre   *centre
	desk     *phone
	phones   []*phone
	mover    *phone // writes nothing, and is given a grid or loses it; nil = nobody is
	known    ledger
	struck   int64 // verdicts that the phones had at the last kill
}

// assemble starts a centre without configuration, enrols phones over its REST interface, and starts them; with one that
// moves if it is asked for.
func assemble(t testing.TB, random *rand.Rand, built programs, phones int, moves bool) *fleet {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	dir, err := os.MkdirTemp(memory(), "kill")
	require.NoError(t, err)
	folder := func(name string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o700))
		return path
	}
	f := &fleet{t: t, random: random, patience: 90 * time.Second, schema: s, dir: dir}
	t.Cleanup(f.dismiss)
	f.centre = &centre{t: t, program: built.doorstepd, dir: filepath.Join(dir, "centre"), points: folder("centre-points")}
	f.centre.start()
	accounts, codes := f.centre.people(phones)
	for who, code := range codes {
		if who > phones && !moves {
			break
		}
		home := folder(fmt.Sprintf("phone-%d", who))
		p := &phone{t: t, program: built.phone, who: who, account: accounts[who], file: filepath.Join(home, "replica.db"), points: folder(fmt.Sprintf("points-%d", who))}
		p.enrol(f.centre.url, code)
		if who == workload.Desk {
			f.desk = p
			continue
		}
		if who > phones {
			f.mover = p
			continue
		}
		f.phones = append(f.phones, p)
	}
	f.known = newLedger(f)
	for _, p := range f.all() {
		p.start()
	}
	return f
}

// all are the phones, and the one that moves.
func (f *fleet) all() []*phone {
	if f.mover == nil {
		return f.phones
	}
	return append(slices.Clone(f.phones), f.mover)
}

// memory gives a folder in memory where there is one: what a killed process wrote is in the system's hands either way.
func memory() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		return shm
	}
	return ""
}

// dismiss ends all processes and takes the folder away. It may be called again.
func (f *fleet) dismiss() {
	for _, p := range f.all() {
		if p.Child != nil {
			p.Kill()
		}
	}
	if f.centre != nil && f.centre.Child != nil {
		f.centre.Kill()
	}
	_ = os.RemoveAll(f.dir)
}

// promised gives what each phone has promised so far: the last n written, and the last n with a verdict.
func (f *fleet) promised() (wrote, acked map[int]int64) {
	wrote, acked = map[int]int64{}, map[int]int64{}
	for _, p := range f.phones {
		p.listen()
		wrote[p.who], acked[p.who] = p.wrote, p.acked
	}
	return wrote, acked
}

// answered is how many verdicts the phones have.
func (f *fleet) answered() (sum int64) {
	_, acked := f.promised()
	for _, n := range acked {
		sum += n
	}
	return sum
}

// until waits for something that all processes together bring about. The error says how far it came.
func (f *fleet) until(so func() (ok bool, why string)) error {
	return f.untilEvery(2*time.Millisecond, so)
}

// untilEvery is until for what costs something to ask: databases are opened for it.
func (f *fleet) untilEvery(pause time.Duration, so func() (ok bool, why string)) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for deadline := time.Now().Add(f.patience); ; <-tick.C {
		ok, why := so()
		switch {
		case ok:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("not within %v: %s", f.patience, why)
		case !f.centre.down && f.centre.Gone():
			return fmt.Errorf("the centre ended by itself: %s", f.centre.Errors())
		}
		for _, p := range f.all() {
			if !p.down && p.Gone() {
				return fmt.Errorf("phone %d ended by itself: %s", p.who, p.Errors())
			}
		}
	}
}
