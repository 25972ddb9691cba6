package simtest

import (
	"errors"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// form is a row on somebody's screen: what he saw of it, and when.
type form struct {
	key replica.RowKey
	replica.Form
	saw  []sight
	pins []int64
	row  replica.Image
}

// job is one local transaction as the generator means it.
type job struct {
	Transaction
	form  *form
	want  se.Code // the refusal it asks for
	steps bool    // it holds guarded steps
}

func (j *job) add(verb Verb, table string, id se.RowID, set ...Assign) {
	j.Statements = append(j.Statements, Statement{Verb: verb, Table: table, Row: id, Set: set})
}

func (j *job) keys() []replica.RowKey {
	var out []replica.RowKey
	for _, st := range j.Statements {
		if k := (replica.RowKey{Table: st.Table, Row: st.Row}); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// write carries a job out on the device, under the oracle's eyes.
func (n *node) write(j *job) {
	if len(j.Statements) == 0 || n.touches(j) || n.barred(j) {
		return
	}
	o := n.w.oracle
	d := o.devices[n.id]
	if j.want != "" && (len(d.order) > 0 || j.Foreign) {
		return // a refusal would take what is not sealed yet with it
	}
	if s, ok := n.dev.(Sealer); ok && !j.Foreign && len(d.order) > 0 {
		if dead, err := n.run(func() error { return s.Seal(n.clock.read(n.w.now)) }); dead || err != nil {
			if err != nil {
				n.failed(err)
			}
			return
		}
	}
	had, keys := len(d.order), j.keys()
	for _, k := range keys {
		if j.want != "" {
			n.w.spoiled[k] = true
		}
	}
	attempts, steps, replacing := len(d.attempts), d.steps, d.replacing
	if j.form != nil {
		j.Form = &j.form.Form
	}
	dead, err := n.run(func() error {
		_ = n.dev.View(func(tx replica.Tx) error { o.writing(d, tx, keys, j.form); return nil })
		if j.want != "" {
			d.attempts = append(d.attempts, j.want)
		}
		d.steps = d.steps || j.steps
		if j.Replaces != 0 {
			d.replacing = j.Replaces
		}
		n.committed = false
		defer func() { // also when the process ends here
			if n.committed {
				_ = n.dev.View(func(tx replica.Tx) error { o.wrote(d, tx, keys); return nil })
				return
			}
			o.undone(d, had)
			d.attempts, d.steps = d.attempts[:attempts], steps
			d.replacing = replacing
		}()
		err := n.dev.Exec(j.Transaction, n.clock.read(n.w.now))
		if !j.Foreign {
			n.used(errors.Is(err, ErrLocked))
		}
		return err
	})
	if errors.Is(err, ErrNoRight) {
		n.w.count("what a role may not write was refused before it was saved")
		if j.want != se.CodeNoRight {
			o.bad("device", "%s refuses its person %+v, which is in order", n.id, j.Statements)
		}
		return
	}
	if errors.Is(err, ErrLocked) || errors.Is(err, ErrNotRefused) && j.Replaces != 0 {
		return
	}
	if err != nil {
		n.failed(err)
	}
	if err == nil && !dead && !j.Foreign {
		n.push()
	}
}

// fresh gives a new value for a column.
func (w *World) fresh(c *schema.Column) schema.Value {
	switch c.Type {
	case schema.TypeInt:
		w.words++
		return schema.Int(w.between(1, 50)*100_000 + w.words)
	case schema.TypeReal:
		w.words++
		return schema.Real(float64(w.words) / 64)
	case schema.TypeBool:
		return schema.Bool(w.chance(2))
	}
	switch {
	case c.Name == "phone":
		w.words++
		return schema.Text("13" + string(rune('0'+w.words%10)) + "-" + w.word())
	case c.Name == "address" && w.chance(3):
		return schema.Text("street " + string(rune('a'+w.rng.IntN(4))))
	case w.chance(8):
		return schema.Text("same " + string(rune('a'+w.rng.IntN(2))))
	}
	return schema.Text(w.word())
}
