package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// checkServer tells whether a text can be the address of a centre.
func checkServer(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return wrong("server_form", clean(text))
	}
	return nil
}

// tooLong bounds texts that travel in requests, in characters.
func tooLong(name, text string, limit int) error {
	if n := len([]rune(text)); n > limit {
		return wrong("text_long", name, limit, n)
	}
	return nil
}

func (a *app) enrolCommand() *cobra.Command {
	var e device.Enrolment
	var flags *trustFlags
	var encrypt bool
	c := a.command("enrol", "enrol --server URL --code CODE [--label TEXT] [--encrypt]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if err := needFlags(cmd, "server", "code"); err != nil {
			return err
		}
		if err := checkServer(e.Centre); err != nil {
			return err
		}
		if err := errors.Join(tooLong("--code", e.Code, 64), tooLong("--label", e.Label, 100)); err != nil {
			return err
		}
		if e.Label == "" {
			e.Label = hostName()
		}
		var err error
		if e.Trust, err = flags.trust(trust.Trust{}); err != nil {
			return err
		}
		return a.enrol(cmd.Context(), e, encrypt)
	})
	c.Aliases = []string{"enroll"}
	c.Flags().StringVar(&e.Centre, "server", "", a.say("flag.server"))
	c.Flags().StringVar(&e.Code, "code", "", a.say("flag.code"))
	c.Flags().StringVar(&e.Label, "label", "", a.say("flag.label"))
	c.Flags().BoolVar(&encrypt, "encrypt", false, a.say("flag.encrypt"))
	flags = a.trustFlags(c)
	return c
}

// hostName is what a device is called that nobody named.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "doorstep"
	}
	return short(name, 60)
}

// needFlags says which flags are missing, all at once.
func needFlags(cmd *cobra.Command, names ...string) error {
	for _, n := range names {
		if f := cmd.Flags().Lookup(n); f == nil || f.Value.String() == "" {
			return misuse("flag_missing", n)
		}
	}
	return nil
}

// enrolled is what enrol tells programs.
type enrolled struct {
	Device  string   `json:"device"`
	Account string   `json:"account"`
	Centre  string   `json:"centre"`
	Replica string   `json:"replica"`
	Key     string   `json:"key"`
	Sync    *syncDoc `json:"sync"` // null: the first download is still to come
}

// enrol makes the replica, and takes it away again if the centre does not want it.
func (a *app) enrol(ctx context.Context, e device.Enrolment, encrypt bool) error {
	path := a.path()
	o, err := a.options()
	if err != nil {
		return err
	}
	_, missing := os.Stat(path)
	if missing != nil && encrypt {
		err = a.newCipher(path, &o)
	} else {
		err = a.unlock(path, &o)
	}
	if err != nil {
		return err
	}
	if encrypt && o.Cipher == nil {
		return wrong("replica_in_clear", path)
	}
	if missing == nil {
		a.replica, err = device.Open(path, o)
	} else {
		a.replica, err = device.Create(path, o)
	}
	if err != nil {
		if missing != nil && encrypt {
			_ = os.Remove(device.CipherPath(path)) // nothing is under it
		}
		return a.creating(path, err)
	}
	_, noKey := os.Stat(device.KeyPath(path))
	e.Client, e.Lang = a.Client, a.lang
	before, err := a.replica.Identity(ctx)
	if err != nil {
		return err
	}
	id, err := a.replica.Enrol(ctx, e)
	if err != nil {
		if missing != nil {
			a.discard(path, noKey != nil)
			if encrypt {
				_ = os.Remove(device.CipherPath(path)) // nothing is under it any more
			}
		}
		if device.CodeOf(err) == device.CodeOffline {
			return unreachable(err)
		}
		return err
	}
	known, err := a.replica.Trust(ctx)
	if err == nil {
		err = a.met(id.Centre, known) // signing in there needs no fingerprint any more
	}
	if err != nil {
		return err
	}
	doc := enrolled{id.Device, id.Account, id.Centre, absolute(path), absolute(device.KeyPath(path)), nil}
	if !a.json {
		a.print("enrolled", doc.Replica, doc.Key)
		if before.Device != "" {
			a.print("became", id.Device)
		}
	}
	if !a.json {
		a.warn("enrol_downloading")
	}
	report, err := a.round(ctx)
	if err == nil {
		s := a.syncDoc(report)
		doc.Sync = &s
	}
	if a.json {
		if e := a.emit(doc); e != nil {
			return e
		}
	} else if err == nil {
		a.printRound(*doc.Sync)
		if s, e := a.replica.Status(ctx); e == nil && len(s.Grants) == 0 {
			a.print("no_grants")
		}
	}
	return err
}

