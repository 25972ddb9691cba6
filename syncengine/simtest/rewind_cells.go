package simtest

import (
	"slices"
	"strings"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// decided notes what a decision that took effect, and was not lost, settled.
func (w *rewound) decided(tx se.ReadTx, e *se.Entry, k *kept) {
	for _, c := range e.Changeset.Changes {
		d := c.Decide
		if d == nil || d.Conflict == "" {
			continue
		}
		con, _ := tx.Conflict(d.Conflict)
		if con == nil {
			w.wrong("P6: %v decided %s, which is not known", e.Changeset.ID(), d.Conflict)
			continue
		}
		for _, id := range d.Shown {
			k.settled[settled{con.Key.Row, id}] = true
		}
		for _, id := range d.Retired {
			k.odd[id], k.odd[d.Survivor] = true, true
			if d.Choice == se.ChoiceMerge {
				k.with[k.group(id)] = k.group(d.Survivor)
			}
		}
		if d.Choice != se.ChoiceKeep && d.Choice != se.ChoiceBoth {
			for _, words := range w.clerk.screens[e.Changeset.Hash()].words {
				for _, x := range words {
					k.screens[x] = true
				}
			}
			w.otherLine(c, con.Key.Cell, k)
		}
	}
}

// otherLine notes what a decision may have replaced that its screen cannot have shown: in an epoch with two lines of
// history, since the centre was put back in silence, a base on the one says too much about the other (ARCHITECTURE.md §5).
// cell is what was decided about, "" for the row.
func (w *rewound) otherLine(c se.Change, cell string, k *kept) {
	if !w.doubled[c.Base.Epoch] {
		return
	}
	for text, at := range k.at {
		e := w.ledger.writes[text]
		if e != nil && e.key.Row == c.Row && (cell == "" || e.cell == cell) && at.Epoch == c.Base.Epoch && at.Seq <= c.Base.Seq {
			k.other[text] = true
		}
	}
}

// group gives one row for all that were merged with each other.
func (k *kept) group(id se.RowID) se.RowID {
	for k.with[id] != "" && k.with[id] != id {
		id = k.with[id]
	}
	return id
}

// standings is where the words of a group of rows are now.
type standings struct {
	words  map[string]string // "stands" or "waits"
	own    map[string]bool   // it is there in the name of who wrote it
	live   bool              // every row of the group lives, or leads to one that does
	merged bool
}

// cells checks reviewed cells: of what was accepted each write stands, waits, was dismissed by a decision, or was replaced
// by one whose author had it before him; and what stands was not seen by another that survived. In a world without
// restores nothing that was seen waits.
func (w *rewound) cells(tx se.ReadTx, k *kept) {
	by, rows := map[string][]string{}, map[string][]se.RowID{}
	for _, key := range w.ledger.made {
		at := key.Table + " " + string(k.group(key.Row))
		rows[at] = append(rows[at], key.Row)
	}
	for text, e := range w.ledger.writes {
		if k.history[text] {
			at := e.key.Table + " " + string(k.group(e.key.Row))
			by[at] = append(by[at], text)
		}
	}
	for at, texts := range by {
		slices.Sort(texts)
		table, _, _ := strings.Cut(at, " ")
		s := standings{words: map[string]string{}, own: map[string]bool{}, live: true, merged: len(rows[at]) > 1}
		for _, id := range rows[at] {
			w.stand(tx, table, id, &s)
		}
		w.cell(at, texts, &s, k)
	}
}

// stand adds what is in one row.
func (w *rewound) stand(tx se.ReadTx, table string, id se.RowID, s *standings) {
	cell := w.reviewed(table)
	put := func(text, device, how string) {
		if s.words[text] != "stands" {
			s.words[text] = how
		}
		s.own[text] = s.own[text] || device != clerkID
	}
	row, _ := tx.Row(table, id)
	if row != nil {
		for _, x := range row.Cells[w.schema.Table(table).CellIndex(cell)].Survivors {
			how := "waits"
			if x.Stands() {
				how = "stands"
			}
			put(w.heard(table, id, x.Values[0]), x.Device, how)
		}
		return
	}
	last := id
	for dead, _ := tx.Dead(table, last); dead != nil && dead.Into != ""; dead, _ = tx.Dead(table, last) {
		last = dead.Into
	}
	if end, _ := tx.Row(table, last); end == nil {
		s.live = false
	}
	con, _ := tx.OpenConflict(se.ConflictKey{Kind: se.ConflictDelete, Table: table, Row: id})
	if con == nil {
		return
	}
	for _, x := range con.Candidates {
		if len(x.Cell.Values) > 0 && x.Cell.Cell == cell {
			put(w.heard(table, id, x.Cell.Values[0]), x.Device, "waits")
		}
	}
}

// excused tells whether somebody decided that a word is to go, with it before his eyes.
func (w *rewound) excused(text string, k *kept) bool {
	row := w.ledger.writes[text].key.Row
	for s := range k.settled {
		if k.group(s.row) == k.group(row) && slices.Contains(k.where[text], s.id) {
			return true
		}
	}
	if k.screens[text] || w.ledger.deleted[text] && k.deletes[w.ledger.writes[text].key] {
		return true
	}
	if k.other[text] {
		w.count("decided by a screen of another line of history")
	}
	return k.other[text]
}

func (w *rewound) cell(at string, texts []string, s *standings, k *kept) {
	for _, a := range texts {
		seen := ""
		for _, b := range texts {
			if w.ledger.writes[b].saw[a] {
				seen = b
				if s.words[a] == "stands" && s.words[b] != "" && !s.merged && !w.clerk.said[a] && !w.twice(a, k) && !w.twice(b, k) {
					w.wrong("P5: %s: %s stands, though %s was written by somebody who had it before him, and survives: %v%s", at, a, b, s.words, w.story(at))
				}
			}
		}
		how := s.words[a]
		switch {
		case how == "" && seen == "" && s.live && w.excused(a, k):
			w.count("settled by a decision")
		case how == "" && seen == "" && s.live:
			w.wrong("P6: %s: %s was accepted and is gone, though nobody saw it: %v%s", at, a, s.words, w.story(at))
		case how != "" && seen != "" && !w.ledger.restored && s.live && !s.merged && !w.clerk.said[a]:
			w.wrong("P6: %s: %s waits, though %s replaced it having seen it, and nothing was ever restored%s", at, a, seen, w.story(at))
		case how != "" && seen != "" && w.ledger.restored:
			w.count("causally replaced, and in the queue after a restore")
		}
	}
}

// sums checks that each change of a sum that took effect did so once.
func (w *rewound) sums(tx se.ReadTx, k *kept) {
	want := map[se.RowID]int64{}
	for text, a := range w.ledger.adds {
		if k.history[text] {
			want[a.family] += a.by
		}
		k.odd[a.family] = k.odd[a.family] || w.twice(text, k)
	}
	for id, sum := range want {
		row, _ := tx.Row("family", id)
		if row == nil || k.odd[id] {
			continue
		}
		w.count("sum checked")
		if got := row.Cells[w.schema.Table("family").CellIndex("calls")].Sum.Int64(); got != sum {
			w.wrong("P2: the sum of family %s is %d, what took effect adds up to %d%s", id, got, sum, w.story("family "+string(id)))
		}
	}
}

// twice is wrong wherever one write took effect under two names.
func (w *rewound) twice(text string, k *kept) bool {
	ids := k.where[text]
	if len(ids) > 1 {
		w.wrong("P2: %s took effect as %v", text, ids)
	}
	return len(ids) > 1
}

// references checks that no row refers to one that was merged into another.
func (w *rewound) references(tx se.ReadTx) {
	for _, id := range w.store.RowIDs("family") {
		row, _ := tx.Row("family", id)
		v := shown(w.schema.Table("family"), row, "place_id")
		if dead, _ := tx.Dead("place", se.RowID(v.Str())); dead != nil && dead.Into != "" {
			w.wrong("references: family %s is at %s, which was merged into %s", id, v.Str(), dead.Into)
		}
	}
}
