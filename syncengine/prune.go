package syncengine

import (
	"errors"
	"fmt"
)

// Heard is what a device said of itself in a Hello.
type Heard struct {
	Device string
	At     int64 // centre's clock, ms
	Cursor Base
	LastN  int64
	Inbox  int64
	Proved bool // the cursor came with a proof, and the Hello was answered: it was this county's
}

// HeardFrom takes from a Hello what retention needs.
func HeardFrom(h *Hello, now int64) Heard {
	return Heard{Device: h.Device, At: now, Cursor: Base{h.Epoch, h.Cursor}, LastN: h.LastN, Inbox: h.Inbox, Proved: !h.MAC.IsZero()}
}

// Note keeps how far devices have come, so that Prune takes nothing that one of them still needs. It may be told late
// or not at all: then less is pruned, or a device that was away for long begins anew.
func (e *Engine) Note(tx Tx, list []Heard) error {
	head, err := tx.Head()
	if err != nil {
		return err
	}
	for _, h := range list {
		p, err := tx.Principal(h.Device)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		dev, err := tx.Device(h.Device)
		if err != nil {
			return err
		}
		if dev == nil {
			dev = &Device{ID: h.Device, Console: p.Console}
		}
		if h.At < dev.Heard {
			continue
		}
		dev.Heard = h.At
		dev.Taken = max(dev.Taken, min(h.Inbox, dev.Inbox))
		dev.Cursor = 0
		if h.Cursor.Epoch == head.Epoch {
			dev.Cursor = min(h.Cursor.Seq, head.Seq)
		}
		// Nothing of it is on its way: what it wrote before it came to its cursor is judged. A cursor that it only claims
		// says nothing of what it was shown: by one of before its person came he would write into rows that left by then.
		if h.LastN == dev.LastN && (h.Proved || e.proofs == nil) {
			dev.Acked = max(dev.Acked, dev.Cursor)
		}
		if err := tx.PutDevice(dev); err != nil {
			return fmt.Errorf("put device: %w", err)
		}
	}
	return nil
}

// Retention says what Prune keeps.
type Retention struct {
	Now     int64 // centre's clock, ms
	Keep    int64 // ms for which what left is remembered, and for which a device may be away without beginning anew
	Portion int   // things to take at once; 0 = 500
}

// Pruned is what Prune did.
type Pruned struct {
	Floor    int64
	Moves    int
	Dead     int
	Messages int
	More     bool // there is more to take: call it again
}

// Prune moves the floor and forgets, in bounded portions, what nobody needs any more below it: which scopes and doors
// rows left, what deleted rows held, messages that were taken. Dead ids, with their place and who deleted them, stay for
// ever (P9), and so do verdicts (P2), history, and what open conflicts are about.
//
// The floor does not pass the cursor of a device that was heard of within Keep, as long as what the device lacks came no
// longer ago than twice Keep. Who is below it begins anew, from a snapshot; his outbox is untouched. The caller stops offering snapshots below the floor first: see Snapshots.Forget.
func (e *Engine) Prune(tx Tx, r Retention) (Pruned, error) {
	if r.Portion == 0 {
		r.Portion = 500
	}
	head, err := tx.Head()
	if err != nil {
		return Pruned{}, err
	}
	floor, more, err := e.floor(tx, &head, &r)
	if err != nil {
		return Pruned{}, err
	}
	if floor > head.Floor {
		head.Floor = floor
		if err := tx.PutHead(head); err != nil {
			return Pruned{}, fmt.Errorf("put head: %w", err)
		}
	}
	p := pruner{tx: tx, left: r.Portion, done: Pruned{Floor: head.Floor}}
	err = errors.Join(p.moves(), p.dead(), p.inboxes())
	p.done.More = p.left <= 0 || more
	return p.done, err
}

// floor gives how far the floor may go: up to what was received before Keep, and to no device's cursor that counts. A
// cursor counts for Keep at most: it is a device's word, and one that never moves, or is made up anew at each Hello, must
// not keep everything for ever.
func (e *Engine) floor(tx ReadTx, head *Head, r *Retention) (floor int64, more bool, err error) {
	old := r.Now - r.Keep
	floor, least, more, err := receivedBy(tx, head, old, old-r.Keep)
	if err != nil {
		return 0, false, err
	}
	for after := ""; floor > least; {
		list, err := tx.Devices(after, 500)
		if err != nil {
			return 0, false, fmt.Errorf("read devices: %w", err)
		}
		for i := range list {
			if d := &list[i]; d.Heard > old {
				floor = min(floor, d.needs(floor))
			}
		}
		if len(list) < 500 {
			break
		}
		after = list[len(list)-1].ID
	}
	floor = max(floor, least)
	return floor, more && floor > head.Floor, nil
}

