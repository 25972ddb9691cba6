package simtest

import (
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// stood is where a row stood just after a commit that its history names, read from the row itself in that commit.
type stood struct {
	epoch, seq  int64
	row         replica.RowKey
	scope, door string
	author      string
}

// stand notes where the rows of a history entry are at the moment.
func (t *watchedTx) stand(e *se.Entry) error {
	for _, k := range e.Rows() {
		row, err := t.Tx.Row(k.Table, k.Row)
		if err != nil {
			return err
		}
		if row == nil {
			dead, err := t.Tx.Dead(k.Table, k.Row)
			if err != nil {
				return err
			}
			if dead == nil || dead.Row == nil {
				continue
			}
			row = dead.Row
		}
		t.r.stood = append(t.r.stood, stood{e.Epoch, e.Seq, replica.RowKey{Table: k.Table, Row: k.Row}, row.Scope, row.Door, row.Author})
	}
	return nil
}

// places checks at the end that the centre can still tell where a row was at each of its history's entries, whatever was
// pruned: whoever reads history is shown what was written where he may see it.
func (o *oracle) places(tx se.ReadTx) {
	head, err := tx.Head()
	if err != nil {
		o.bad("history", "no head: %v", err)
		return
	}
	for _, s := range o.stood {
		log, err := tx.History(s.seq-1, 1)
		if err != nil || len(log) == 0 || log[0].Seq != s.seq || log[0].Epoch != s.epoch {
			continue // of commits that a centre lost
		}
		moves, from, err := tx.Places(s.row.Table, s.row.Row)
		if err != nil || from > 0 {
			o.bad("history", "places of %s %s from %d: %v", s.row.Table, s.row.Row, from, err)
			return
		}
		is, ok := placeAfter(tx, s.row, moves, s.seq)
		if !ok || is != (stood{s.epoch, s.seq, s.row, s.scope, s.door, s.author}) {
			o.bad("history", "%s %s was in %s at door %q after seq %d, its places say %s at %q", s.row.Table, s.row.Row, s.scope, s.door, s.seq, is.scope, is.door)
		}
		if len(moves) > 0 && s.seq < head.Floor && s.seq < moves[0].Seq && moves[0].Seq <= head.Floor {
			o.w.count("history of before a pruned move")
		}
	}
}

// placeAfter tells from a row's moves where it was just after a seq.
func placeAfter(tx se.ReadTx, k replica.RowKey, moves []se.Move, seq int64) (stood, bool) {
	out := stood{seq: seq, row: k}
	if log, err := tx.History(seq-1, 1); err == nil && len(log) == 1 {
		out.epoch = log[0].Epoch
	}
	for i := range moves {
		if m := &moves[i]; m.Seq > seq {
			out.scope, out.door, out.author = m.Scope, m.Door, m.Author
			return out, i+1 == len(moves) || moves[i+1].Seq != m.Seq
		}
	}
	row, err := tx.Row(k.Table, k.Row)
	if row == nil && err == nil {
		dead, err := tx.Dead(k.Table, k.Row)
		if err != nil || dead == nil || dead.Row == nil {
			return out, false
		}
		row = dead.Row
	}
	if err != nil {
		return out, false
	}
	out.scope, out.door, out.author = row.Scope, row.Door, row.Author
	return out, true
}
