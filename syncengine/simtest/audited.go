package simtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// audited is a line that the audit log must have: of a refusal or a decision.
type audited struct {
	kind   string
	device string
	n      int64
}

// audit notes what a transaction must have left in the audit log, from what it judged and accepted.
func (o *oracle) audit(r *record) {
	for _, j := range r.verdicts {
		switch j.verdict.Kind {
		case se.Rejected:
			o.audits = append(o.audits, audited{"verdict.rejected", j.device, j.verdict.N})
			continue
		case se.Parked:
			o.audits = append(o.audits, audited{"verdict.parked", j.device, j.verdict.N})
			continue
		}
		for i := range r.history {
			cs := r.history[i].Changeset
			if cs.Device != j.device || cs.N != j.verdict.N {
				continue
			}
			for _, c := range cs.Changes {
				if c.Decide != nil {
					o.audits = append(o.audits, audited{"decision", j.device, cs.N})
				}
			}
		}
	}
}

// auditLog checks at the end that the log has each line that it must have, once and in order, and is one chain; the
// hash is computed here anew, from the contract.
func (o *oracle) auditLog(tx se.ReadTx) {
	log, err := tx.Audit(0, 1<<30)
	if err != nil {
		o.bad("audit", "the log cannot be read: %v", err)
		return
	}
	var prev [32]byte
	var got []audited
	var epochs []string
	receipts := map[receipt]bool{}
	for i, e := range log {
		if e.I != int64(i+1) || [32]byte(e.Prev) != prev || [32]byte(e.Hash) != auditHash(&e) {
			o.bad("audit", "line %d of the log does not follow the one before: %+v", i+1, e)
			return
		}
		prev = e.Hash
		var what struct{ N, Epoch int64 }
		if err := json.Unmarshal([]byte(e.What), &what); err != nil {
			o.bad("audit", "line %d tells of %q, which is no JSON", i+1, e.What)
		}
		switch e.Kind {
		case se.AuditRejected, se.AuditParked, se.AuditDecision:
			got = append(got, audited{string(e.Kind), e.Device, what.N})
		case se.AuditEpoch, se.AuditConfirmed:
			epochs = append(epochs, fmt.Sprintf("%s %d", e.Kind, what.Epoch))
		case se.AuditPurged:
			receipts[receipt{e.Device, e.At}] = true
		}
	}
	if _, wrong := auditEpochs(tx, epochs); wrong != "" {
		o.bad("audit", "%s", wrong)
	}
	o.auditReceipts(tx, receipts)
	if !slices.Equal(got, o.audits) {
		o.bad("audit", "the log has %d lines of refusals and decisions, %d happened; first difference: %s", len(got), len(o.audits), firstApart(got, o.audits))
	}
	if len(got) > 0 {
		o.w.count("audit log checked")
	}
}

// auditEpochs tells what is wrong with the log's lines of epochs: each restore that the centre knows began its epoch
// there, and was confirmed there, once; "" if that is so.
func auditEpochs(tx se.ReadTx, got []string) (restores int, wrong string) {
	list, err := tx.Restores()
	if err != nil {
		return 0, fmt.Sprintf("restores cannot be read: %v", err)
	}
	var want []string
	for _, r := range list {
		want = append(want, fmt.Sprintf("epoch.began %d", r.Epoch))
		if r.Confirmed != 0 {
			want = append(want, fmt.Sprintf("epoch.confirmed %d", r.Epoch))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return len(list), fmt.Sprintf("the log tells of epochs %v, the centre knows %v", got, want)
	}
	return len(list), ""
}

// auditEpochs checks a centre that was put back.
func (w *rewound) auditEpochs() {
	err := w.store.View(func(tx se.ReadTx) error {
		log, err := tx.Audit(0, 1<<30)
		var got []string
		for _, e := range log {
			var what struct{ Epoch int64 }
			if err := json.Unmarshal([]byte(e.What), &what); err != nil {
				return err
			}
			if e.Kind == se.AuditEpoch || e.Kind == se.AuditConfirmed {
				got = append(got, fmt.Sprintf("%s %d", e.Kind, what.Epoch))
			}
		}
		n, wrong := auditEpochs(tx, got)
		if wrong != "" {
			w.wrong("audit: %s", wrong)
		}
		if n > 0 {
			w.count("audit log tells of a restore")
		}
		return err
	})
	if err != nil {
		w.wrong("audit: %v", err)
	}
}

// receipt is one that the log tells of: whose, and when it came.
type receipt struct {
	device string
	at     int64
}

// auditReceipts checks that each receipt that the centre knows is in the log.
func (o *oracle) auditReceipts(tx se.ReadTx, got map[receipt]bool) {
	for _, d := range o.w.nodes {
		told, err := tx.Told(d.id)
		if err != nil {
			o.bad("audit", "what %s was told cannot be read: %v", d.id, err)
		}
		if told == nil {
			continue
		}
		times := []int64{told.Retired}
		for _, l := range told.Lost {
			times = append(times, l.Purged)
		}
		for _, at := range times {
			if at == 0 {
				continue
			}
			o.w.count("audit log tells of a purge")
			if !got[receipt{d.id, at}] {
				o.bad("audit", "%s gave a receipt at %d, and the log does not tell of it", d.id, at)
			}
		}
	}
}

func firstApart(got, want []audited) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("line %d, got %v, want %v", i, got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))])
		}
	}
	return "none"
}

func auditHash(e *se.AuditEvent) [32]byte {
	var b []byte
	str := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	num := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	str("doorstep.audit.v1")
	b = append(b, e.Prev[:]...)
	num(e.I)
	num(e.At)
	for _, s := range []string{string(e.Kind), e.Who, e.Device, e.What} {
		str(s)
	}
	return sha256.Sum256(b)
}

// rowHistories checks at the end that each row's history is what a search through all of history finds.
func (o *oracle) rowHistories(tx se.ReadTx) {
	log, err := tx.History(0, 1<<30)
	if err != nil {
		o.bad("history", "it cannot be read: %v", err)
		return
	}
	want := map[replica.RowKey][]int64{}
	for _, e := range slices.Backward(log) {
		for _, c := range e.Changeset.Changes {
			ids := []se.RowID{c.Row}
			if c.Decide != nil { // rows that it merged or split
				ids = append(append(ids, c.Decide.Survivor), c.Decide.Retired...)
			}
			for _, id := range ids {
				k := replica.RowKey{Table: c.Table, Row: id}
				if list := want[k]; id != "" && (len(list) == 0 || list[len(list)-1] != e.Seq) {
					want[k] = append(list, e.Seq)
				}
			}
		}
	}
	for _, k := range o.model.order {
		var got []int64
		for before := int64(0); ; {
			page, err := tx.RowHistory(k.Table, k.Row, before, 3)
			if err != nil {
				o.bad("history", "of %s %s: %v", k.Table, k.Row, err)
			}
			for _, e := range page {
				got = append(got, e.Seq)
			}
			if len(page) < 3 {
				break
			}
			before = page[2].Seq
		}
		if !slices.Equal(got, want[k]) {
			o.bad("history", "%s %s has entries at %v, its history says %v", k.Table, k.Row, want[k], got)
		}
	}
}
