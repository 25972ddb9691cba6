package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// probe shows that nobody waits for anybody (P14): one device does not read what it is sent, the changesets of another
// wait before the centre's writer, and still every other device gets what a third one writes; the one whose uploads
// wait gets it too.
func (w *World) probe() {
	if w.failed() {
		return
	}
	slow, stuck := w.nodes[4], w.nodes[1]
	slow.slowUntil = neverConnect
	w.centre.stuck = stuck
	before := w.oracle.head.Seq
	for _, n := range []*node{stuck, w.writer(slow, stuck)} {
		for range 3 {
			j := &job{}
			n.tokens(j)
			n.write(j)
		}
	}
	for range 6 {
		w.until(w.now + 10_000)
	}
	if w.failed() {
		return
	}
	head := w.oracle.head.Seq
	if head <= before {
		w.oracle.bad("P14", "nothing was accepted in a minute, while one device is slow and one stuck")
	}
	for _, n := range w.nodes {
		if n == slow {
			continue
		}
		_ = n.dev.View(func(tx replica.Tx) error {
			if !w.oracle.current(w.oracle.devices[n.id], tx, head) {
				w.oracle.bad("P14", "%s lacks rows of the head a minute on, while %s does not read and the changesets of %s wait", n.account, slow.account, stuck.account)
			}
			return nil
		})
	}
	for _, c := range slow.conns {
		if c.frames > 200 {
			w.oracle.bad("P14", "%d frames wait for %s, which does not read", c.frames, slow.account)
		}
	}
	if len(w.centre.held) > 0 {
		w.count("downloads went on while uploads waited")
	}
	w.count("others were served while one device did not read")
	slow.slowUntil = 0
	w.centre.unstick()
	for _, c := range append([]*conn(nil), slow.conns...) {
		c.awake()
	}
}

// writer gives somebody who still may write somewhere, the first worker if he may.
func (w *World) writer(but ...*node) *node {
	for _, n := range w.nodes {
		if !slices.Contains(but, n) && len(n.rights()) > 0 {
			return n
		}
	}
	return w.nodes[0]
}
