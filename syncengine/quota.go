package syncengine

import "fmt"

// Quotas bound what one device or one scope may take up at the centre, so that a broken or hostile device fills
// neither the quarantine nor a grid for everybody else (P14). A zero field is no bound.
type Quotas struct {
	// Refused is how many rejected and parked changesets of one device may wait in quarantine at once, RefusedBytes
	// their canonical bytes. A device beyond it gets ErrQuota for the next one that would be refused: nothing of it is
	// stored, it stays in the device's outbox, and goes on when somebody has dealt with what waits. What it retried itself
	// counts for refusedFor still: it is kept whole too.
	Refused      int
	RefusedBytes int64
	// ScopeRows is how many live rows a scope may hold. An insert or a move beyond it is rejected with CodeQuota.
	ScopeRows int64
	// Candidates is how many candidates of one device may wait in one conflict.
	Candidates int
}

// DefaultQuotas are far beyond what people do: a grid of 500 households comes to some 20,000 rows in a year.
var DefaultQuotas = Quotas{Refused: 2000, RefusedBytes: 64 << 20, ScopeRows: 1_000_000, Candidates: 500}

// WithQuotas gives an Engine that keeps them. Call it before the engine is shared.
func (e *Engine) WithQuotas(q Quotas) *Engine {
	with := *e
	with.quotas = q
	return &with
}

// refusedFor is how long a refused changeset that its device retried counts, in ms: one could otherwise fill the quarantine
// without end, each refusal followed by a small changeset in its place.
const refusedFor = 30 * 24 * 3600 * 1000

// Usage is what a device's quarantine holds.
type Usage struct {
	Changesets int
	Bytes      int64 // about
}

// mayRefuse tells whether one more refused changeset of the device finds room in quarantine.
func (e *Engine) mayRefuse(tx ReadTx, cs *Changeset, now int64) error {
	q := e.quotas
	if q.Refused == 0 && q.RefusedBytes == 0 {
		return nil
	}
	u, err := tx.Refused(cs.Device, now-refusedFor)
	if err != nil {
		return fmt.Errorf("read what waits in quarantine: %w", err)
	}
	if q.Refused > 0 && u.Changesets >= q.Refused || q.RefusedBytes > 0 && u.Bytes >= q.RefusedBytes {
		return ErrQuota
	}
	return nil
}

// room refuses one more row in a scope that is full.
func (g *ingest) room(c *Change, scope string) error {
	q := g.engine.quotas.ScopeRows
	if q == 0 {
		return nil
	}
	n, err := g.tx.ScopeRows(scope)
	if err != nil {
		return fmt.Errorf("count rows of a scope: %w", err)
	}
	if n >= q {
		return reject(CodeQuota, c, "", "scope_rows")
	}
	return nil
}

// crowded refuses a write that would be one candidate too many of its device in one conflict.
func (g *ingest) crowded(c *Change, list []Candidate) error {
	q, n := g.engine.quotas.Candidates, 0
	for i := range list {
		if list[i].Device == g.cs.Device {
			n++
		}
	}
	if q > 0 && n > q {
		return reject(CodeQuota, c, "", "candidates")
	}
	return nil
}
