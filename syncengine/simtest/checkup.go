package simtest

import se "github.com/doorstep-sync/doorstep/syncengine"

// Hello implements session.Replica: what a device tells of its checks is no more than the world saw it put right. It may
// be less: a clock that jumped makes a check old, and a replica that was put back has forgotten.
func (e *watchedEnd) Hello() (se.Hello, error) {
	h, err := e.Replica.Hello()
	if err != nil {
		return h, err
	}
	n := e.n
	n.says(&h)
	switch {
	case h.Repaired > n.putRight:
		n.w.oracle.bad("P12", "%s says that its checks put %d rows right, the world saw %d", n.id, h.Repaired, n.putRight)
	case h.Repaired > 0 && h.Checked == 0:
		n.w.oracle.bad("P12", "%s put rows right and tells of no check", n.id)
	case h.Repaired > 0:
		n.w.count("hello told of repairs")
	}
	return h, nil
}
