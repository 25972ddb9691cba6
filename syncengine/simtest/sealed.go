package simtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// The one sealed column of a world: what workers write into it is ciphertext wherever the engine meets it. Stewards are
// not shown it, and so hold no key.
const sealedTable, sealedColumn = "place", "owner"

// seals are the county's keys, and the dice of their own that rotate them: other choices of a seed stay as they are.
type seals struct {
	ring *seal.Ring
	rng  *rand.Rand
	seed uint64
}

func newSeals(seed uint64) *seals {
	s := &seals{rng: rand.New(rand.NewPCG(seed, 0x5ea1ed)), seed: seed}
	s.rotate()
	return s
}

// rotate adds a key that seals from now on.
func (s *seals) rotate() {
	k := seal.Key{Table: sealedTable, Column: sealedColumn, ID: uint32(len(s.keys()) + 1)}
	k.Secret = sha256.Sum256(fmt.Appendf(binary.BigEndian.AppendUint64(nil, s.seed), "%d", k.ID))
	s.ring = seal.NewRing(append(append([]seal.Key(nil), s.keys()...), k))
}

func (s *seals) keys() []seal.Key { return s.ring.Keys() }

func (s *seals) now() *seal.Ring { return s.ring }

// sealed is what an app makes of the values that its person typed: ciphertext where it belongs. Without the key nothing
// can be typed there.
func (w *World) sealed(by *seal.Ring, table string, id se.RowID, set []Assign) []Assign {
	var out []Assign
	for _, x := range set {
		if table != sealedTable || x.Column != sealedColumn || x.Value.Kind() != schema.KindText {
			out = append(out, x)
			continue
		}
		b, err := by.Seal(table, x.Column, string(id), x.Value.Str())
		if err != nil {
			w.count("sealed column left out for want of its key")
			continue
		}
		w.count("sealed value written")
		out = append(out, Assign{x.Column, schema.Blob(b)})
	}
	return out
}

// greeted takes over the keys of a Welcome that the device took, as an app keeps them outside the replica, and checks
// that they are those of the grants it names: a device that lost the grant that showed a column holds none of its keys.
func (n *node) greeted(m session.Message) {
	w, ok := m.(*session.Welcome)
	if !ok {
		return
	}
	had := n.ring.Has(sealedTable, sealedColumn)
	n.ring = seal.NewRing(w.Keys)
	has := n.ring.Has(sealedTable, sealedColumn)
	if due := keysDue(w.Grants); has != due || len(w.Keys) > 0 && !due {
		n.w.oracle.bad("P8", "%s has grants %v and %d keys of a sealed column", n.id, w.Grants, len(w.Keys))
	}
	if had && !has {
		n.w.count("sealing keys withdrawn")
	}
	if n.w.seals.rng.IntN(30) == 0 {
		n.w.seals.rotate()
		n.w.count("sealing key rotated")
	}
}

// keysDue is the declaration in other words: workers and supervisors are shown the column, stewards are not.
func keysDue(grants []se.Grant) bool {
	for _, g := range grants {
		if g.Role == roleWorker || g.Role == roleSupervisor {
			return true
		}
	}
	return false
}

// opens checks at the end that what stands in the sealed column can be opened in its own row by the county's keys:
// nothing was cut, mixed up between rows, or written by somebody without a key.
func (o *oracle) opens(tx se.ReadTx) {
	for _, k := range o.model.order {
		row, _ := tx.Row(k.Table, k.Row)
		if row == nil || k.Table != sealedTable {
			continue
		}
		v := shown(o.schema.Table(k.Table), row, sealedColumn)
		if v.IsNull() {
			continue
		}
		if _, err := o.w.seals.ring.Open(k.Table, sealedColumn, string(k.Row), v.Bytes()); err != nil {
			o.bad("sealed", "%s of %s %s cannot be opened: %v%s", sealedColumn, k.Table, k.Row, err, o.tell(k.Table, k.Row))
		}
	}
}
