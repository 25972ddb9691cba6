package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// asker makes a client for what both people at the centre and people with devices may ask: as who is signed in, else
// as the person of the replica at hand. Who names a replica with --replica asks as its person.
func (a *app) asker(ctx context.Context, reason string) (*restclient.ClientWithResponses, error) {
	s, err := a.session()
	if err == nil && a.file == "" {
		client := a.client(trust.NewCentre(a.knownCentres()[s.Server]))
		return restclient.NewClientWithResponses(s.Server, restclient.WithHTTPClient(client), restclient.WithLanguage(a.lang),
			restclient.WithToken(s.Token), restclient.WithReason(reason))
	}
	if _, e := os.Stat(a.path()); e != nil && err != nil {
		return nil, err // neither: signing in is what can be done
	}
	r, err := a.open()
	if err != nil {
		return nil, err
	}
	id, err := r.Identity(ctx)
	if err != nil {
		return nil, err
	}
	known, err := r.Trust(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := r.KeyTokens(ctx, a.Client)
	if err != nil {
		return nil, err
	}
	token, err := tokens.Token(ctx)
	if err != nil {
		return nil, err
	}
	client := a.client(trust.NewCentre(known))
	return restclient.NewClientWithResponses(id.Centre, restclient.WithHTTPClient(client), restclient.WithLanguage(a.lang),
		restclient.WithToken(token), restclient.WithReason(reason))
}

func (a *app) historyCommand() *cobra.Command {
	var limit int
	var reason string
	c := a.command("history", "history TABLE ROW [COLUMN] [--limit N] [--reason TEXT]", a.between(2, 3), func(cmd *cobra.Command, args []string) error {
		t, err := a.table(args[0])
		if err != nil {
			return err
		}
		column := ""
		if len(args) == 3 {
			if column = args[2]; t.Column(column) == nil {
				return wrong("no_column_list", a.label(t.Label), clean(column), strings.Join(historyColumns(t), ", "))
			}
		}
		if err := tooLong("--reason", reason, 200); err != nil {
			return err
		}
		client, err := a.asker(cmd.Context(), reason)
		if err != nil {
			return err
		}
		row, err := a.centreRow(cmd.Context(), t, args[1])
		if err != nil {
			return err
		}
		list, more, unplaced, err := a.historyPages(cmd.Context(), client, t.Name, string(row), given(column), limit)
		if err != nil {
			return err
		}
		if a.json {
			out := map[string]any{"writes": list, "more": more}
			if unplaced > 0 {
				out["unplaced"] = unplaced
			}
			return a.emit(out)
		}
		a.historyText(t, list, more)
		if unplaced > 0 {
			a.print("history_unplaced", unplaced)
		}
		return nil
	})
	a.limitFlag(c, &limit)
	c.Flags().StringVar(&reason, "reason", "", a.say("flag.reason_read"))
	return c
}

func historyColumns(t *schema.Table) []string {
	var out []string
	for _, c := range t.Columns {
		if t.CellOf(c.Name) != nil {
			out = append(out, c.Name)
		}
	}
	return out
}

// centreRow takes a whole id as it is, and looks for the beginning of one in the replica at hand.
func (a *app) centreRow(ctx context.Context, t *schema.Table, typed string) (se.RowID, error) {
	id := strings.ToLower(strings.TrimSpace(typed))
	if schema.IsUUID(id) {
		return se.RowID(id), nil
	}
	r, err := a.open()
	var none *fault
	if errors.As(err, &none) && none.code == "no_replica" {
		return "", wrong("id_whole", clean(typed))
	}
	if err != nil {
		return "", err
	}
	return a.row(ctx, r, t, typed)
}

// historyPages reads writes, newest first. unplaced counts the commits among them that the centre leaves out, because it
// is not known any more where the record was then.
func (a *app) historyPages(ctx context.Context, client *restclient.ClientWithResponses, table, row string, column *string, limit int) (out []restclient.HistoryWrite, more bool, unplaced int64, err error) {
	if limit < 1 || limit > 100_000 {
		return nil, false, 0, misuse("limit_range", limit)
	}
	out = []restclient.HistoryWrite{}
	var before *int64
	for {
		n := int64(min(limit, 200))
		r, err := client.HistoryWithResponse(ctx, table, row, &restclient.HistoryParams{Column: column, Before: before, Limit: &n})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return nil, false, 0, err
		}
		out = append(out, r.JSON200.Writes...)
		if n := r.JSON200.Unplaced; n != nil {
			unplaced += *n
		}
		next := r.JSON200.Next
		switch {
		case len(out) > limit:
			return out[:limit], true, unplaced, nil
		case next == nil || *next == 0 || before != nil && *next >= *before:
			return out, false, unplaced, nil
		case len(out) == limit:
			return out, true, unplaced, nil
		}
		before = next
	}
}

