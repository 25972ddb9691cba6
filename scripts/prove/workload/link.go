package workload

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Took is called when the replica has durably taken a message in, with what it answers.
type Took func(in session.Message, out []session.Message) error

// Link is one connection between a replica and a county in the same process: both ends of the real conversation, and
// no socket between them. It belongs to one goroutine.
type Link struct {
	took   Took
	device *session.Device
	centre *session.Centre
	engine *se.Engine
	county *store.Store
	now    func() int64
}

// NewLink connects. On return everything that either side lacked is there. took may be nil.
func NewLink(r *device.Replica, county *store.Store, engine *se.Engine, now func() int64, took Took) (*Link, error) {
	l := &Link{
		took: took, device: session.NewDevice(r.Session()), centre: session.NewCentre(engine.Limits(), now()),
		engine: engine, county: county, now: now,
	}
	hello, err := l.device.Start("", "proof")
	if err != nil {
		return nil, err
	}
	return l, l.deliver(hello)
}

// Sealed sends what the replica has sealed since, and takes the answers in.
func (l *Link) Sealed() error {
	msgs, err := l.device.Sealed()
	if err != nil {
		return err
	}
	return l.deliver(msgs...)
}

// Bell brings the replica to the county's head.
func (l *Link) Bell() error { return l.effects(l.centre.Bell(l.now())) }

func (l *Link) deliver(msgs ...session.Message) error {
	for _, m := range msgs {
		if err := l.effects(l.centre.Receive(m, l.now())); err != nil {
			return err
		}
	}
	return nil
}

func (l *Link) effects(list []session.Effect) error {
	for _, e := range list {
		var err error
		switch e := e.(type) {
		case *session.Send:
			err = l.receive(e.Message)
		case *session.Open:
			var w *se.Welcome
			if w, err = l.engine.Open(l.county, e.Hello, l.now()); err == nil {
				err = l.effects(l.centre.Opened(w, "", "", l.now()))
			}
		case *session.Tell:
			var at int64
			if at, err = l.engine.Record(l.county, e.Tell, l.now()); err == nil {
				err = l.effects(l.centre.Recorded(e.Tell, at, "", "", l.now()))
			}
		case *session.Submit:
			err = l.submit(e)
		case *session.Read:
			var part *se.Part
			err = l.county.View(func(tx se.ReadTx) (err error) {
				part, err = l.engine.Next(tx, e.Request)
				return err
			})
			if err == nil {
				err = l.effects(l.centre.Advanced(part, l.now()))
			}
		case *session.Verify:
			var list []se.Repair
			err = l.county.View(func(tx se.ReadTx) (err error) {
				list, err = l.engine.Check(tx, nil, e.Request)
				return err
			})
			if err == nil {
				err = l.effects(l.centre.Verified(list))
			}
		case *session.Close:
			err = fmt.Errorf("the centre hung up: %s: %s", e.Code, e.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Link) receive(m session.Message) error {
	out, err := l.device.Receive(m)
	if err == nil && l.took != nil {
		err = l.took(m, out)
	}
	if err != nil {
		return err
	}
	return l.deliver(out...)
}

func (l *Link) submit(e *session.Submit) error {
	var subs []se.Submission
	for _, cs := range e.Changesets {
		subs = append(subs, se.Submission{Changeset: cs, Contact: e.Contact, Now: l.now()})
	}
	var verdicts []se.Verdict
	for _, r := range l.engine.Commit(l.county, subs) {
		if r.Err != nil {
			return r.Err
		}
		verdicts = append(verdicts, r.Verdict)
	}
	return l.effects(l.centre.Committed(len(subs), verdicts, "", "", l.now()))
}
