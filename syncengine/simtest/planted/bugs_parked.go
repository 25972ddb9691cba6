package planted

// parkedBugs are about parked work that takes effect after all, and rows that belong together.
var parkedBugs = []Bug{
	{
		Name: "release applied twice", File: "syncengine/parked.go",
		Old: `	q.Closed, q.Ready, q.Outcome, q.Seq, q.By, q.Why = true, false, SettledReleased, g.seq, g.by, why`,
		New: `	q.Closed, q.Ready, q.Outcome, q.Seq, q.By, q.Why = false, false, SettledReleased, g.seq, g.by, why`,
	},
	{
		Name: "release undoes what its device wrote since", File: "syncengine/parked.go",
		Old: `			q.overtakenBy(c)
`,
		New: ``,
	},
	{
		Name: "dismissed and released", File: "syncengine/release.go",
		Old: `	if err := g.tx.PutQuarantined(q); err != nil {
		return fmt.Errorf("close quarantine: %w", err)
	}
	return g.tellSettled(q, MessageDismissed)`,
		New: `	return g.tellSettled(q, MessageDismissed)`,
	},
	{
		Name: "rows stay behind when their household moves", Case: "O18", File: "syncengine/follow.go",
		Old: `		if from != "" || p.back {`,
		New: `		if p.back {`,
	},
	{
		Name: "a decision's reason for everybody", File: "syncengine/rights.go",
		Old: `				if !reads {`,
		New: `				if !reads && false {`,
	},
	{
		Name: "a decision's reason for nobody", File: "syncengine/decide.go",
		Old: `Choice: d.Choice, Reason: d.Reason})`,
		New: `Choice: d.Choice})`,
	},
	{
		Name: "messages about decisions that never leave", File: "syncengine/rights.go", Seed: 9,
		Old: `			if ok {
				out = append(out, list[i])`,
		New: `			if ok && (list[i].Kind != MessageDecided || list[i].Number%2 == 0) {
				out = append(out, list[i])`,
	},
}
