package planted

// snapshotBugs are those of snapshots and of what is pruned.
var snapshotBugs = []Bug{
	{
		Name: "chunk hash unchecked", Case: "O33", File: "syncengine/session/chunk.go",
		Old: `	if len(m.Packed) != sum.Bytes || se.Hash(sha256.Sum256(m.Packed)) != sum.Hash {`,
		New: `	if false && se.Hash(sha256.Sum256(m.Packed)) != sum.Hash {`,
	},
	{
		Name: "floor passes a cursor without a reset", File: "syncengine/store.go",
		Old: ` && cursor.Seq >= h.Floor`,
		New: ``,
	},
	{
		Name: "floor passes a cursor that counts", Case: "O24", File: "syncengine/prune.go",
		Old: `				floor = min(floor, d.needs(floor))`,
		New: `				floor = max(floor, d.needs(floor))`,
	},
	{
		Name: "staged below the floor goes on", File: "syncengine/delta.go",
		Old: `	return w.Reset && slices.ContainsFunc(staged`,
		New: `	return false && slices.ContainsFunc(staged`,
	},
	{
		Name: "snapshot ends the step before what changed since", Case: "O13", File: "syncengine/snapshot.go",
		Old: `		s.Chunks[n-1].After = Position{Seq: s.At.Seq} // to its end`,
		New: `		s.Chunks[n-1].After = Position{Seq: s.At.Seq + 1000}`,
	},
	{
		Name: "departures left out behind a snapshot", Case: "O14", File: "syncengine/next.go",
		Old: `	r.at[at.Scope] = *at
	r.fresh = false`,
		New: `	r.at[at.Scope] = *at`,
	},
}
