package syncengine

import "fmt"

// Work that was made on one replica before it was copied is the past of both. Where the centre was put back to before that
// work, and to before it knew the two as one, each offers it under its own name. It is one thing: it takes effect once,
// and whoever wrote after it, on either, had it before him.

// Work names what a changeset does, and when and where it was made, whoever offers it: it is the same for a changeset and
// what a copy of its device's replica made of it.
func (c *Changeset) Work() Hash {
	x := *c
	x.Device, x.Prev = "", Hash{}
	return x.Hash()
}

// shares tells whether what a device makes may come under another name too: it is a copy or was copied, or the county was
// restored to before that was known. A restore that nobody noticed makes devices that are copies anew as well, when they
// come.
func (d *Device) shares(epoch int64) bool { return epoch > 1 || d.Parent != "" || d.Copied }

// twin gives the verdict of the same work under another name of its person's, nil if this is the first. A hole says nothing
// of the work.
func (g *ingest) twin(account string) (*Verdict, error) {
	if !g.dev.shares(g.epoch) || g.cs.Hole() {
		return nil, nil
	}
	first, err := g.tx.Work(g.cs.Work())
	if err != nil {
		return nil, fmt.Errorf("read who offered a changeset first: %w", err)
	}
	if first == (WriteID{}) {
		return nil, nil
	}
	p, err := g.tx.Principal(first.Device)
	if err != nil || p == nil || p.Account != account {
		return nil, err // somebody else's: nobody's work is taken from him
	}
	v, err := g.tx.Verdict(first.Device, first.N)
	if err != nil || v == nil {
		return nil, err
	}
	for _, kin := range [2][2]string{{g.cs.Device, first.Device}, {first.Device, g.cs.Device}} {
		if err := g.tx.PutKin(kin[0], WriteID{kin[1], g.cs.N}); err != nil {
			return nil, fmt.Errorf("keep that two devices are of one replica: %w", err)
		}
	}
	out := *v
	out.Hash, out.Epoch = g.hash, g.epoch
	return &out, nil
}

// first keeps under which name work was judged, for twin.
func (g *ingest) first() error {
	if !g.dev.shares(g.epoch) || g.cs.Hole() {
		return nil
	}
	if err := g.tx.PutWork(g.cs.Work(), g.cs.ID()); err != nil {
		return fmt.Errorf("keep who offered a changeset first: %w", err)
	}
	return nil
}
