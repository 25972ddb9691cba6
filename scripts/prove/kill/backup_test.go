package kill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// backup starts one beside the centre.
func (c *centre) backup(to string) (*child.Child, error) {
	return child.Start(c.program, environment("PROVE_POINTS="+c.points), "backup", "--data", c.dir, "--to", to)
}

// copy kills a backup at the armed place. If its name is there then, all of it is; if not, the next one under that name
// works.
func (s *strike) copy() (err error) {
	to := filepath.Join(s.dir, "backup.db")
	defer func() {
		for _, end := range []string{"", ".manifest.json", "-wal", "-shm"} {
			if e := os.Remove(to + end); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	armed := s.arm()
	if s.backup, err = s.fleet.centre.backup(to); err != nil {
		return err
	}
	if err := s.die(armed, true); err != nil {
		return err
	}
	if _, err := os.Stat(to); errors.Is(err, fs.ErrNotExist) {
		again, err := s.fleet.centre.backup(to)
		if err != nil {
			return err
		}
		select {
		case <-again.Done:
		case <-time.After(s.patience):
			again.Kill()
		}
		if _, err := os.Stat(to + ".manifest.json"); err != nil {
			return fmt.Errorf("a backup after one that was killed: %w: %s", err, again.Errors())
		}
	}
	s.faults.Add(s.known.copied(to))
	return nil
}

// copied looks at a backup: it is whole, and what it says is what the county was at that time.
func (l *ledger) copied(file string) (faults workload.Faults) {
	then := newLedger(l.f)
	l.f.reading(file, func(q workload.Querier) {
		if err := q.Integrity(); err != nil {
			faults.Torn = append(faults.Torn, fmt.Sprintf("the backup: %v", err))
		}
		faults.Add(then.extend(q))
		faults.Add(workload.History(q))
		applied := map[workload.Mark]bool{}
		for _, m := range then.marks {
			applied[m] = true
		}
		faults.Add(shows(q, "rec_", applied))
	})
	l.f.reading(l.f.centre.file(), func(q workload.Querier) { faults.Add(l.extend(q)) })
	for i, m := range then.marks {
		if i >= len(l.marks) || l.marks[i] != m {
			faults.Otherwise("the backup has %s as seq %d, and the centre has not", m.Token(), i+1)
			break
		}
	}
	return faults
}
