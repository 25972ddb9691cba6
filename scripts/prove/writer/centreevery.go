package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// groups is how many groups of changesets the centre commits in a turn of its scenario.
const groups = 20

// centreEvery makes a store, commits changesets alone and in groups, closes it and opens it again, with every call
// failing. aside is a folder that does not fail.
func (w *writer) centreEvery(dir, aside string, f *faulty) error {
	c := &committer{w: w, file: filepath.Join(dir, "centre.db")}
	f.state = func(crash bool) (string, error) {
		if c.st == nil || crash {
			return crashed(c.file, aside, centreState)
		}
		return centreState(c.st.Reader().QueryContext)
	}
	f.save = saved(aside, opened{c.file, func() bool { return c.st != nil }, c.shut, c.open})
	if err := f.create(c.open); err != nil {
		return err
	}
	if err := f.step("enrol", func() error { return workload.Enrol(c.st, 2) }); err != nil {
		return err
	}
	for i := range groups * f.turns {
		if f.daily && i > 0 && i%groups == 0 {
			if err := errors.Join(f.step("close", c.shut), f.step("open", c.open)); err != nil {
				return err
			}
		}
		if err := c.next(i); err != nil {
			return err
		}
		if err := f.step("commit", c.commit); err != nil {
			return err
		}
	}
	if err := f.step("close", c.shut); err != nil {
		return err
	}
	if err := f.step("open", c.open); err != nil {
		return err
	}
	return errors.Join(c.shut(), f.tell())
}

// committer hands in groups of changesets, each until it has its verdicts.
type committer struct {
	w       *writer
	file    string
	st      *store.Store
	authors map[int]*workload.Author
	waiting []se.Submission
	marks   []workload.Mark // of what is waiting
	said    map[workload.Mark]bool
}

func (c *committer) open() (err error) {
	if c.st, err = store.Open(c.file, c.w.schema); err != nil {
		c.st = nil
		nothingOpen(c.file)
	}
	return err
}

// shut closes the store. What goes wrong then harms nobody: everything is durable.
func (c *committer) shut() error {
	st := c.st
	c.st = nil
	err := st.Close()
	if nothingOpen(c.file); err != nil {
		return say(fmt.Appendf(nil, "failed close: %q\n", err))
	}
	return nil
}

// next makes another group: the first of all is the desk's, then come one changeset, or two.
func (c *committer) next(i int) error {
	if c.authors == nil {
		c.authors, c.said = map[int]*workload.Author{}, map[workload.Mark]bool{}
		for who := range 3 {
			a, err := workload.NewAuthor(c.st, c.w.engine, who, c.w.millis)
			if err != nil {
				return err
			}
			c.authors[who] = a
		}
		c.add(workload.Desk, 1)
		return nil
	}
	c.waiting, c.marks = nil, nil
	if c.add(1, 1); i%4 == 0 {
		c.add(2, 1)
	}
	return nil
}

func (c *committer) add(who, count int) {
	a := c.authors[who]
	for _, cs := range a.Next(count) {
		c.waiting = append(c.waiting, se.Submission{Changeset: cs, Contact: a.Contact(), Now: c.w.millis()})
		c.marks = append(c.marks, workload.Mark{Who: who, N: cs.N})
	}
}

// commit hands in what is waiting, and prints the verdicts.
func (c *committer) commit() error {
	var errs []error
	var lines []byte
	for i, r := range c.w.engine.Commit(c.st, c.waiting) {
		m, v := c.marks[i], r.Verdict
		switch {
		case r.Err != nil:
			errs = append(errs, r.Err)
		case !c.said[m]:
			c.said[m] = true
			lines = fmt.Appendf(lines, "ack %d %d %d %d %s\n", m.Who, m.N, v.Kind, v.Seq, v.Hash)
		}
	}
	return errors.Join(append(errs, say(lines))...)
}
