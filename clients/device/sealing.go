package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// keyRing gives the keys that this device holds. They are read each time: another program of the device may have been told
// to forget them.
func (r *Replica) keyRing() (*seal.Ring, error) {
	text, err := r.opts.Keys.Load()
	if err != nil {
		return nil, say(CodeSealKey, err)
	}
	if text == nil {
		return nil, nil
	}
	var keys []seal.Key
	if err := json.Unmarshal(text, &keys); err != nil {
		return nil, say(CodeSealKey, errors.New("the keys of sealed columns cannot be read")) // never the text
	}
	return seal.NewRing(keys), nil
}

// keepKeys takes over the keys that a Welcome gives. Those that it does not give any more are gone: the person may no
// longer see their columns.
func (r *Replica) keepKeys(keys []seal.Key) error {
	if len(keys) == 0 {
		return r.ForgetKeys()
	}
	have, err := r.keyRing()
	switch {
	case errors.Is(err, ErrPIN): // what lies there is opened by its PIN alone; whoever knows it takes over these keys
		r.opts.Log.Info().Msg("the keys of sealed columns are under a PIN that was not given: they stay as they are")
		return nil
	case err == nil && slices.Equal(have.Keys(), keys):
		return nil
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	if err := r.opts.Keys.Store(text); err != nil {
		return say(CodeSealKey, err)
	}
	return nil
}

// ForgetKeys destroys the keys of sealed columns on this device: when its person loses his grants, at a wipe, and when
// its lease is over. What is sealed stays sealed; the centre gives the keys again with the next Welcome to whom they are
// due.
func (r *Replica) ForgetKeys() error {
	if err := r.opts.Keys.Forget(); err != nil {
		return say(CodeSealKey, err)
	}
	return nil
}

// sealRow replaces what was typed into sealed columns by its ciphertext, and fills in the keyed hash beside it.
// Ciphertext that comes ready is left as it is.
func (r *Replica) sealRow(t *schema.Table, id string, row map[string]schema.Value) error {
	var ring *seal.Ring
	for name, v := range row {
		c := t.Column(name)
		if c.Type != schema.TypeSealed || v.Kind() == schema.KindBlob {
			continue
		}
		hash := t.HashesOf(name)
		if v.IsNull() {
			if hash != nil {
				row[hash.Name] = schema.Null()
			}
			continue
		}
		if ring == nil {
			var err error
			if ring, err = r.keyRing(); err != nil {
				return err
			}
		}
		sealed, err := ring.Seal(t.Name, name, id, v.Str())
		if err != nil {
			return noKey(t, c, err)
		}
		row[name] = schema.Blob(sealed)
		if hash == nil {
			continue
		}
		text, err := ring.Match(t.Name, hash.Name, v.Str())
		if err != nil {
			return noKey(t, c, err)
		}
		row[hash.Name] = schema.Text(text)
	}
	return nil
}

func noKey(t *schema.Table, c *schema.Column, err error) error {
	return errors.Join(sayLabel(CodeNoSealKey, t, c.Label), err)
}

// sealedColumns tells whether a record type has any.
func sealedColumns(t *schema.Table) bool {
	return slices.ContainsFunc(t.Columns, func(c *schema.Column) bool { return c.Type == schema.TypeSealed })
}

// openRows replaces ciphertext by what was sealed, as far as this device holds the keys; the rest stays as it is.
func (r *Replica) openRows(t *schema.Table, rows []Row) error {
	if !sealedColumns(t) || len(rows) == 0 {
		return nil
	}
	ring, err := r.keyRing()
	if err != nil || ring == nil {
		r.opts.Log.Debug().Err(err).Msg("sealed columns stay sealed")
		return nil
	}
	for _, c := range t.Columns {
		if c.Type != schema.TypeSealed {
			continue
		}
		for i := range rows {
			v := rows[i].Values[c.Name]
			if v.Kind() != schema.KindBlob {
				continue
			}
			if text, err := ring.Open(t.Name, c.Name, string(rows[i].ID), v.Bytes()); err == nil {
				rows[i].Values[c.Name] = schema.Text(text)
			}
		}
	}
	return nil
}

// Open gives what a sealed value of a row says, such as one in a conflict or a refused changeset. ok is false where this
// device does not hold its key, or is locked.
func (r *Replica) Open(table string, column string, id se.RowID, v schema.Value) (text string, ok bool) {
	if r.unlocked(context.Background()) != nil {
		return "", false
	}
	ring, err := r.keyRing()
	if err != nil || v.Kind() != schema.KindBlob {
		return "", false
	}
	text, err = ring.Open(table, column, string(id), v.Bytes())
	return text, err == nil
}

// matching replaces a search for a sealed text by one for its keyed hash: ciphertext is different in every row.
func (r *Replica) matching(t *schema.Table, c *schema.Column, v schema.Value) (*schema.Column, schema.Value, error) {
	if c.Type != schema.TypeSealed || v.Kind() != schema.KindText {
		return c, v, nil
	}
	hash := t.HashesOf(c.Name)
	ring, err := r.keyRing()
	if err != nil {
		return c, v, err
	}
	if hash == nil {
		return c, v, noKey(t, c, fmt.Errorf("%s has no keyed hash to search by", c.Name))
	}
	text, err := ring.Match(t.Name, hash.Name, v.Str())
	if err != nil {
		return c, v, noKey(t, c, err)
	}
	return hash, schema.Text(text), nil
}
