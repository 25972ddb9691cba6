package planted

// knownBugs re-create bugs of other systems (docs/reliability.md) that none of the others stands for.
var knownBugs = []Bug{
	{
		Name: "what its own device made again stays dead", Case: "O4", File: "syncengine/ingest.go",
		Old: `d.By.Device == g.cs.Device && d.By.N < g.cs.N }`,
		New: `d.By.Device == g.cs.Device && d.By.N > g.cs.N }`,
	},
	{
		Name: "edits that came before the row lives again are gone, those that come after are not", Case: "O5", File: "syncengine/revive.go",
		Old: `		if err := g.meet(t, row, dead, &con.Candidates[i]); err != nil {`,
		New: `		if err := g.meet(t, row, dead, &con.Candidates[i]); err != nil && i < 0 {`,
		Also: []Edit{{"syncengine/revive.go", `	row.Cells[k], _ = past.Merge(row.Cells[k], in, t.Cells[k])
`, `	_ = past
`}},
	},
	{
		Name: "two changesets of one transaction get one seq", Case: "O6", File: "syncengine/ingest.go",
		Old: `	head.Seq, head.History = g.seq, entry.Hash`,
		New: `	head.Seq, head.History = max(head.Seq, g.seq-g.seq%2), entry.Hash`,
	},
	{
		Name: "a refusal without its reason", Case: "O19", File: "syncengine/replica/verdicts.go",
		Old: `		if err := tx.File(v); err != nil {`,
		New: `		v.Reason = nil
		if err := tx.File(v); err != nil {`,
	},
	{
		Name: "whoever inserts a dead id undoes its deletion", Case: "O23", File: "syncengine/ingest.go",
		Old: `row == nil && (dead == nil || g.own(dead)):`,
		New: `row == nil && (dead == nil || g.own(dead) || dead != nil):`,
	},
	{
		Name: "a deletion hides the edits that it had not seen", Case: "O25", File: "syncengine/death.go",
		Old: `	if len(late) == 0 {`,
		New: `	if len(late) >= 0 {`,
	},
	{
		Name: "a wrong clock is refused", Case: "O27", File: "syncengine/ingest.go",
		Old: `	if err := g.admit(); err != nil {
		return err
	}
	if g.cs.Salvage`,
		New: `	if err := g.admit(); err != nil {
		return err
	}
	if g.suspect && !g.cs.Foreign {
		return reject(CodeBadRow, &Change{}, "", "clock")
	}
	if g.cs.Salvage`,
	},
	{
		Name: "a clock at 2099 wins for ever", Case: "O28", File: "syncengine/ingest.go",
		Old: `	return max(min(at, now), last), suspect`,
		New: `	return max(at, last), suspect`,
	},
	{
		Name: "one changeset that cannot be stored holds up its group", Case: "O38", File: "syncengine/commit.go",
		Old: `	if half := len(group) / 2; half > 0 {`,
		New: `	if half := len(group) / 2; half >= 0 {
		return failed(group, err)
	} else if half > 0 {`,
	},
	{
		Name: "the next process sends nothing of what the one before had queued", Case: "O9 O21", Package: "clients/device", Test: "TestCaseO09O21TheNextProcessSends",
		File: "clients/device/ends.go",
		Old:  `ctx: l.ctx}).Outbox(after, limit)`,
		New:  `ctx: l.ctx}).Outbox(max(after, 1), limit)`,
	},
	{
		Name: "a connection that is left inside a transaction is used", Case: "O39", Package: "server/store", Test: "TestLeftoverTransaction",
		File: "server/store/conn.go",
		Old:  `func (c *conn) open() bool { return !c.c.AutoCommit() }`,
		New:  `func (c *conn) open() bool { return !c.c.AutoCommit() && false }`,
	},
}