// historyText prints a line for each write: place, times, who, what, and what became of it.
func (a *app) historyText(t *schema.Table, list []restclient.HistoryWrite, more bool) {
	if len(list) == 0 {
		a.print("history_nothing")
		return
	}
	lines := make([][]string, len(list))
	for i := range list {
		w := &list[i]
		when := a.moment(w.EffectiveAt)
		if w.SuspectClock != nil && *w.SuspectClock {
			when += a.say("history_device_clock", a.moment(w.DeviceClock))
		}
		lines[i] = []string{fmt.Sprintf("%d:%d", w.Epoch, w.Seq), when, a.say("history_received", a.moment(w.ReceivedAt)),
			clean(text(w.AuthorName) + " (" + text(w.DeviceLabel) + ")"), a.historyWhat(t, w), a.historyFate(w)}
	}
	columns(a.Out, lines)
	if more {
		a.print("list_more", len(lines))
	}
}

// historyWhat says what was written.
func (a *app) historyWhat(t *schema.Table, w *restclient.HistoryWrite) string {
	what := a.known("op.", string(w.Operation))
	var parts []string
	if w.Choice != nil {
		parts = append(parts, a.outcome(*w.Choice)+" "+text(w.Conflict))
	}
	for _, v := range w.Values {
		parts = append(parts, clean(v.Label)+"="+short(a.apiText(t, v), 40))
	}
	if len(w.Values) == 0 && w.Cell != nil {
		parts = append(parts, a.cellName(t, *w.Cell))
	}
	for _, change := range []struct {
		sign string
		list *[]string
	}{{"+", w.Added}, {"-", w.Removed}} {
		if change.list != nil {
			for _, x := range *change.list {
				parts = append(parts, change.sign+short(x, 40))
			}
		}
	}
	if r := text(w.Reason); r != "" {
		parts = append(parts, "“"+clean(r)+"”")
	}
	return strings.TrimSpace(what + " " + strings.Join(parts, " "))
}

// cellName is what people call a cell: the labels of its columns.
func (a *app) cellName(t *schema.Table, name string) string {
	def := t.Cell(name)
	if def == nil {
		return clean(name)
	}
	var labels []string
	for _, c := range def.Columns {
		labels = append(labels, a.label(c.Label))
	}
	return strings.Join(labels, "、")
}

// historyFate says what became of a write when it came, what it is now if that is something else, and its base.
func (a *app) historyFate(w *restclient.HistoryWrite) string {
	var out []string
	then, now := "", ""
	if w.Fate != nil {
		then = string(*w.Fate)
		out = append(out, a.known("fate.", then))
	}
	if w.Now != nil {
		now = string(*w.Now)
	}
	if now != "" && now != then && (now != "waits" || then != "candidate") {
		out = append(out, a.known("now.", now))
	}
	if b := text(w.Base); b != "" {
		out = append(out, a.say("history_base", b))
	}
	return strings.Join(out, a.say("comma"))
}
