package syncengine

import (
	"fmt"
	"slices"
	"strings"
)

// NextRequest says what a replica has.
type NextRequest struct {
	Device string
	Cursor Base
	View   string        // id of the view the cursor is for
	Staged []StagedScope // of an unfinished step for the present view
	Inbox  int64         // last message stored
	Now    int64         // centre's clock when it is read, ms: by it grants have ended or not
	Budget int           // about how many bytes of rows to give at most
	Pages  Pages         // sizes; the zero value is the usual ones

	Schema    int // version of the replica's declarations, and App of its program, as its Hello said
	App       string
	Unpacks   []string   // encodings of packed chunks that the device takes
	Snapshots *Snapshots // from which they are given; nil = none
}

// Part is a part of what a replica lacks: some frames of a step, or all of them.
type Part struct {
	View     string
	Reset    bool
	Frames   []Delta // in order; the last one says Done if the replica is then at a head
	Messages []Message
	Inbox    int64 // number of the last message looked at; some may not be sent any more
	Head     Base

	Manifests []*Manifest // of the snapshots that Frames have chunks of
	// Prepare names a scope whose snapshot is needed before there can be more: see Engine.Prepare. Then ask again.
	Prepare string
	// Restart says that what is staged was begun below the floor: the device must forget it and begin anew.
	Restart bool
	// Untold says that the device was last told of another view, on another connection: it must be greeted anew before it
	// gets anything of this one (P8).
	Untold bool
	// Drain says that the device is below the minimum: there are no frames for it.
	Drain bool
	Until int64 // when the first grant of View ends, ms; 0 = none does
}

// Pages says in what portions rows are read and sent. Tests make them small, so that a step takes many.
type Pages struct {
	Items int // rows read from the store at a time; 0 = 500
	Frame int // about the bytes of one frame; 0 = 128 KiB
	// Bucket is how many bytes of rows one bucket of a Check may hold to be answered row by row; 0 = 16 MiB. A device
	// whose buckets are so coarse, or so damaged, takes a snapshot, which nobody has to keep in memory.
	Bucket int
}

func (p Pages) orUsual() Pages {
	if p.Items == 0 {
		p.Items = 500
	}
	if p.Frame == 0 {
		p.Frame = 128 << 10
	}
	if p.Bucket == 0 {
		p.Bucket = 16 << 20
	}
	return p
}

// Next gives frames that take a replica forward. All scopes are read at one head; if the budget does not reach so
// far, the frames end without Done and the next call goes on where they ended, across heads: what changed meanwhile
// has a later seq and comes again. Done is said only when in one read every scope was read to its end.
//
// A request for another view than the principal's present one, from another epoch, or with a cursor beyond the head
// gets a reset: the whole of what the view shows, from nothing.
func (e *Engine) Next(tx ReadTx, req NextRequest) (*Part, error) { return e.next(tx, req, nil) }

func (e *Engine) next(tx ReadTx, req NextRequest, s *sharing) (*Part, error) {
	head, err := tx.Head()
	if err != nil {
		return nil, fmt.Errorf("read head: %w", err)
	}
	if err := served(tx); err != nil {
		return nil, err
	}
	v, err := e.views(tx, req.Device, req.Now)
	if err != nil {
		return nil, err
	}
	step := &Part{View: v.id, Head: Base{head.Epoch, head.Seq}, Inbox: req.Inbox, Until: v.until}
	if v.principal.Minimum.Drains(req.Schema, req.App, req.Now) {
		step.Drain = true
		return step, nil
	}
	told, err := tx.Told(req.Device)
	if err != nil {
		return nil, fmt.Errorf("read what the device was told: %w", err)
	}
	if told != nil && told.View != v.id {
		step.Untold = true
		return step, nil
	}
	from := req.Cursor
	if req.View != v.id || !head.reaches(req.Cursor) {
		step.Reset, from = true, Base{}
	}
	r := reader{
		tx: tx, v: v, from: from, step: step, budget: req.Budget, pages: req.Pages.orUsual(), at: map[string]StagedScope{},
		head: head.Seq, device: req.Device, now: req.Now, sharing: s,
	}
	if req.Snapshots != nil {
		if packer := req.Snapshots.packer(req.Unpacks); packer != nil {
			r.snapshots, r.unpacks, r.encoding = req.Snapshots, req.Unpacks, packer.Encoding()
		}
	}
	for _, s := range req.Staged {
		if step.Reset && s.Read < head.Floor {
			step.Restart = true
			return step, nil
		}
		r.at[s.Scope] = s
	}
	for _, scope := range v.scopes {
		if err := r.scope(scope); err != nil {
			return nil, err
		}
		if r.budget <= 0 || step.Prepare != "" {
			return step, nil
		}
	}
	dev, err := tx.Device(req.Device)
	if err != nil {
		return nil, err
	}
	done := Delta{View: v.id, From: from, Reset: step.Reset, Done: true, To: step.Head, HLC: head.HLC, Scopes: r.positions()}
	if dev != nil {
		done.LastN = dev.LastN
	}
	done.History, done.MAC = head.History, e.mac(v.principal.Account, step.Head, head.History)
	if n := len(step.Frames); n > 0 && step.Frames[n-1].carries() {
		last := &step.Frames[n-1]
		last.Done, last.To, last.LastN, last.HLC, last.Scopes = true, done.To, done.LastN, done.HLC, done.Scopes
		last.History, last.MAC = done.History, done.MAC
	} else {
		step.Frames = append(step.Frames, done)
	}
	step.Messages, step.Inbox, err = inbox(tx, v, req.Device, req.Inbox)
	return step, err
}

