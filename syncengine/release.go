package syncengine

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/doorstep-sync/doorstep/schema"
)

// decideQuarantined carries out a supervisor's word on a refused changeset: dismiss closes it with a reason; release lets
// a parked one take effect, as its author made it, on the supervisor's authority. Of retry, release and dismissal the
// first wins: the others find it closed.
func (g *ingest) decideQuarantined(i int, c *Change, d *Decision) error {
	q, err := g.tx.Quarantined(d.Quarantined.Device, d.Quarantined.N)
	if err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	switch {
	case !g.views.principal.Console || q == nil || !g.mayDecide(q.Scope):
		return reject(CodeBadDecision, c, "", "unknown") // the same for what is not there and what is not his
	case d.Conflict != "" || d.Choice != ChoiceRelease && d.Choice != ChoiceDismiss:
		return reject(CodeBadDecision, c, "", "choice")
	case q.Closed:
		return reject(CodeBadDecision, c, "", "closed")
	}
	g.fate(i, schema.CellRow, FateStands)
	if d.Choice == ChoiceDismiss {
		return g.dismissQuarantined(c, q, d)
	}
	if q.Verdict.Kind != Parked {
		return reject(CodeBadDecision, c, "", "rejected")
	}
	return g.release(c, q, d)
}

func (g *ingest) dismissQuarantined(c *Change, q *Quarantined, d *Decision) error {
	if d.Reason == "" {
		return reject(CodeBadDecision, c, "", "reason")
	}
	q.Closed, q.Ready, q.Outcome, q.Seq, q.By, q.Why = true, false, SettledDismissed, g.seq, g.cs.Author, d.Reason
	if err := g.tx.PutQuarantined(q); err != nil {
		return fmt.Errorf("close quarantine: %w", err)
	}
	return g.tellSettled(q, MessageDismissed)
}

// release applies a parked changeset after this decision, in the same transaction and with a seq of its own.
func (g *ingest) release(c *Change, q *Quarantined, d *Decision) error {
	head := Head{Epoch: g.epoch}
	x, err := g.engine.retrial(g.tx, q, head, g.seq+1+int64(len(g.released)), g.supervising())
	if err != nil {
		return err
	}
	x.supervised, x.by = true, g.cs.Author
	err = x.run()
	var refused *refusal
	if errors.As(err, &refused) {
		return g.unreleased(c, q, &refused.reason)
	}
	if err == nil {
		err = x.settle(d.Reason)
	}
	g.released = append(g.released, x)
	return err
}

// unreleased says why a changeset cannot be released: what it waits for is in an earlier one of its device, which has to
// go first, or it does not fit what is there.
func (g *ingest) unreleased(c *Change, q *Quarantined, why *Reason) error {
	rule := "refused " + string(why.Code)
	if id := awaits(why); id != "" {
		table := why.Table
		if t := g.engine.schema.Table(table); t != nil && t.Column(why.Column) != nil && t.Column(why.Column).Ref != "" {
			table = t.Column(why.Column).Ref
		}
		by, err := g.tx.AwaitedRow(table, id)
		if err != nil {
			return err
		}
		if by != nil && by.Device == q.Device && by.N < q.N {
			rule = "first " + strconv.FormatInt(by.N, 10)
		}
	}
	r := &refusal{Rejected, Reason{Code: CodeBadDecision, Table: why.Table, Row: why.Row, Column: why.Column, Rule: rule}}
	return r
}

// supervising gives views in which everything may be read and written, in the scopes in which the person decides.
func (g *ingest) supervising() *views {
	v := &views{schema: g.views.schema, principal: g.views.principal, byScope: map[string]*scopeView{}}
	for _, scope := range g.views.scopes {
		if g.mayDecide(scope) {
			sv := *g.views.byScope[scope]
			sv.full, sv.acc = true, map[string]*schema.Access{}
			v.byScope[scope], v.scopes = &sv, append(v.scopes, scope)
		}
	}
	return v
}

// recordAll writes the history of a changeset and of those that it released.
func (g *ingest) recordAll(head *Head) error {
	if err := g.record(head); err != nil {
		return err
	}
	for _, x := range g.released {
		if err := x.record(head); err != nil {
			return err
		}
	}
	return nil
}