// creating says where the file could not be made.
func (a *app) creating(path string, err error) error {
	var d *device.Error
	if errors.As(err, &d) {
		return err
	}
	return wrong("replica_not_made", path).because(err)
}

// discard takes a replica away that belongs to nobody: nothing was ever written into it.
func (a *app) discard(path string, key bool) {
	_ = a.replica.Close()
	a.replica = nil
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + end)
	}
	if key {
		_ = os.Remove(device.KeyPath(path))
	}
}

// remote is the way to the centre that this replica belongs to.
func (a *app) remote(ctx context.Context) (device.Remote, error) {
	r, err := a.open()
	if err != nil {
		return nil, err
	}
	return r.Remote(ctx, a.Client, device.WebSocketOptions{})
}

func (a *app) round(ctx context.Context) (device.Report, error) {
	remote, err := a.remote(ctx)
	if err != nil {
		return device.Report{}, err
	}
	report, err := a.replica.SyncTelling(ctx, remote, a.downloading())
	return report, a.kept(err)
}

// kept says of a centre that cannot be reached that all work is safe here.
func (a *app) kept(err error) error {
	if device.CodeOf(err) == device.CodeOffline {
		return &fault{exit: ExitOffline, code: string(device.CodeOffline), text: a.say("sync_offline"), err: err}
	}
	return err
}

// downloading tells people how far a large download has come: a line for each tenth of its rows. What is staged is
// kept when the line is cut, and goes on from there.
func (a *app) downloading() func(device.Progress) {
	if a.json {
		return nil
	}
	told, queued := 0, false
	return func(p device.Progress) {
		if p.Queued && !queued {
			a.warn("sync_queued")
		}
		queued = queued || p.Queued // once in a round is enough
		s := p.Staged
		if s.AllRows == 0 || s.Rows == s.AllRows {
			told = 0
			return
		}
		if tenth := 10 * s.Rows / s.AllRows; tenth > told {
			told = tenth
			fmt.Fprintln(a.Err, a.say("sync_progress", s.Rows, s.AllRows, megabytes(s.Bytes), megabytes(s.AllBytes)))
		}
	}
}

func megabytes(n int) string { return fmt.Sprintf("%.1f", float64(n)/1e6) }

// syncDoc is one round for programs.
type syncDoc struct {
	Sent     int            `json:"sent"`     // changesets
	Verdicts map[string]int `json:"verdicts"` // by kind
	Rows     int            `json:"rows"`     // that came in
	Cursor   string         `json:"cursor"`
	In       int64          `json:"bytes_in"`
	Out      int64          `json:"bytes_out"`
	TookMS   int64          `json:"took_ms"`
	Notices  []noticeDoc    `json:"notices"`
	Decided  []conflictDoc  `json:"decided"`          // conflicts that were decided or ended since the round before
	Became   string         `json:"became,omitempty"` // the device that this replica became, because it was copied or put back
}

type noticeDoc struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func (a *app) syncDoc(r device.Report) syncDoc {
	d := syncDoc{r.Sent, map[string]int{}, r.Rows, base(r.Cursor), r.In, r.Out, r.Took.Milliseconds(), nil, []conflictDoc{}, ""}
	if r.Became != nil {
		d.Became = r.Became.Device
	}
	for k, n := range r.Kinds {
		d.Verdicts[k.String()] = n
	}
	d.Notices = a.notices(r.Notices)
	return d
}

// notices gives what the centre told about the connection; the clock in the person's language.
func (a *app) notices(list []session.Notice) []noticeDoc {
	out := []noticeDoc{}
	for _, n := range list {
		text := clean(n.Text)
		if n.Code == session.NoticeClock {
			text = a.say("notice_clock")
		}
		if l, ok := device.SayNotice(n.Code); ok && n.Code != session.NoticeClock {
			text = a.say("notice_over", l.In(a.lang))
		}
		out = append(out, noticeDoc{string(n.Code), text})
	}
	return out
}

func (a *app) printRound(d syncDoc) {
	text := ""
	for k := se.Accepted; k <= se.Parked; k++ {
		if n := d.Verdicts[k.String()]; n > 0 {
			text += a.say("verdict_count", a.say("verdict."+k.String()), n)
		}
	}
	a.print("synced", d.Sent, text, d.Rows, d.Cursor)
	if d.Became != "" {
		a.print("became", d.Became)
	}
	for _, n := range d.Notices {
		fmt.Fprintln(a.Err, n.Text)
	}
}

// conflictNews tells which conflicts ended between two looks.
type conflictNews struct{ closed map[string]bool }

