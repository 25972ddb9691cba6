package planted

// rewoundBugs are about centres that were put back and replicas that were copied.
var rewoundBugs = []Bug{
	{
		Name: "work of before a copy taken once from each", File: "syncengine/twin.go", Worlds: Rewound,
		Old: `	if first == (WriteID{}) {`,
		New: `	if first.N >= 0 {`,
	},
	{
		Name: "who shares work has not seen it", File: "syncengine/epoch.go", Worlds: Rewound,
		Old: `		if dev.shares(epoch) {`,
		New: `		if dev.shares(epoch) && epoch > 1000 {`,
	},
	{
		Name: "what lies beyond the restored head counts as seen", Case: "O22", File: "syncengine/epoch.go", Worlds: Rewound,
		Old: `			return min(b.Seq, x.Last), b.Seq > x.Last`,
		New: `			return b.Seq, false`,
	},
	{
		Name: "a copy's past is a stranger's", File: "syncengine/epoch.go", Worlds: Rewound,
		Old: `	past := func(p WriteID) bool { return p.Device == w.Device && w.N <= p.N }`,
		New: `	past := func(p WriteID) bool { return p.Device == w.Device && w.N > p.N }`,
	},
	{
		Name: "served before it is confirmed", File: "syncengine/epoch.go", Worlds: Rewound,
		Old: `	if err == nil && r != nil {
		err = ErrUnconfirmed
	}
	return err`,
		New: `	if r != nil && r.At < 0 {
		err = ErrUnconfirmed
	}
	return err`,
	},
	{
		Name: "across epochs the clock is asked", File: "syncengine/merge.go", Worlds: Rewound, Seed: 113,
		Old: `	if in.Base.ended(in.Epoch) || w.Base.ended(in.Epoch) {`,
		New: `	if in.Base.ended(in.Epoch) && w.Base.ended(in.Epoch) && false {`,
	},
	{
		Name: "a cursor ahead of the head proves nothing", Case: "O2", File: "syncengine/proof.go", Worlds: Rewound, Seed: 9,
		Old: `	case h.Epoch > head.Epoch, h.Cursor > head.Seq:`,
		New: `	case h.Epoch > head.Epoch:`,
	},
	{
		Name: "another history below the head proves nothing", Case: "O3", File: "syncengine/proof.go", Worlds: Rewound, Seed: 39,
		Old: `	if ok && have != h.History {`,
		New: `	if !ok && have != h.History {`,
	},
	{
		Name: "another history at the head proves nothing", File: "syncengine/proof.go", Worlds: Rewound, Seed: 515,
		Old: `		if h.History != head.History {
			return &LostError{h.Epoch, h.Cursor}
		}
`,
		New: ``,
	},
	{
		Name: "a copy enrolled again is a copy of nothing", File: "syncengine/fork.go", Worlds: Rewound,
		Old: `before[:min(len(before), maxParents)]...)`,
		New: `before[:min(len(before), 0)]...)`,
	},
	{
		Name: "verdicts that a copy had given anew stay unheard", File: "syncengine/fork.go", Worlds: Rewound, Seed: 60,
		Old: `		from = n
	}
	return from, nil`,
		New: `		from = n
	}
	return from - from, nil`,
	},
	{
		Name: "refused work is not offered again", File: "syncengine/replica/reoffer.go", Worlds: Rewound,
		Old: `		if v.Epoch == w.Epoch && (n <= w.LastN || n > w.Acked) {`,
		New: `		if v.Epoch == w.Epoch && (n <= w.LastN || n > w.Acked) || !v.Kind.Effective() {`,
	},
	{
		Name: "the copy's word before the parent's", File: "syncengine/replica/reoffer.go", Worlds: Rewound, Seed: 155,
		Old: `		from = min(from, w.Anew)`,
		New: `		from = max(from, w.Anew)`,
	},
	{
		Name: "work offered again is not laid over the snapshot", File: "syncengine/replica/reoffer.go", Worlds: Rewound,
		Old: `		if v != nil && (!v.Kind.Effective() || v.Epoch < epoch) {`,
		New: `		if v != nil && (!v.Kind.Effective() || v.Epoch <= epoch) || v == nil && n > 0 {`,
	},
	{
		Name: "a copy keeps the verdicts of before", File: "syncengine/replica/reoffer.go", Worlds: Rewound,
		Old: `		if old == nil || old.Epoch == v.Epoch && old.Kind == v.Kind {`,
		New: `		if old == nil || old.Epoch <= v.Epoch {`,
	},
	{
		Name: "what a replica only held overtakes what its person wrote", File: "syncengine/parked.go", Worlds: Rewound, Seed: 117,
		Old: ` || g.cs.Salvage { // a row`,
		New: ` { // a row`,
	},
	{
		Name: "a view of an epoch that ended passes for one of this", File: "syncengine/view.go", Worlds: Rewound,
		Old: `	if epoch > 1 {
		v.id +=`,
		New: `	if epoch < 1 {
		v.id +=`,
	},
	{
		Name: "work that the lost rows had caught up with stays hidden", Case: "O3", File: "syncengine/replica/reoffer.go", Worlds: Rewound, Seed: 39,
		Old: `			ctl.Reoffer = ctl.Reoffer || ctl.Epoch > 0 && ctl.Epoch < w.Epoch
`,
		New: ``,
	},
}
