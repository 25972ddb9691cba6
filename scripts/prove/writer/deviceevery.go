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
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// The device's scenario.
const (
	each    = 18 // changesets that are written in a turn, before they are sent and those of others come
	already = 40 // changesets that its first snapshot holds
)

// deviceEvery makes a replica, takes a snapshot in, writes, files verdicts, applies deltas, closes it and opens it
// again, with every call failing. The disk of the county does not fail.
func (w *writer) deviceEvery(dir, county string, f *faulty) error {
	st, desk, peer, err := w.county(county)
	if err != nil {
		return err
	}
	if err := errors.Join(w.commit(st, desk, 1), w.commit(st, peer, already)); err != nil {
		return err
	}
	d := &worker{w: w, f: f, county: st, file: filepath.Join(dir, "replica.db")}
	f.state = func(crash bool) (string, error) {
		if d.r == nil || crash {
			return crashed(d.file, county, deviceState)
		}
		return deviceState(d.r.Query)
	}
	f.save = saved(county, opened{d.file, func() bool { return d.r != nil }, d.shut, d.open},
		opened{filepath.Join(county, "centre.db"), func() bool { return true }, func() error { return d.county.Close() }, func() (err error) {
			d.county, err = store.Open(filepath.Join(county, "centre.db"), w.schema)
			return err
		}})
	if err := f.create(d.open); err != nil {
		return err
	}
	steps := []step{{"snapshot", d.talk}}
	for turn := range f.turns {
		if f.daily && turn > 0 {
			steps = append(steps, step{"close", d.shut}, step{"open", d.open})
		}
		others := func() error { return w.commit(d.county, peer, 2) }
		for range each {
			steps = append(steps, step{"write", d.write})
		}
		steps = append(steps, step{"send", d.send}, step{"", others}, step{"take in", d.takeIn})
	}
	for _, s := range append(steps, step{"close", d.shut}, step{"open", d.open}) {
		if s.name == "" {
			err = s.do()
		} else {
			err = f.step(s.name, s.do)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(d.shut(), d.county.Close(), f.tell())
}

// step is what the device does; without a name it is what others do, and never fails.
type step struct {
	name string
	do   func() error
}

// worker works with a replica, in step with a county.
type worker struct {
	w      *writer
	f      *faulty
	county *store.Store
	file   string
	r      *device.Replica
	link   *workload.Link
}

func (d *worker) open() (err error) {
	if d.r, err = open(d.file, device.Options{Schema: d.w.schema}); err != nil {
		d.r = nil
		nothingOpen(d.file)
	}
	return named(err)
}

// shut closes the replica. What goes wrong then harms nobody: everything is durable.
func (d *worker) shut() error {
	r := d.r
	d.r, d.link = nil, nil
	err := r.Close()
	if nothingOpen(d.file); err != nil {
		return say(fmt.Appendf(nil, "failed close: %q\n", err))
	}
	return nil
}

func (d *worker) write() error {
	m, err := workload.Write(context.Background(), d.r, workload.Phone)
	if err != nil {
		return named(err)
	}
	return say(fmt.Appendf(nil, "wrote %d\n", m.N))
}

// talk connects, unless there is a connection, and goes on from where the replica is.
func (d *worker) talk() error {
	if d.link != nil {
		return nil
	}
	greeted := func(in session.Message, out []session.Message) error {
		if _, ok := in.(*session.Welcome); ok {
			d.f.known = d.f.disk.calls()
		}
		return took(in, out)
	}
	l, err := workload.NewLink(d.r, d.county, d.w.engine, d.w.millis, greeted)
	if err == nil {
		d.link = l
	}
	return named(err)
}

func (d *worker) send() error { return d.over((*workload.Link).Sealed) }

func (d *worker) takeIn() error { return d.over((*workload.Link).Bell) }

// over does something over a connection; one that failed is over.
func (d *worker) over(fn func(*workload.Link) error) error {
	if err := d.talk(); err != nil {
		return err
	}
	err := fn(d.link)
	if err != nil {
		d.link = nil
	}
	return named(err)
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