// next lists those that ended since the last look; the first look lists none.
func (n *conflictNews) next(ctx context.Context, r *device.Replica) ([]conflictDoc, error) {
	list, err := r.Conflicts(ctx)
	if shut(err) {
		return nil, nil // it is what this conversation may open again
	}
	if err != nil {
		return nil, err
	}
	first, out := n.closed == nil, []conflictDoc{}
	if first {
		n.closed = map[string]bool{}
	}
	for _, x := range list {
		if !x.Open && !n.closed[x.ID] {
			n.closed[x.ID] = true
			if !first {
				out = append(out, newConflictDoc(x))
			}
		}
	}
	return out, nil
}

func (a *app) printDecided(ctx context.Context, list []conflictDoc) error {
	if len(list) == 0 {
		return nil
	}
	a.print("conflicts_over", len(list))
	for i, d := range list {
		if i == shownRows {
			a.put("  …")
			break
		}
		line, err := a.conflictLine(ctx, a.replica, d)
		if err != nil {
			return err
		}
		a.put("  " + line)
	}
	return nil
}

// ended lists the units that a person had before and has no more.
func ended(before, now []se.Grant) []grantDoc {
	out := []grantDoc{}
	for _, g := range before {
		in := func(x se.Grant) bool { return x.Scope == g.Scope }
		if !slices.ContainsFunc(now, in) && !slices.ContainsFunc(out, func(x grantDoc) bool { return x.Scope == g.Scope }) {
			out = append(out, grantDoc{g.Scope, g.Name, g.Role})
		}
	}
	return out
}

func (a *app) syncCommand() *cobra.Command {
	var all, fresh bool
	c := a.command("sync", "sync [--all|--fresh]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if all && fresh {
			return misuse("fresh_all")
		}
		if all {
			return a.drain(cmd)
		}
		if fresh {
			r, err := a.open()
			if err == nil {
				err = r.Fresh(cmd.Context())
			}
			if err != nil {
				return err
			}
		}
		var news conflictNews
		r, err := a.open()
		if err != nil {
			return err
		}
		if _, err := news.next(cmd.Context(), r); err != nil {
			return err
		}
		before, err := r.Status(cmd.Context())
		if err != nil {
			return err
		}
		report, err := a.round(cmd.Context())
		if err != nil {
			return err
		}
		over, err := news.next(cmd.Context(), a.replica)
		if err != nil {
			return err
		}
		status, err := a.replica.Status(cmd.Context())
		if err != nil {
			return err
		}
		doc := struct {
			syncDoc
			Refused   int        `json:"refused"`
			Conflicts int        `json:"conflicts"`
			Ended     []grantDoc `json:"ended"` // assignments that this round took away
		}{a.syncDoc(report), status.Refused, status.Open, ended(before.Grants, status.Grants)}
		doc.Decided = over
		if a.json {
			if err := a.emit(doc); err != nil {
				return err
			}
		} else {
			a.printRound(doc.syncDoc)
			for _, g := range doc.Ended {
				a.print("sync_ended", strings.TrimSpace(g.Scope+" "+clean(g.Name)))
			}
			if err := a.printDecided(cmd.Context(), over); err != nil {
				return err
			}
			if status.Open > 0 {
				a.print("sync_conflicts", status.Open)
			}
		}
		if status.Refused > 0 {
			return fail(ExitRefused, "sync_refused", status.Refused)
		}
		return nil
	})
	c.Flags().BoolVar(&all, "all", false, a.say("flag.all"))
	c.Flags().BoolVar(&fresh, "fresh", false, a.say("flag.fresh"))
	return c
}

func (a *app) watchCommand() *cobra.Command {
	return a.command("watch", "watch", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		remote, err := a.remote(ctx)
		if err != nil {
			return err
		}
		w := &watcher{app: a, ctx: ctx}
		if err := w.mark(); err != nil {
			return err
		}
		if !a.json {
			a.print("watching")
		}
		err = a.replica.Run(ctx, remote, device.Events{Progress: w.progress, Synced: w.synced, Failed: w.failed})
		if errors.Is(err, context.Canceled) {
			if !a.json {
				a.print("watch_over")
			}
			return nil
		}
		return err
	})
}

// watcher tells what Run does. Its methods are called on Run's goroutine.
type watcher struct {
	*app
	ctx     context.Context
	over    conflictNews
	since   int64 // greatest time at the centre that the replica showed
	blind   bool  // that could not be told: the replica is locked
	percent int
	queued  bool
}