// views reads what a device's person may do now. A device without a person sees nothing.
func (e *Engine) views(tx ReadTx, device string, now int64) (*views, error) {
	p, err := tx.Principal(device)
	if err != nil {
		return nil, fmt.Errorf("read principal: %w", err)
	}
	if p == nil {
		p = &Principal{Device: device}
	}
	head, err := tx.Head()
	if err != nil {
		return nil, fmt.Errorf("read head: %w", err)
	}
	v := newViews(e.schema, p, now)
	v.in(head.Epoch)
	return v, nil
}

// reader collects frames.
type reader struct {
	tx     ReadTx
	v      *views
	from   Base
	step   *Part
	budget int
	pages  Pages
	at     map[string]StagedScope // scopes of which something is staged
	fresh  bool                   // nothing of the present scope is staged
	head   int64
	device string
	now    int64

	snapshots *Snapshots // nil = the device takes none
	unpacks   []string   // encodings that the device takes
	encoding  string     // of what it begins

	sharing *sharing // with other requests; nil = it is alone
}

func (r *reader) positions() []StagedScope {
	var out []StagedScope
	for _, s := range r.at {
		out = append(out, StagedScope{Scope: s.Scope, After: s.After})
	}
	slices.SortFunc(out, func(a, b StagedScope) int { return strings.Compare(a.Scope, b.Scope) })
	return out
}

// scope reads one scope from where it is staged to its end, or until the budget is used up.
func (r *reader) scope(scope string) error {
	at, ok := r.at[scope]
	r.fresh = !ok
	if !ok {
		at = StagedScope{Scope: scope, After: Position{Seq: r.from.Seq}}
		if r.step.Reset {
			at.Read = r.head
		}
	}
	if r.step.Reset && r.snapshots != nil {
		more, err := r.packed(&at)
		if err != nil || !more {
			return err
		}
	}
	if r.sharing != nil && r.fresh && !r.step.Reset {
		return r.shared(scope, at)
	}
	return r.stream(scope, at)
}

// stream gives what changed in a scope since a position.
func (r *reader) stream(scope string, at StagedScope) error {
	pos := at.After
	start, frame := pos, []DeltaItem(nil)
	flush := func() {
		if len(frame) == 0 {
			return
		}
		r.step.Frames = append(r.step.Frames, Delta{
			View: r.v.id, From: r.from, Reset: r.step.Reset, Scope: scope, Items: frame, Start: start, After: pos, Read: at.Read,
		})
		r.at[scope] = StagedScope{Scope: scope, After: pos, Read: at.Read}
		start, frame = pos, nil
	}
	size := 0
	for {
		items, err := r.tx.Changed(scope, pos, r.pages.Items)
		if err != nil {
			return fmt.Errorf("read changes of scope %s: %w", scope, err)
		}
		for i := range items {
			out, err := r.item(&items[i])
			if err != nil {
				return err
			}
			pos = Position{items[i].Seq, items[i].Key}
			if out != nil {
				frame = append(frame, *out)
				size += out.Size()
			}
			if size >= r.pages.Frame {
				r.budget -= size
				size = 0
				flush()
				if r.budget <= 0 {
					return nil
				}
			}
		}
		if len(items) < r.pages.Items {
			break
		}
	}
	r.budget -= size
	flush()
	r.budget = max(r.budget, 1) // the end was reached: that is what counts
	return nil
}

