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
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// other is a phone that writes at the centre meanwhile.
const other = 2

// device works with a replica through the SDK, in step with a county that no power cut touches. It prints, each once
// it is durable on the device:
//
//	known 0          the replica knows which device it is
//	wrote N          a changeset was written
//	filed N KIND     its verdict was filed
//	at SEQ           the cursor came to SEQ
func (w *writer) device(dir, county string) error {
	st, desk, peer, err := w.county(county)
	if err != nil {
		return err
	}
	if desk.N() == 0 {
		if err := w.commit(st, desk, 1); err != nil {
			return err
		}
	}
	r, err := open(filepath.Join(dir, "replica.db"), device.Options{Schema: w.schema})
	if err != nil {
		return err
	}
	if err := say([]byte("known 0\n")); err != nil {
		return err
	}
	link, err := workload.NewLink(r, st, w.engine, w.millis, took)
	if err != nil {
		return err
	}
	random := w.rand(0)
	for {
		for range random.IntN(4) {
			m, err := workload.Write(context.Background(), r, workload.Phone)
			if err != nil {
				return err
			}
			if err := say(fmt.Appendf(nil, "wrote %d\n", m.N)); err != nil {
				return err
			}
		}
		if n := random.IntN(6) - 2; n > 0 {
			if err := w.commit(st, peer, n); err != nil {
				return err
			}
			if err := link.Bell(); err != nil {
				return err
			}
		}
		if random.IntN(3) > 0 { // now and then several wait in the outbox
			if err := link.Sealed(); err != nil {
				return err
			}
		}
	}
}

// county opens the county, and those who write there: the desk and another phone.
func (w *writer) county(dir string) (st *store.Store, desk, peer *workload.Author, err error) {
	if st, err = store.Open(filepath.Join(dir, "centre.db"), w.schema); err != nil {
		return nil, nil, nil, err
	}
	if err = workload.Enrol(st, other); err == nil {
		desk, err = workload.NewAuthor(st, w.engine, workload.Desk, w.millis)
	}
	if err == nil {
		peer, err = workload.NewAuthor(st, w.engine, other, w.millis)
	}
	return st, desk, peer, err
}

// open opens the replica, or makes it; a file in which nothing has been promised yet is thrown away.
func open(file string, opts device.Options) (*device.Replica, error) {
	r, err := device.Open(file, opts)
	switch code := device.CodeOf(err); {
	case err == nil:
	case code == device.CodeNotReplica:
		if err := os.Remove(file); err != nil {
			return nil, err
		}
		fallthrough
	case code == device.CodeMissingFile:
		if r, err = device.Create(file, opts); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	err = r.Identify(context.Background(), device.Identity{Device: workload.Device(workload.Phone), Account: workload.Account(workload.Phone)})
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// took prints what a message of the centre has made durable: verdicts, and the cursor as the device tells it.
func took(in session.Message, out []session.Message) error {
	var lines []byte
	if m, ok := in.(*session.Verdicts); ok {
		for _, v := range m.Verdicts {
			lines = fmt.Appendf(lines, "filed %d %d\n", v.N, v.Kind)
		}
	}
	for _, m := range out {
		if m, ok := m.(*session.Seen); ok {
			lines = fmt.Appendf(lines, "at %d\n", m.Cursor)
		}
	}
	return say(lines)
}

func (w *writer) commit(st *store.Store, a *workload.Author, count int) error {
	var subs []se.Submission
	for _, cs := range a.Next(count) {
		subs = append(subs, se.Submission{Changeset: cs, Contact: a.Contact(), Now: w.millis()})
	}
	var errs []error
	for _, r := range w.engine.Commit(st, subs) {
		if !r.Verdict.Kind.Effective() {
			errs = append(errs, r.Err, fmt.Errorf("changeset %d of the county is %s: %+v", r.Verdict.N, r.Verdict.Kind, r.Verdict.Reason))
		}
	}
	return errors.Join(errs...)
}
