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
	for i, e := range log {
		if e.I != int64(i+1) || [32]byte(e.Prev) != prev || [32]byte(e.Hash) != auditHash(&e) {
			o.bad("audit", "line %d of the log does not follow the one before: %+v", i+1, e)
			return
		}
		prev = e.Hash
		var what struct{ N int64 }
		if err := json.Unmarshal([]byte(e.What), &what); err != nil {
			o.bad("audit", "line %d tells of %q, which is no JSON", i+1, e.What)
		}
		switch e.Kind {
		case se.AuditRejected, se.AuditParked, se.AuditDecision:
			got = append(got, audited{string(e.Kind), e.Device, what.N})
		}
	}
	if !slices.Equal(got, o.audits) {
		o.bad("audit", "the log has %d lines of refusals and decisions, %d happened; first difference: %s", len(got), len(o.audits), firstApart(got, o.audits))
	}
	if len(got) > 0 {
		o.w.count("audit log checked")
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
			k := replica.RowKey{Table: c.Table, Row: c.Row}
			if list := want[k]; c.Row != "" && (len(list) == 0 || list[len(list)-1] != e.Seq) {
				want[k] = append(list, e.Seq)
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