// packed gives chunks of the scope's snapshot and moves at behind them. more says that the ordinary stream goes on
// from there, now.
func (r *reader) packed(at *StagedScope) (more bool, err error) {
	class := r.v.class(at.Scope)
	snap := r.snapshots.find(at.Snapshot, class, r.unpacks, r.step.Head.Epoch)
	if r.fresh {
		if snap = r.snapshots.current(shelf{class, r.encoding}, r.step.Head, r.now); snap == nil {
			r.step.Prepare = at.Scope
			return false, nil
		}
	}
	if snap == nil {
		return true, nil
	}
	first := snap.from(at.After)
	if first < 0 {
		return true, nil
	}
	r.step.Manifests = append(r.step.Manifests, snap.Manifest())
	i := first
	for ; i < len(snap.Chunks) && (i == first || r.budget > 0); i++ {
		c := &snap.Chunks[i]
		*at = StagedScope{Scope: at.Scope, After: c.After, Snapshot: snap.ID, Read: snap.At.Seq}
		r.step.Frames = append(r.step.Frames, Delta{
			View: r.v.id, Reset: true, Scope: at.Scope, Start: c.Start, After: c.After, Read: at.Read,
			Snapshot: snap.ID, Chunk: i + 1, Packed: c.Packed,
		})
		r.budget -= c.Bytes
	}
	r.at[at.Scope] = *at
	r.fresh = false
	done := i == len(snap.Chunks)
	r.snapshots.serve(snap, r.device, i-first, done, r.now)
	if snap.At.Seq > r.head { // it was read after this transaction had begun: no step may end before it
		r.budget = 0
	}
	return done && r.budget > 0, nil
}

// item turns a change of the scope into what this view is told of it, nil for nothing.
func (r *reader) item(it *Item) (*DeltaItem, error) {
	switch {
	case it.Move != nil:
		return r.moved(it)
	case it.Dead != nil:
		d := it.Dead
		t := r.v.schema.Table(d.Table)
		if t == nil || r.unneeded() || !r.v.showsRow(t, d.Row) {
			return nil, nil
		}
		return &DeltaItem{Seq: it.Seq, Kind: DeltaDead, Table: d.Table, Row: d.ID}, nil
	}
	return r.row(it)
}

// moved tells a view that showed the row before to drop it, unless it shows it still in this scope.
func (r *reader) moved(it *Item) (*DeltaItem, error) {
	m := it.Move
	t := r.v.schema.Table(m.Table)
	if t == nil || r.unneeded() || !r.v.shows(t, m.Scope, m.Door, m.Author) {
		return nil, nil
	}
	row, err := r.tx.Row(m.Table, m.ID)
	if err != nil {
		return nil, err
	}
	if row != nil && row.Scope == m.Scope && r.v.showsRow(t, row) {
		return nil, nil
	}
	return &DeltaItem{Seq: it.Seq, Kind: DeltaEvict, Table: m.Table, Row: m.ID}, nil
}

// unneeded tells that a departure cannot concern the replica: it takes a snapshot, and none of this scope's rows is
// staged yet. Once some are, a row among them may have left since.
func (r *reader) unneeded() bool { return r.step.Reset && r.fresh }

func (r *reader) row(it *Item) (*DeltaItem, error) {
	row := it.Row
	t := r.v.schema.Table(row.Table)
	if t == nil || !r.v.showsRow(t, row) {
		return nil, nil
	}
	whole := r.step.Reset || row.Inserted > r.from.Seq
	if !whole {
		// A row that moved since the cursor may not have been in this view then, or was dropped by an eviction of
		// the same step: it comes whole.
		moves, err := r.tx.Moves(row.Table, row.ID, r.from.Seq)
		if err != nil {
			return nil, err
		}
		whole = len(moves) > 0
	}
	out := &DeltaItem{Seq: it.Seq, Kind: DeltaRow, Table: row.Table, Row: row.ID, Whole: whole}
	a := r.v.access(t, row.Scope)
	for i, def := range t.Cells {
		c := &row.Cells[i]
		if def.Derived || c.Shown == 0 || !whole && c.Shown <= r.from.Seq {
			continue
		}
		if values, ok := r.v.cell(a, def, c); ok {
			out.Cells = append(out.Cells, CellValue{def.Name, values})
		}
	}
	return out, nil
}
