package kill

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// how a process is brought to a place.
type how int

const (
	running  how = iota // it comes there as long as everybody writes
	opening             // killed at any moment, it comes there when it is started again
	meeting             // of the centre: it comes there when a phone that was killed comes back
	parting             // of a phone: it comes there when the centre is killed
	granting            // it comes there when a phone's person is given another grid
	taking              // it comes there when that grid is taken away
	copying             // of a backup beside the centre
)

// place is a named place where a process dies that comes there when it is armed.
type place struct {
	overlay.Place // without a File: the program has it already
	phone         bool
	how           how
}

// String names it, with how it is reached where that is not by writing.
func (p *place) String() string {
	who := "centre"
	if p.how == copying {
		return "backup: " + p.Name
	}
	if p.phone {
		who = "phone"
	}
	return who + map[how]string{opening: ", opening", meeting: ", met", parting: ", left alone", granting: ", a grant given", taking: ", a grant ended"}[p.how] + ": " + p.Name
}

func centreAt(h how, name, file, at string) *place {
	return &place{overlay.Place{Name: name, File: file, At: at}, false, h}
}

func phoneAt(h how, name, file, at string) *place {
	return &place{overlay.Place{Name: name, File: file, At: at}, true, h}
}

func (p *place) after() *place { p.After = true; return p }

func (p *place) when(condition string) *place { p.When = condition; return p }

