package planted

// mergedBugs are about rows that were merged into one.
var mergedBugs = []Bug{
	{
		Name: "a merge drops what waited on the retired row", File: "syncengine/duplicate.go",
		Old: `	for _, m := range waiting {
		into.Cells[k] = g.past.join(into.Cells[k], m, def)
	}
`,
		New: ``,
	},
	{
		Name: "a merge leaves references to the retired row", File: "syncengine/duplicate.go",
		Old: `	return g.repointAll(t, r.ID, into)`,
		New: `	return nil`,
	},
	{
		Name: "a late write to a retired row claims to have seen the survivor", File: "syncengine/redirect.go",
		Old: `		w.Base = Base{}
`,
		New: ``,
	},
	{
		Name: "what one wrote to two rows replaces each other", File: "syncengine/merge.go",
		Old: `	if in.Row == s.Row && (s.Device`,
		New: `	if (s.Device`,
	},
	{
		Name: "a late reference stays on the retired row", File: "syncengine/redirect.go",
		Old: `		out.Values[j], err = mapRefs(col, w.Values[j], now)
`,
		New: `		_, err = mapRefs(col, w.Values[j], now)
`,
	},
}
