package simtest

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// MemCentre is a county in memory.
type MemCentre struct{ *memstore.Store }

var _ Centre = MemCentre{}

// NewMemCentre makes an empty county.
func NewMemCentre(s *schema.Schema) MemCentre { return MemCentre{memstore.New(s)} }

// SetHook implements Centre.
func (m MemCentre) SetHook(hook func() error) { m.FailCommit = hook }

// Crash implements Centre: the store's memory is exactly what was committed.
func (m MemCentre) Crash() {}
