package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/store"
)

// phones is how many devices push at once.
const phones = 8

// centre pushes the changesets of many devices through the real store, committed in groups as by the real centre.
// It prints "ack WHO N KIND SEQ HASH" for each verdict that it was given.
func (w *writer) centre(dir string) error {
	st, err := store.Open(filepath.Join(dir, "centre.db"), w.schema)
	if err != nil {
		return err
	}
	if err := workload.Enrol(st, phones); err != nil {
		return err
	}
	c := centre.New(w.engine, st, centre.Options{Now: w.now})
	desk, err := workload.NewAuthor(st, w.engine, workload.Desk, w.millis)
	if err != nil {
		return err
	}
	if desk.N() == 0 {
		if err := submit(c, desk, workload.Desk, 1); err != nil {
			return err
		}
	}
	failed := make(chan error)
	for who := 1; who <= phones; who++ {
		a, err := workload.NewAuthor(st, w.engine, who, w.millis)
		if err != nil {
			return err
		}
		go func() { failed <- pushing(c, a, who, w.rand(uint64(who))) }()
	}
	return <-failed
}

func pushing(c *centre.Centre, a *workload.Author, who int, random *rand.Rand) error {
	for {
		if err := submit(c, a, who, 1+random.IntN(6)); err != nil {
			return err
		}
	}
}

func submit(c *centre.Centre, a *workload.Author, who, count int) error {
	list := a.Next(count)
	results, err := c.Submit(context.Background(), list, a.Contact())
	var lines []byte
	for _, r := range results {
		if err = errors.Join(err, r.Err); err != nil {
			break
		}
		if !r.Verdict.Kind.Effective() {
			return fmt.Errorf("device %d: changeset %d is %s: %+v", who, r.Verdict.N, r.Verdict.Kind, r.Verdict.Reason)
		}
		lines = fmt.Appendf(lines, "ack %d %d %d %d %s\n", who, r.Verdict.N, r.Verdict.Kind, r.Verdict.Seq, r.Verdict.Hash)
	}
	return errors.Join(err, say(lines))
}
