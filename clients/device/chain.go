package device

import (
	"crypto/sha256"
	"encoding/binary"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// links is what could be read of a device's chain of changesets.
type links struct {
	device string
	last   int64              // n of the newest, as far as that is known
	hash   se.Hash            // its hash, zero if it is not known
	filed  map[int64]se.Hash  // by n: what has a verdict here, and its hash as it was read
	bodies map[int64][]linked // by n: changesets, of the outbox and filed ones
	acked  int64              // everything up to here had its verdict
}

// linked is a changeset that was read, with the hash that stood beside it.
type linked struct {
	cs     *se.Changeset
	hash   se.Hash // computed
	sound  bool    // what stood beside it is the same
	queued bool    // it lay in the outbox
}

// chained is the chain put together.
type chained struct {
	outbox []*se.Changeset // to be offered, in order of n; holes for what could not be read
	hashes map[int64]se.Hash
	bodies map[int64]*se.Changeset // of filed changesets, that may be kept
	lost   []int64                 // changesets without a verdict that could not be read
	unsure []int64                 // filed ones of which nothing could be read
}

// maxHoles bounds how much a number that rotted can make of itself.
const maxHoles = 1000

// chain goes back from the newest changeset: each names the hash of the one before, so that what is taken is what was
// written, whatever stands in the columns beside it. A changeset that cannot be read becomes a hole under its hash: if
// the centre has it, it answers with its verdict, else it records that it is gone, and the numbers go on. Where even the
// hash of a changeset is lost it gets one of its own; a centre that has that changeset then tells that this replica is
// not what it knew, and nothing is sent.
func (l *links) chain() *chained {
	out := &chained{hashes: map[int64]se.Hash{}, bodies: map[int64]*se.Changeset{}}
	want := l.hash
	for n := l.last; n > 0; n-- {
		stub, filed := l.filed[n]
		body := l.pick(n, want, filed)
		switch {
		case body != nil:
			out.hashes[n], want = body.hash, body.cs.Prev
			if filed {
				out.bodies[n] = body.cs
			} else {
				out.outbox = append(out.outbox, body.cs)
			}
			continue
		case filed:
			if want.IsZero() {
				want = stub
			}
			out.hashes[n] = want
		case n > l.acked:
			if want.IsZero() {
				want = invented(l.device, n)
			}
			out.lost = append(out.lost, n)
			out.hole(l.device, n, want)
		case !want.IsZero():
			out.hole(l.device, n, want) // the centre has it, and tells the verdict again
		default:
			out.unsure = append(out.unsure, n)
		}
		want = se.Hash{}
	}
	out.settle()
	return out
}

func (c *chained) hole(device string, n int64, hash se.Hash) {
	c.hashes[n] = hash
	c.outbox = append(c.outbox, &se.Changeset{Device: device, N: n, Gone: hash})
}

// settle turns the outbox round, and gives holes the hash of what is before them. What lies before a gap of which
// nothing is known is left to the centre: the numbers from there on would not go on.
func (c *chained) settle() {
	for i, j := 0, len(c.outbox)-1; i < j; i, j = i+1, j-1 {
		c.outbox[i], c.outbox[j] = c.outbox[j], c.outbox[i]
	}
	for _, cs := range c.outbox {
		if cs.Hole() && cs.N > 1 {
			cs.Prev = c.hashes[cs.N-1]
		}
	}
}

// pick finds the changeset n with this hash; if the hash is not known, one that fits what stood beside it. Filed ones may
// be of the device that this one was copied from.
func (l *links) pick(n int64, want se.Hash, filed bool) *linked {
	for i := range l.bodies[n] {
		b := &l.bodies[n][i]
		if (filed || b.cs.Device == l.device) && (b.hash == want || b.sound && (want.IsZero() || n == l.last)) {
			return b
		}
	}
	return nil
}

// newest finds the last number that can be relied upon: a number rots like everything else.
func (l *links) newest(said int64, hash se.Hash) {
	most := int64(0)
	for n, list := range l.bodies {
		for _, b := range list {
			if b.sound && b.cs.Device == l.device {
				most = max(most, n)
				if b.hash == hash {
					said = n
				}
			}
		}
	}
	for more := true; more; { // stubs that go on from there without a gap
		if _, more = l.filed[most+1]; more {
			most++
		}
	}
	if most == 0 {
		for n := range l.filed {
			if n <= said || said == 0 && n < maxHoles {
				most = max(most, n)
			}
		}
	}
	if said >= most && said-most <= maxHoles {
		l.last, l.hash = said, hash
		return
	}
	l.last, l.hash = most, se.Hash{}
}

// invented is the hash of a changeset of which nothing is left.
func invented(device string, n int64) se.Hash {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("doorstep.lost.v1\x00"+device+"\x00"), uint64(n)))
}
