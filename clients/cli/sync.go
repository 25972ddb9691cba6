package cli

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
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