// centrePlaces are in doorstepd, in the order in which a changeset, a phone that arrives and a start come to them.
var centrePlaces = []*place{
	centreAt(running, "a push was read", "server/gateway/read.go", "	if p, ok := m.(*session.Push); ok && !c.pace(len(p.Changesets)) {").when(`kindOf(m) == "push"`),
	centreAt(running, "a transaction has begun", "server/store/store.go", "		if err := fn(t); err != nil {\n			return err // withRaw rolls back what is open"),
	centreAt(running, "a row is put, not written", "server/store/rows.go", "	t.placed(old, r)"),
	centreAt(running, "a row is about to be written", "server/store/unwritten.go", "		if err := t.exec(tb.upsert, tb.args(t.s.county, t.rows[k])...); err != nil {"),
	centreAt(running, "a row was written", "server/store/unwritten.go", "		t.owe(k, false)"),
	centreAt(running, "a row is gone, its dead id not kept", "server/store/rows.go", "	var scope any\n	if d.Row != nil {"),
	centreAt(running, "rows without history", "server/store/logs.go", `	device, n := "", int64(0)`),
	centreAt(running, "history without its index", "server/store/logs.go", "	if err := t.indexHistory(&e); err != nil {"),
	centreAt(running, "history without the device's counter", "server/store/records.go", "func (t *tx) PutDevice(d *syncengine.Device) error {").after(),
	centreAt(running, "between rows and verdict", "server/store/records.go", "func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {").after(),
	centreAt(running, "one of a group is judged", "syncengine/commit.go", "		_, err := e.retryReady(tx)"),
	centreAt(running, "a savepoint was released", "server/store/tx.go", "	done = true"),
	centreAt(running, "the head is not written", "server/store/tx.go", "	if t.changed {"),
	centreAt(running, "the head without the counts of rows", "server/store/tx.go", "	if err := t.writeScopeRows(); err != nil {"),
	centreAt(running, "before commit", "server/store/tx.go", `	if err := t.c.exec("COMMIT"); err != nil {`),
	centreAt(running, "after the COMMIT", "server/store/tx.go", "	if t.c.open() {"),
	centreAt(running, "after commit", "server/centre/centre.go", "	results := c.engine.Commit(c.store, subs)").after(),
	centreAt(running, "one of a group has its answer", "server/centre/centre.go", "		results = results[n:]"),
	centreAt(running, "answered, the bell not rung", "server/centre/centre.go", "	if moved && c.opts.Bell != nil {"),
	centreAt(running, "committed, not told the session", "server/gateway/conn.go", "	c.g.opts.Observer.Committed(len(verdicts), c.g.opts.Now().Sub(began))"),
	centreAt(running, "verdicts not sent", "server/gateway/write.go", "	b, err := wire.Marshal(m, c.format)").when(`kindOf(m) == "verdicts"`),
	centreAt(running, "verdicts sent", "server/gateway/write.go", "	c.g.opts.Observer.Sent(kindOf(m), len(b))").when(`kindOf(m) == "verdicts"`),
	centreAt(running, "a delta was read", "server/gateway/write.go", "	c.ws.SetWriteDeadline(").when(`kindOf(m) == "delta"`),
	centreAt(running, "a delta was sent", "server/gateway/write.go", "	return true\n}\n\n// cut ends").when(`kindOf(m) == "delta"`),

	centreAt(meeting, "a hello was read", "server/gateway/read.go", "	if h, ok := m.(*session.Hello); ok && first && !c.hello(h) {").when(`kindOf(m) == "hello"`),
	centreAt(meeting, "welcomed, not noted who was heard of", "server/centre/centre.go", "	if err == nil {\n		c.hear(h)"),
	centreAt(meeting, "a welcome not sent", "server/gateway/write.go", "		w, err := c.g.opts.Centre.Welcome(ask.Hello)").after(),

	centreAt(granting, "a person is about to get a role", "server/directory/assignment.go", "	doors, err := json.Marshal(a.Doors)\n	if err != nil {\n		return Assignment{}, fmt"),
	centreAt(granting, "a role without its audit line", "server/directory/assignment.go", "	return a, d.note(ctx, q, auditAssigned,"),
	centreAt(granting, "before the directory's commit", "server/store/open.go", "	done = true\n	return tx.Commit()"),
	centreAt(granting, "a role is given, nobody knows", "server/api/people.go", "	a.regranted()\n	a.Log.Info().Str(\"assignment\", made.ID).Str(\"account\", made.Account).Str(\"role\""),
	centreAt(granting, "about to note what a device is told", "syncengine/told.go", "	told.tell(w.View, p, now, 0)"),
	centreAt(taking, "a role ended without its audit line", "server/directory/assignment.go", "		return errors.Join(err, d.note(ctx, tx, auditUnassigned,"),
	centreAt(taking, "a role has ended, nobody knows", "server/api/people.go", "	a.regranted()\n	a.Log.Info().Str(\"assignment\", x.ID).Str(\"by\""),
	centreAt(taking, "what a device was told is about to be recorded", "syncengine/told.go", "	err = store.Update(func(tx Tx) error {\n		at = 0").after(),
	centreAt(taking, "a receipt without its audit line", "syncengine/told.go", "			return auditReceipt(tx, p, t, now)"),
	centreAt(taking, "a receipt is recorded, not answered", "server/gateway/write.go", "		at, err := c.g.opts.Centre.Tell(ask.Tell)").after().when("ask.Tell.Purged"),

	centreAt(copying, "nothing is copied", "server/store/backup.go", `	db, err := sql.Open("sqlite3", dsn(path, "mode=rw&_busy_timeout=5000"))`),
	centreAt(copying, "copied, not flushed", "server/store/backup.go", "	if err := syncFile(part); err != nil {"),
	centreAt(copying, "flushed, not renamed", "server/store/backup.go", "	if err := os.Rename(part, to); err != nil {"),
	centreAt(copying, "renamed, its folder not flushed", "server/store/backup.go", "	return syncFile(filepath.Dir(to))"),
	centreAt(copying, "checked, no manifest", "server/cmd/doorstepd/backup.go", `	text, err := json.MarshalIndent(m, "", "  ")`),

	centreAt(opening, "a file is written, not flushed", "internal/durable/durable.go", "	err = errors.Join(err, f.Sync(), f.Close())"),
	centreAt(opening, "a file is flushed, not renamed", "internal/durable/durable.go", "		err = os.Rename(f.Name(), path)"),
	centreAt(opening, "a file is renamed, its folder not flushed", "internal/durable/durable.go", "	return SyncFolder(filepath.Dir(path))"),
	centreAt(opening, "opened, not migrated", "server/store/open.go", "	if err := s.migrate(); err != nil {"),
	centreAt(opening, "migrated, tables not looked at", "server/store/open.go", "	if err := s.WithTx(background, s.prepare); err != nil {"),
	centreAt(opening, "tables made, rows not counted", "server/store/open.go", "	if err := errors.Join(s.countRows(tx), s.keepDeclarations(tx)); err != nil {"),
	centreAt(opening, "the county's row is there, its history not filled in", "server/store/open.go", "	return s.fillHistoryRows(tx)"),
	centreAt(opening, "prepared, quarantine not completed", "server/store/open.go", "	return s.completeQuarantine()"),
	centreAt(opening, "the epoch is not compared", "server/cmd/doorstepd/wire.go", "	if err := epochs.recognise(engine, a.store, now().UnixMilli()); err != nil {"),
	centreAt(opening, "open, not listening", "server/cmd/doorstepd/serve.go", "	code, err := a.auth.BootstrapCode(ctx)"),
}

