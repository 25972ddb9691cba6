package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// The short scenarios for disks that fail. Each step is tried until it succeeds, as a person or the next connection
// would; "failed STEP: ERROR" is printed for each try that did not. Acknowledgements are those of the long modes.
const (
	tries  = 100
	rounds = 4 // of a life; each scenario has two
)

// persist tries a step until it succeeds.
func persist(step string, try func() error) error {
	var err error
	for range tries {
		if err = try(); err == nil {
			return nil
		}
		if e := say(fmt.Appendf(nil, "failed %s: %q\n", step, err)); e != nil {
			return e
		}
	}
	return fmt.Errorf("%s does not succeed: %w", step, err)
}

// centreSteps makes a store, commits changesets in groups, closes it, and does that once more.
func (w *writer) centreSteps(dir string) error {
	for range 2 {
		var st *store.Store
		err := persist("open", func() (err error) {
			st, err = store.Open(filepath.Join(dir, "centre.db"), w.schema)
			return err
		})
		if err == nil {
			err = persist("enrol", func() error { return workload.Enrol(st, 2) })
		}
		if err != nil {
			return err
		}
		authors := map[int]*workload.Author{}
		for who := range 3 {
			if authors[who], err = workload.NewAuthor(st, w.engine, who, w.millis); err != nil {
				return err
			}
		}
		if desk := authors[workload.Desk]; desk.N() == 0 {
			if err := w.group(st, map[int]*workload.Author{0: desk}, 1); err != nil {
				return err
			}
		}
		delete(authors, workload.Desk)
		for range rounds {
			if err := w.group(st, authors, 2); err != nil {
				return err
			}
		}
		if err := st.Close(); err != nil {
			if err := say(fmt.Appendf(nil, "failed close: %q\n", err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// group commits changesets of several devices together, until each has a verdict, and prints those.
func (w *writer) group(st *store.Store, authors map[int]*workload.Author, each int) error {
	var subs []se.Submission
	var marks []workload.Mark
	for who := range 3 {
		if a := authors[who]; a != nil {
			for _, cs := range a.Next(each) {
				subs = append(subs, se.Submission{Changeset: cs, Contact: a.Contact(), Now: w.millis()})
				marks = append(marks, workload.Mark{Who: who, N: cs.N})
			}
		}
	}
	said := map[workload.Mark]bool{}
	return persist("commit", func() error {
		var errs []error
		var lines []byte
		for i, r := range w.engine.Commit(st, subs) {
			m, v := marks[i], r.Verdict
			switch {
			case r.Err != nil:
				errs = append(errs, r.Err)
			case !said[m]:
				said[m] = true
				lines = fmt.Appendf(lines, "ack %d %d %d %d %s\n", m.Who, m.N, v.Kind, v.Seq, v.Hash)
			}
		}
		return errors.Join(append(errs, say(lines))...)
	})
}

// deviceSteps makes a replica, writes, files verdicts and applies deltas, closes it, and does that once more. The disk
// of the county does not fail.
func (w *writer) deviceSteps(dir, county string) error {
	st, desk, peer, err := w.county(county)
	if err != nil {
		return err
	}
	if err := w.commit(st, desk, 1); err != nil {
		return err
	}
	for range 2 {
		if err := w.deviceLife(dir, st, peer); err != nil {
			return err
		}
	}
	return st.Close()
}

func (w *writer) deviceLife(dir string, st *store.Store, peer *workload.Author) error {
	var r *device.Replica
	if err := persist("open", func() (err error) {
		r, err = open(filepath.Join(dir, "replica.db"), device.Options{Schema: w.schema})
		return named(err)
	}); err != nil {
		return err
	}
	if err := say([]byte("known 0\n")); err != nil {
		return err
	}
	var link *workload.Link
	// A conversation that failed is over; the next one goes on from where the replica is.
	talk := func(what string, fn func() error) error {
		return persist(what, func() (err error) {
			if link == nil {
				link, err = workload.NewLink(r, st, w.engine, w.millis, took)
			}
			if err == nil {
				err = fn()
			}
			if err != nil {
				link = nil
			}
			return named(err)
		})
	}
	if err := talk("connect", func() error { return nil }); err != nil {
		return err
	}
	for range rounds {
		for range 2 {
			if err := persist("write", func() error {
				m, err := workload.Write(context.Background(), r, workload.Phone)
				if err != nil {
					return named(err)
				}
				return say(fmt.Appendf(nil, "wrote %d\n", m.N))
			}); err != nil {
				return err
			}
		}
		if err := w.commit(st, peer, 2); err != nil {
			return err
		}
		if err := talk("send", func() error { return link.Sealed() }); err != nil {
			return err
		}
		if err := talk("bell", func() error { return link.Bell() }); err != nil {
			return err
		}
	}
	if err := r.Close(); err != nil {
		return say(fmt.Appendf(nil, "failed close: %q\n", err))
	}
	return nil
}

// named wants a failing disk to be called one: a person has to be told what to do.
func named(err error) error {
	switch code := device.CodeOf(err); {
	case err == nil, code == device.CodeDisk, code == device.CodeDiskFull:
		return err
	default:
		fmt.Fprintf(os.Stderr, "a failing disk has the code %q: %v\n", code, err)
		os.Exit(4)
		return nil
	}
}
