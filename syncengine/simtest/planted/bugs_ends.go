package planted

// endBugs are about grants that end.
var endBugs = []Bug{
	{
		Name: "purge before drain", Case: "O20", File: "syncengine/replica/purge.go",
		Old: `	if ctl.Acked < l.N {
		return false, nil
	}`,
		New: `	if ctl.Acked > l.N {
		return true, nil
	}`,
	},
	{
		Name: "receipt without purge", File: "syncengine/replica/purge.go",
		Old: `	if err := tx.Purge(keep); err != nil {
		return false, fmt.Errorf("purge what ended: %w", err)
	}`,
		New: `	if keep == nil {
		return false, fmt.Errorf("purge what ended")
	}`,
	},
	{
		Name: "accept n above told", Case: "O17", File: "syncengine/told.go", Seed: 150,
		Old: `		add(l.Grant, l.Grant.To, n > l.N)`,
		New: `		add(l.Grant, l.Grant.To, n > l.N+1000)`,
	},
	{
		Name: "lifetime ignored", File: "syncengine/told.go",
		Old: `knew || now-end > e.schema.LateLife(g.Role) {`,
		New: `knew || now-end > 1000*e.schema.LateLife(g.Role) {`,
	},
	{
		Name: "a device that never wrote gives no receipt", File: "syncengine/session/device.go",
		Old: `	if p != nil && (d.receipt == nil || *p != *d.receipt) {`,
		New: `	if p != nil && *p != (se.Purged{}) && (d.receipt == nil || *p != *d.receipt) {`,
	},
	{
		Name: "a role that ended still shows its columns", Case: "O17", File: "syncengine/view.go",
		Old: `		if g.Active(now) {
			out = append(out, g)`,
		New: `		if g.Active(now) || g.Role == "worker" && g.To != 0 {
			out = append(out, g)`,
	},
	{
		Name: "a part that waited is read by the rights of when it was asked for", File: "syncengine/simtest/snapshots.go",
		Old: `req.Snapshots, req.Now = s.kept, s.w.now`,
		New: `req.Snapshots = s.kept`,
	},
}
