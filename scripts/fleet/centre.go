package fleet

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

// Centre is a county in a file. Who may do what is not read from the file: the worlds say it.
type Centre struct {
	file
	schema *schema.Schema
	store  *store.Store
	strike func() error
	people map[string]*se.Principal
}

var _ simtest.Centre = (*Centre)(nil)

// NewCentre makes an empty county at base.
func NewCentre(base string, s *schema.Schema) *Centre {
	c := &Centre{file: file{base: base}, schema: s, people: map[string]*se.Principal{}}
	c.begin()
	c.open()
	return c
}

func (c *Centre) open() {
	st, err := store.Open(c.path(), c.schema, store.WithReaders(1))
	must(err)
	c.store = st
}

// Close gives the file back.
func (c *Centre) Close() error {
	files.Delete(c.path())
	return c.store.Close()
}

// Crash implements simtest.Centre.
func (c *Centre) Crash() {
	c.end()
	must(c.store.Close())
	c.next()
	c.open()
}

// SetHook implements simtest.Centre.
func (c *Centre) SetHook(hook func() error) { c.strike = hook }

// SetPrincipal implements simtest.Centre.
func (c *Centre) SetPrincipal(device string, p *se.Principal) { c.people[device] = p }

func (c *Centre) principal(device string) (*se.Principal, error) {
	p := c.people[device]
	if p == nil {
		return nil, nil
	}
	out := *p
	out.Grants = slices.Clone(p.Grants)
	return &out, nil
}

// Update implements syncengine.Store.
func (c *Centre) Update(fn func(se.Tx) error) error {
	return c.transaction(c.strike, func() error {
		return c.store.Update(func(t se.Tx) error { return fn(tx{t, c}) })
	})
}

// View implements syncengine.Store.
func (c *Centre) View(fn func(se.ReadTx) error) error {
	return c.store.View(func(t se.ReadTx) error { return fn(readTx{t, c}) })
}

type tx struct {
	se.Tx
	c *Centre
}

// Principal implements syncengine.ReadTx.
func (t tx) Principal(device string) (*se.Principal, error) { return t.c.principal(device) }

type readTx struct {
	se.ReadTx
	c *Centre
}

// Principal implements syncengine.ReadTx.
func (t readTx) Principal(device string) (*se.Principal, error) { return t.c.principal(device) }
