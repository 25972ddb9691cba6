package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

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
			w.warn("failed", w.cause(err))
		}
	}
	doc := w.syncDoc(r)
	over, err := w.over.next(w.ctx, w.replica)
	if err != nil {
		w.warn("failed", w.cause(err))
	}
	doc.Decided = append(doc.Decided, over...)
	if w.json {
		w.line(watchDoc{Event: "synced", Sync: &doc})
		return
	}
	w.printRound(doc)
	if err := w.printDecided(w.ctx, over); err != nil {
		w.warn("failed", w.cause(err))
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