// phonePlaces are in the Go SDK and in the program around it, in the order of one changeset's life.
var phonePlaces = []*place{
	phoneAt(running, "half of a transaction's rows", "scripts/prove/workload/phone.go", `		if id := m.Gone(); id != "" {`),
	phoneAt(running, "rows written, not sealed", "clients/device/write.go", "			cs, err := replica.SealWith("),
	phoneAt(running, "sealed, not in the outbox", "clients/device/sealed.go", "	body := encodeChangeset(cs)"),
	phoneAt(running, "in the outbox, not noted what it is about", "clients/device/sealed.go", "	for i := range cs.Changes {"),
	phoneAt(running, "before commit", "clients/device/transact.go", `	if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {`),
	phoneAt(running, "after commit", "clients/device/transact.go", "		return fmt.Errorf(\"commit: %w\", storage(err))\n	}").after(),
	phoneAt(running, "written, nobody told", "clients/device/write.go", "	r.ring()\n	return &receipt, nil"),
	phoneAt(running, "about to push", "", ""),
	phoneAt(running, "pushed", "", ""),
	phoneAt(running, "verdicts", "", ""),
	phoneAt(running, "a verdict is filed, its changeset in the outbox", "clients/device/sealed.go", "	return p.exec(`DELETE FROM ds_outbox WHERE n = ?`, v.N)"),
	phoneAt(running, "verdicts filed, the counter not moved", "syncengine/replica/verdicts.go", "	return filed, tx.PutControl(ctl)"),
	phoneAt(running, "delta", "", ""),
	phoneAt(running, "a frame is staged, not noted", "syncengine/replica/apply.go", "	if err := tx.PutControl(ctl); err != nil {\n		return false, err\n	}\n	if !d.Done {"),
	phoneAt(running, "a step is staged, nothing of it shows", "syncengine/replica/apply.go", "	return true, apply(tx, s, d)"),
	phoneAt(running, "some rows of a step show", "syncengine/replica/apply.go", "		if err := a.show(x); err != nil {").when("len(a.order) > 10 && x.row == a.order[len(a.order)-1].row"),
	phoneAt(running, "all rows of a step show, overlays not ended", "syncengine/replica/apply.go", "	if a.keeper != nil {\n		if err := a.keeper.write(); err != nil {"),
	phoneAt(running, "rows without the cursor", "syncengine/replica/apply.go", "	h := hlc.Clock{Last: ctl.HLC}\n	h.Hear(done.HLC)"),
	phoneAt(running, "the cursor without the rest of the control row", "clients/device/control.go", "	at := make([]storedScope, 0, len(c.StagedAt))"),

	phoneAt(opening, "opened, tables not looked at", "clients/device/open.go", "	if err := r.prepare(ctx, fresh); err != nil {"),
	phoneAt(opening, "tables are right, nothing resumed", "clients/device/open.go", "	if err := r.resume(ctx); err != nil {"),
	phoneAt(opening, "dialled", "", ""),
	phoneAt(opening, "hello sent", "", ""),
	phoneAt(opening, "welcome", "", ""),
	phoneAt(opening, "greeted, not noted", "syncengine/replica/greet.go", "	h := hlc.Clock{Last: ctl.HLC}"),

	phoneAt(granting, "a snapshot's rows are staged, not noted", "syncengine/replica/apply.go", "	if err := tx.PutControl(ctl); err != nil {\n		return false, err\n	}\n	if !d.Done {").when("d.Reset && len(d.Items) > 0"),
	phoneAt(granting, "a snapshot's rows, others not gone", "syncengine/replica/apply.go", "		if err := a.dropOthers(); err != nil {"),
	phoneAt(granting, "others gone, a snapshot's rows not shown", "syncengine/replica/apply.go", "		if ctl.Reoffer {"),
	phoneAt(taking, "told of a grant's end, not noted", "syncengine/replica/greet.go", "	ctl.leave(w)").when("len(w.Lost) > 0"),
	phoneAt(taking, "what ended is taken out, before commit", "syncengine/replica/purge.go", "	return true, purgeKept("),
	phoneAt(taking, "what ended is taken out, its bytes are there", "clients/device/purge.go", "	if done, err := steps.Bytes(); err != nil || !done {"),
	phoneAt(taking, "written anew, the log not emptied", "clients/device/purge.go", "	var busy, frames, moved int"),
	phoneAt(taking, "nothing is left, not noted", "clients/device/purge.go", "	return steps.Done()"),
	phoneAt(taking, "about to send a receipt", "", ""),

	phoneAt(parting, "old notices gone, new ones not there", "clients/device/settle.go", "	for _, n := range notices {"),
}

// programs are what a fleet runs.
type programs struct{ doorstepd, phone string }

// build makes both programs, with the named places in them, and with more edits of both.
func build(t testing.TB, more ...overlay.Edit) programs {
	t.Helper()
	dir := t.TempDir()
	p := programs{filepath.Join(dir, "doorstepd"), filepath.Join(dir, "phone")}
	require.NoError(t, overlay.Build("./server/cmd/doorstepd", p.doorstepd, slices.Concat(more, points(centrePlaces))...))
	require.NoError(t, overlay.Build("./scripts/prove/phone", p.phone, slices.Concat(more, points(phonePlaces))...))
	return p
}

func points(list []*place) []overlay.Edit {
	var out []overlay.Place
	for _, p := range list {
		if p.File != "" {
			out = append(out, p.Place)
		}
	}
	return overlay.Points(out...)
}

// named gives a place by the way it is printed.
func named(t testing.TB, name string) *place {
	t.Helper()
	all := slices.Concat(centrePlaces, phonePlaces)
	i := slices.IndexFunc(all, func(p *place) bool { return p.String() == name })
	require.GreaterOrEqual(t, i, 0, fmt.Sprintf("no place is called %q", name))
	return all[i]
}