// watchDoc is one line of `watch --json`.
type watchDoc struct {
	Event   string    `json:"event"` // progress, queued, row, synced, failed
	Percent *int      `json:"percent,omitempty"`
	Row     *rowDoc   `json:"row,omitempty"`
	Sync    *syncDoc  `json:"sync,omitempty"`
	Error   *errorDoc `json:"failure,omitempty"`
	RetryMS int64     `json:"retry_ms,omitempty"`
}

// mark notes how new the newest row is. A locked replica tells that after the first contact.
func (w *watcher) mark() error {
	if _, err := w.over.next(w.ctx, w.replica); err != nil {
		return err
	}
	w.blind = false
	for _, t := range w.replica.Schema().Tables {
		var at int64
		if err := w.replica.QueryRow(w.ctx, `SELECT coalesce(max(received_at), 0) FROM "`+t.Name+`"`).Scan(&at); shut(err) {
			w.blind = true
			return nil
		} else if err != nil {
			return err
		}
		w.since = max(w.since, at)
	}
	return nil
}

func (w *watcher) progress(p device.Progress) {
	if p.Queued && !w.queued {
		w.waits()
	}
	w.queued = p.Queued
	if p.Percent == w.percent || p.Percent == 0 || p.Percent == 100 {
		w.percent = p.Percent
		return
	}
	w.percent = p.Percent
	if w.json {
		w.line(watchDoc{Event: "progress", Percent: &p.Percent})
		return
	}
	w.print("watch_progress", p.Percent, p.Rows)
}

// waits tells that the centre serves many devices at this moment.
func (w *watcher) waits() {
	if w.json {
		w.line(watchDoc{Event: "queued"})
		return
	}
	w.print("sync_queued")
}

// shownRows bounds how many rows are told one by one.
const shownRows = 20

func (w *watcher) synced(r device.Report) {
	look := w.news
	if w.blind {
		look = w.mark
	}
	if r.Rows > 0 || w.blind {
		if err := look(); err != nil {
			w.warn("failed", err.Error())
		}
	}
	doc := w.syncDoc(r)
	over, err := w.over.next(w.ctx, w.replica)
	if err != nil {
		w.warn("failed", err.Error())
	}
	doc.Decided = append(doc.Decided, over...)
	if w.json {
		w.line(watchDoc{Event: "synced", Sync: &doc})
		return
	}
	w.printRound(doc)
	if err := w.printDecided(w.ctx, over); err != nil {
		w.warn("failed", err.Error())
	}
}

// news tells rows that the centre changed since the last time.
func (w *watcher) news() error {
	newest, left := w.since, shownRows
	for _, t := range w.replica.Schema().Tables {
		ids, err := w.changed(t, left+1)
		if err != nil {
			return err
		}
		for i, id := range ids {
			if i == left {
				if !w.json {
					w.print("watch_more")
				}
				break
			}
			if err := w.tell(t, id); err != nil {
				return err
			}
		}
		left -= min(left, len(ids))
		var at int64
		if err := w.replica.QueryRow(w.ctx, `SELECT coalesce(max(received_at), 0) FROM "`+t.Name+`"`).Scan(&at); err != nil {
			return err
		}
		newest = max(newest, at)
	}
	w.since = newest
	return nil
}

func (w *watcher) changed(t *schema.Table, limit int) ([]se.RowID, error) {
	rows, err := w.replica.Query(w.ctx, `SELECT "id" FROM "`+t.Name+`" WHERE received_at > ? ORDER BY received_at, "id" LIMIT ?`, w.since, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []se.RowID
	for rows.Next() {
		var id se.RowID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

func (w *watcher) tell(t *schema.Table, id se.RowID) error {
	row, err := w.replica.Get(w.ctx, t.Name, id)
	if err != nil {
		return err
	}
	open, err := openConflicts(w.ctx, w.replica)
	if err != nil {
		return err
	}
	doc, err := w.rowDoc(w.ctx, w.replica, t, row, open)
	if err != nil {
		return err
	}
	if w.json {
		w.line(watchDoc{Event: "row", Row: &doc})
		return nil
	}
	text, err := brief(w.ctx, w.replica, t, id)
	if err != nil {
		return err
	}
	w.put(strings.Join([]string{string(doc.Mark), w.label(t.Label), text, w.title(t, row)}, " "))
	return nil
}

func (w *watcher) failed(err error, wait time.Duration) {
	f := w.explain(err)
	retry := w.say("watch_retry_now")
	if wait >= time.Second {
		retry = w.say("watch_retry", wait.Round(time.Second).String())
	}
	if w.json {
		doc := w.document(f)
		w.line(watchDoc{Event: "failed", Error: &doc, RetryMS: wait.Milliseconds()})
		return
	}
	fmt.Fprintln(w.Err, w.text(f), retry)
}
