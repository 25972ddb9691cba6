package planted

// versionBugs are about what a replica keeps that its program does not know, and about scopes that are closed.
var versionBugs = []Bug{
	{
		Name: "what is kept of a row outlives it", File: "syncengine/replica/kept.go", Worlds: Versions,
		Old: `	r, err := k.row(key)
	if err == nil {
		r.forget()
	}
	return err
}

// dropOthers`,
		New: `	_, err := k.row(key)
	return err
}

// dropOthers`,
	},
	{
		Name: "an update adopts no cells", Case: "O40", File: "syncengine/replica/kept.go", Worlds: Versions,
		Old: `		case x.image != nil:
			x.image[i] = slices.Clone(c.Values)`,
		New: `		case x.image == nil:
			x.image[i] = slices.Clone(c.Values)`,
	},
	{
		Name: "an update forgets what it does not know either", File: "syncengine/replica/kept.go", Worlds: Versions,
		Old: `			rest = append(rest, c)
		case`,
		New: `			_ = c
		case`,
	},
	{
		Name: "late work stays in a closed scope", File: "syncengine/follow.go", Worlds: Versions,
		Old: `{ return g.reads.principal.Successors[scope] }`,
		New: `{ return g.reads.principal.Successors["?"+scope] }`,
	},
}
