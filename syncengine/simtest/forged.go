package simtest

import se "github.com/doorstep-sync/doorstep/syncengine"

// forge lets one device of some worlds say that it is far behind whenever it is heard of, wherever it is: nobody's word may
// keep the floor back for long.
func (r *retention) forge(list []se.Heard) {
	if r.liar == "" {
		rng := r.w.stream("forged cursor")
		if r.liar = "nobody"; rng.IntN(3) == 0 {
			r.liar = r.w.nodes[rng.IntN(len(r.w.nodes))].id
		}
	}
	for i := range list {
		if h := &list[i]; h.Device == r.liar && h.Cursor.Seq > 1 {
			h.Cursor.Seq = 1 + h.Cursor.Seq%3
			r.w.count("cursor forged")
		}
	}
}

// receivedBy gives the seq up to which the oracle saw everything arrive by a time.
func (o *oracle) receivedBy(at int64) (seq int64) {
	for _, e := range o.arrivals {
		if e.received > at {
			break
		}
		seq = e.seq
	}
	return seq
}

// arrival is when a commit's changeset reached the centre, for those of the present line of history.
type arrival struct{ seq, received int64 }

// arrive notes commits; those of a line of history that a centre lost are forgotten.
func (o *oracle) arrive(history []se.Entry) {
	for i := range history {
		e := &history[i]
		for len(o.arrivals) > 0 && o.arrivals[len(o.arrivals)-1].seq >= e.Seq {
			o.arrivals = o.arrivals[:len(o.arrivals)-1]
		}
		o.arrivals = append(o.arrivals, arrival{e.Seq, e.Received})
	}
}
