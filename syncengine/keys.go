package syncengine

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
)

// WithKeys tells where the keys of sealed columns are; it is called before the engine is used. keys is asked each time
// and gives what it has in memory: keys are rotated while the centre runs. An engine without keys hands none out and
// judges sealed values by their form alone.
func (e *Engine) WithKeys(keys func() *seal.Ring) *Engine {
	e.keys = keys
	return e
}

// keysFor gives the keys of the columns that a view shows in full in some scope, every one that is needed to open what
// lies there. A column that is hidden or masked brings none: what a device holds no key for, it cannot be made to tell.
func (e *Engine) keysFor(v *views) []seal.Key {
	if e.keys == nil {
		return nil
	}
	var out []seal.Key
	for _, k := range e.keys().Keys() {
		if t := v.schema.Table(k.Table); t != nil && t.Column(k.Column) != nil && v.reads(t, k.Column) {
			out = append(out, k)
		}
	}
	return out
}

// reads tells whether the principal sees a column in full somewhere.
func (v *views) reads(t *schema.Table, column string) bool {
	for _, scope := range v.scopes {
		a := v.access(t, scope)
		if a == nil {
			continue
		}
		if m, shown := a.Shows(column); shown && m == schema.MaskNone {
			return true
		}
	}
	return false
}

// sealed tells whether a value of a sealed column names a key of the county: anything else nobody could ever open.
func (e *Engine) sealed(t *schema.Table, c *schema.Column, v schema.Value) bool {
	if e.keys == nil || c.Type != schema.TypeSealed || v.IsNull() {
		return true
	}
	key, ok := schema.SealedForm(v.Bytes())
	return ok && e.keys().Knows(t.Name, c.Name, key)
}
