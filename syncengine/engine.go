// Package syncengine is what synchronising means: no sockets, no SQL, no wall clock, no logging.
//
// Start with Engine: Ingest takes changesets in, Next gives deltas out. Merge is the one decision, what an incoming
// write does to a cell. A Store keeps one county; memstore and server/store implement it.
package syncengine

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
)

// Engine holds the rules for one declared schema. It has no state of its own and may be used by any number of
// goroutines; order comes from the Store's one writing transaction.
type Engine struct {
	schema *schema.Schema
	limits Limits
	quotas Quotas
	proofs *Proofs           // nil = cursors carry no proofs
	keys   func() *seal.Ring // of sealed columns; nil = none
}

// New makes an Engine with DefaultQuotas. The schema is shared and must not change afterwards.
func New(s *schema.Schema, limits Limits) *Engine {
	return &Engine{schema: s, limits: limits, quotas: DefaultQuotas}
}

// Schema gives the declarations the engine works with.
func (e *Engine) Schema() *schema.Schema { return e.schema }

// Limits gives what the engine takes.
func (e *Engine) Limits() Limits { return e.limits }