// maxAged is how many entries of history above the floor, and below it, are looked at for one portion.
const maxAged = 1000

// receivedBy gives the seqs up to which everything was received by two times, of which the second is the earlier one, and
// which are not below the floor; more says that it did not look further. Entries do not come in order of their reception:
// a parked changeset that was released lately may have been received long ago. So what is right below the floor is looked
// at as well: if some of it is young, nothing above it is old.
func receivedBy(tx ReadTx, head *Head, at, earlier int64) (seq, least int64, more bool, err error) {
	list, err := tx.Received(max(head.Floor-maxAged, 0), 2*maxAged)
	if err != nil {
		return 0, 0, false, fmt.Errorf("read history: %w", err)
	}
	seq, least = head.Floor, head.Floor
	young := false
	for i := range list {
		e := &list[i]
		if e.Seq > head.Floor && e.At > at {
			return seq, least, false, nil
		}
		if young = young || e.At > earlier; !young {
			least = max(least, e.Seq)
		}
		seq = max(seq, e.Seq)
	}
	return seq, least, len(list) == 2*maxAged, nil
}

// needs gives the seq above which everything must be kept for a device to go on; otherwise is for one that needs
// nothing: it has no cursor yet, and begins from a snapshot anyway.
func (d *Device) needs(otherwise int64) int64 {
	if d.Console || d.Cursor == 0 {
		return otherwise
	}
	if d.LastN > 0 && d.Acked > 0 { // what it wrote before it took the news is judged by where rows were then
		return min(d.Cursor, d.Acked)
	}
	return d.Cursor
}

// pruner takes a portion.
type pruner struct {
	tx   Tx
	left int
	done Pruned
}

func (p *pruner) moves() (err error) {
	if p.done.Moves, err = p.tx.PruneMoves(p.done.Floor, p.left); err != nil {
		return fmt.Errorf("prune moves: %w", err)
	}
	p.left -= p.done.Moves
	return nil
}

func (p *pruner) dead() error {
	for at := (DeadAt{}); p.left > 0; {
		list, err := p.tx.OldDead(p.done.Floor, at, p.left)
		if err != nil {
			return fmt.Errorf("read dead ids: %w", err)
		}
		for _, at = range list {
			con, err := p.tx.OpenConflict(ConflictKey{ConflictDelete, at.Table, at.ID, ""})
			if err != nil {
				return fmt.Errorf("read conflict: %w", err)
			}
			if con != nil {
				continue // its decision may restore the row
			}
			if err := p.tx.StripDead(at.Table, at.ID); err != nil {
				return err
			}
			p.done.Dead++
			p.left--
		}
		if len(list) == 0 {
			return nil
		}
	}
	return nil
}

func (p *pruner) inboxes() error {
	for after := ""; p.left > 0; {
		list, err := p.tx.Devices(after, 500)
		if err != nil {
			return fmt.Errorf("read devices: %w", err)
		}
		for i := range list {
			after = list[i].ID
			if list[i].Taken == 0 || p.left <= 0 {
				continue
			}
			n, err := p.tx.PruneInbox(after, list[i].Taken, p.left)
			if err != nil {
				return fmt.Errorf("prune inbox: %w", err)
			}
			p.done.Messages += n
			p.left -= n
		}
		if len(list) < 500 {
			return nil
		}
	}
	return nil
}

// DeadAt names a dead id in order of its death.
type DeadAt struct {
	Seq   int64
	Table string
	ID    RowID
}

// Bare tells whether what the row held is forgotten.
func (d *Dead) Bare() bool {
	if d.Row == nil {
		return true
	}
	for i := range d.Row.Cells {
		if c := &d.Row.Cells[i]; c.Shown != 0 || c.Survivors != nil || c.Elements != nil {
			return false
		}
	}
	return true
}

// Strip forgets what the row held: where it was and whose it was stays.
func (d *Dead) Strip() {
	if d.Row != nil {
		d.Row.Cells = make([]Cell, len(d.Row.Cells))
	}
}
