package planted

// moreBugs re-create the bugs of other systems that have to do with connections, processes and files, most of which
// worlds have no code for.
var moreBugs = []Bug{
	{
		Name: "after a cut, what was written before it waits for ever on a connection that stands", Case: "O11", File: "syncengine/session/device.go",
		Old: `		d.pushed = min(d.hello.Acked, m.LastN)
`,
		New: `		d.pushed = d.hello.LastN
`,
	},
	{
		Name: "an answer that cannot be stored is stored again and again, and nothing else is taken", Case: "O12", Package: "clients/device", Test: "TestCaseO12AnAnswerThatCannotBeStored",
		File: "clients/device/ends.go",
		Old: `	err := l.r.update(l.ctx, func(p *port) (err error) {
		filed, err = replica.FileVerdicts(p, l.r.schema, l.r.opts.Clock.Read(), verdicts)
		return err
	})
`,
		New: `	store := func(p *port) (err error) {
		filed, err = replica.FileVerdicts(p, l.r.schema, l.r.opts.Clock.Read(), verdicts)
		return err
	}
	err := l.r.update(l.ctx, store)
	for err != nil && l.ctx.Err() == nil {
		err = l.r.update(l.ctx, store)
	}
`,
	},
	{
		Name: "a reader's head and its rows are of two moments", Case: "O15 O16", Package: "server/store", Test: "TestStore",
		File: "server/store/store.go",
		Old: `		if err := c.exec("BEGIN"); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		t := newReadTx(s, c)
`,
		New: `		t := newReadTx(s, c)
`,
	},
	{
		Name: "what met a centre that failed is done with", Case: "O32", Package: "clients/device", Test: "TestCaseO32AFailingCentre",
		File: "syncengine/session/device.go",
		Old: `	if n.Close {
		return &Closed{n.Code, n.Text}
	}`,
		New: `	if n.Close {
		list, err := d.replica.Outbox(0, d.limits.Window)
		if err != nil {
			return err
		}
		for _, cs := range list {
			if err := d.replica.File([]se.Verdict{{N: cs.N, Hash: cs.Hash(), Kind: se.Accepted, Epoch: d.hello.Epoch}}); err != nil {
				return err
			}
		}
		return &Closed{n.Code, n.Text}
	}`,
	},
	{
		Name: "a centre that does not know the device is believed, and what is here goes", Case: "O35", Package: "clients/device", Test: "TestCaseO35WrongTarget",
		File: "clients/device/purge.go",
		Old: `	if CodeOf(why) != CodeRevoked {
		return why
	}`,
		New: `	if CodeOf(why) == CodeUnauthorised {
		return errors.Join(why, r.destroy())
	}
	if CodeOf(why) != CodeRevoked {
		return why
	}`,
	},
	{
		Name: "a backup is the file without its log", Case: "O37", Package: "server/cmd/doorstepd", Test: "TestBackupUnderLoad",
		File: "server/store/backup.go",
		Old: `	_, err = db.Exec("VACUUM INTO ?", part)
`,
		New: `	var whole []byte
	if whole, err = os.ReadFile(path); err == nil {
		err = os.WriteFile(part, whole, 0o600)
	}
`,
	},
	{
		Name: "a sync that was running keeps the next keys after the person left", Case: "O41", Package: "clients/device", Test: "TestLogoutDuringSync",
		File: "clients/device/ends.go",
		Old: `	if err := l.r.setAside(l.ctx, w.Epoch); err != nil {
		return nil, err
	}
	err = l.r.update`,
		New: `	if err := l.r.keepKeys(w.Keys); err != nil {
		return nil, err
	}
	if err := l.r.setAside(l.ctx, w.Epoch); err != nil {
		return nil, err
	}
	err = l.r.update`,
	},
	{
		Name: "a connection without a sign of life counts as one for an hour", Case: "O42", Package: "server/gateway", Test: "TestHalfOpen",
		File: "server/gateway/read.go",
		Old:  `func (c *conn) expect(d time.Duration) { c.expectAt(c.g.opts.Now().Add(d)) }`,
		New:  `func (c *conn) expect(d time.Duration) { c.expectAt(c.g.opts.Now().Add(d + time.Hour)) }`,
	},
}
