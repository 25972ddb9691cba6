package api

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

func (a *API) ring() *seal.Ring {
	if a.Seals == nil {
		return nil
	}
	return a.Seals()
}

// sealed checks and seals what a person typed into a sealed column.
func (a *API) sealed(t *schema.Table, col *schema.Column, row syncengine.RowID, x any) (schema.Value, error) {
	text, ok := x.(string)
	if !ok {
		return schema.Null(), messages.Refuse(messages.SetValue, col.Name, messages.Say(messages.Key("type.text")))
	}
	if p := a.Schema.CheckPlain(t, col, text); p != nil {
		return schema.Null(), messages.Refuse(messages.BadField, col.Name, p)
	}
	b, err := a.ring().Seal(t.Name, col.Name, string(row), text)
	if err != nil {
		return schema.Null(), messages.Refuse(messages.SetValue, col.Name, messages.Say(messages.Key("type.sealed"))).Because(err)
	}
	return schema.Blob(b), nil
}

// hashes fills in the keyed hash of each sealed column that is given; whatever was given for it does not count.
func (a *API) hashes(t *schema.Table, def *schema.Cell, given map[string]any) error {
	for _, col := range def.Columns {
		if col.HashOf == "" {
			continue
		}
		text, ok := given[col.HashOf].(string)
		if !ok {
			given[col.Name] = nil
			continue
		}
		hash, err := a.ring().Match(t.Name, col.Name, text)
		if err != nil {
			return messages.Refuse(messages.SetValue, col.Name, messages.Say(messages.Key("type.sealed"))).Because(err)
		}
		given[col.Name] = hash
	}
	return nil
}
