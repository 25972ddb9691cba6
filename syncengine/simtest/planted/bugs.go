package planted

import "slices"

// Bugs are all that the simulation must find.
var Bugs = slices.Concat(firstBugs, snapshotBugs, parkedBugs, endBugs, mergedBugs, rewoundBugs, versionBugs, knownBugs, moreBugs)

// firstBugs are about the centre's order, the merge and a device's own steps.
var firstBugs = []Bug{
	{
		Name: "no dedupe", Case: "O31", File: "syncengine/ingest.go",
		Old: `	case cs.N <= dev.LastN:
		return known(tx, cs, hash)
	case cs.N > dev.LastN+1:
		return Verdict{}, ErrGap
	case cs.Prev != dev.Hash:`,
		New: `	case cs.N > dev.LastN+1:
		return Verdict{}, ErrGap
	case cs.N > dev.LastN && cs.Prev != dev.Hash:`,
	},
	{
		Name: "cursor saved before rows", Case: "O1", File: "syncengine/simtest/adapter.go",
		Old: `	err = e.dev.Update(func(tx replica.Tx) (err error) { applied, err = replica.Stage(tx, e.schema, e.clock(), d); return err })
`,
		New: `	var was replica.Control
	move := func(tx replica.Tx, at se.Base, view string) error {
		c, err := tx.Control()
		was = c
		c.Epoch, c.Cursor, c.View = at.Epoch, at.Seq, view
		if err != nil {
			return err
		}
		return tx.PutControl(c)
	}
	if d.Done {
		if err := e.dev.Update(func(tx replica.Tx) error { return move(tx, d.To, d.View) }); err != nil {
			return false, err
		}
	}
	then := was
	err = e.dev.Update(func(tx replica.Tx) (err error) {
		if d.Done {
			if err := move(tx, then.Base(), then.View); err != nil {
				return err
			}
		}
		applied, err = replica.Stage(tx, e.schema, e.clock(), d)
		return err
	})
`,
	},
	{
		Name: "base ignored", Case: "O29", File: "syncengine/merge.go",
		Old: `	return !part && s.From > 0 && in.Base.Epoch > 0 && s.From <= seq && (s.To == 0 || s.To > seq)`,
		New: `	return part && s.From > seq && false`,
	},
	{
		Name: "HLC not raised on receive", Case: "O30", File: "syncengine/hlc/hlc.go",
		Old: `	if t > c.Last {`,
		New: `	if false && t > c.Last {`,
	},
	{
		Name: "dead id forgotten", Case: "O24", File: "syncengine/memstore/write.go",
		Old: `	put(t, tb.dead, d.ID, dead)
`,
		New: ``,
	},
	{
		Name: "loser dropped", Case: "O26", File: "syncengine/merge.go",
		Old: `	out.Survivors = append(out.Survivors, in)
	if def.Policy`,
		New: `	if fate != FateCandidate {
		out.Survivors = append(out.Survivors, in)
	}
	if def.Policy`,
	},
	{
		Name: "verdict before durable", Case: "O36", File: "syncengine/commit.go",
		Old: `	if err != nil {
		return nil, err
	}
	return results, nil`,
		New: `	if err != nil && len(results) < len(group) {
		return nil, err
	}
	return results, nil`,
	},
	{
		Name: "overlay ended at the verdict", Case: "O8 O10", File: "syncengine/replica/verdicts.go",
		Old: `		if !v.Kind.Effective() {
			if err := undo(`,
		New: `		{
			if err := undo(`,
	},
	{
		Name: "pending edit takes a new base", Case: "O7", File: "syncengine/replica/form.go", Seed: 12,
		Old: `w.Cell == cell.Name && !w.Operation() {`,
		New: `false && w.Cell == cell.Name {`,
	},
	{
		Name: "first page of a delta applied alone", File: "syncengine/replica/apply.go",
		Old: `	if !d.Done {
		return false, nil
	}
`,
		New: `	if !d.Done {
		a := applier{tx: tx, schema: s, rows: map[RowKey]*target{}}
		for i := range d.Items {
			if err := a.item(&StagedItem{Scope: d.Scope, DeltaItem: d.Items[i]}); err != nil {
				return false, err
			}
		}
		return false, a.write()
	}
`,
	},
	{
		Name: "rejected changeset half kept", File: "syncengine/ingest.go",
		Old: `	err = tx.Savepoint(g.run)`,
		New: `	err = g.run()`,
	},
	{
		Name: "digest over the overlay", File: "syncengine/replica/check.go",
		Old: `		if image != nil && scopeOf(t, image) == scope {
			add(id, image)
		}
	}`,
		New: `		_ = image
		delete(under, id)
	}`,
	},
	{
		Name: "repair drops what is pending", Case: "O34", File: "syncengine/replica/check.go",
		Old: `	if err := show(r.tx, t, id, want); err != nil {
		return err
	}
	r.n++`,
		New: `	if err := r.tx.DropPending(t, id, 1, 1<<62); err != nil {
		return err
	}
	if err := show(r.tx, t, id, want); err != nil {
		return err
	}
	r.n++`,
	},
	{
		Name: "check answered while something is newer", File: "syncengine/check.go",
		Old: `		if len(part.Frames[i].Items) > 0 {
			return nil, false, nil
		}`,
		New: `		if len(part.Frames[i].Items) > 0 {
			v, err := e.views(tx, req.Device, req.Now)
			return v, true, err
		}`,
	},
	{
		Name: "new view sent before the device was told", File: "syncengine/session/centre.go",
		Old:  ` || c.sent > c.seen || c.untold {`,
		New:  ` || c.sent > c.seen {`,
		Also: []Edit{{"syncengine/next.go", `told != nil && told.View != v.id {`, `told != nil && told.View == "?" {`}}, // either alone holds it back
	},
}
