package crowd

import (
	"google.golang.org/protobuf/encoding/protowire"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Numbers of fields in doorstep.proto.
const (
	envelopeDelta = 5
	envelopeSeen  = 7
	deltaView     = 1
	deltaItems    = 5
	deltaTo       = 10
	deltaPacked   = 15
	baseEpoch     = 1
	baseSeq       = 2
)

// glanced is what a listener that keeps no replica needs to know of a frame.
type glanced struct {
	rows int
	to   se.Base
	view string
}

// glance looks at a message without reading what is in its rows: thousands of listeners in one process would else measure
// themselves. ok is false for what is no frame with its rows in sight.
func glance(b []byte) (g glanced, ok bool) {
	var delta []byte
	if !fields(b, func(n protowire.Number, v []byte, _ uint64) {
		if n == envelopeDelta {
			delta = v
		}
	}) || delta == nil {
		return g, false
	}
	ok = true
	whole := fields(delta, func(n protowire.Number, v []byte, _ uint64) {
		switch n {
		case deltaItems:
			g.rows++
		case deltaView:
			g.view = string(v)
		case deltaTo:
			ok = ok && fields(v, func(n protowire.Number, _ []byte, x uint64) {
				switch n {
				case baseEpoch:
					g.to.Epoch = int64(x)
				case baseSeq:
					g.to.Seq = int64(x)
				}
			})
		case deltaPacked:
			ok = false
		}
	})
	return g, ok && whole
}

// fields tells the fields of a message in turn, with their bytes or their number; false if it is not one.
func fields(b []byte, tell func(n protowire.Number, v []byte, x uint64)) bool {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		var v []byte
		var x uint64
		switch typ {
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			x, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return false
		}
		tell(num, v, x)
		b = b[n:]
	}
	return true
}

// seenBytes is what says that so many frames were seen, up to a cursor.
func seenBytes(frames int64, g glanced) []byte {
	m := make([]byte, 0, 64)
	number := func(n protowire.Number, v int64) {
		if v != 0 {
			m = protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), uint64(v))
		}
	}
	number(1, frames)
	number(2, g.to.Epoch)
	number(3, g.to.Seq)
	if g.view != "" {
		m = protowire.AppendString(protowire.AppendTag(m, 4, protowire.BytesType), g.view)
	}
	return protowire.AppendBytes(protowire.AppendTag(make([]byte, 0, 80), envelopeSeen, protowire.BytesType), m)
}
