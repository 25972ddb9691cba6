package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/clients/restclient"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func (a *app) quarantineCommand() *cobra.Command {
	return a.group("quarantine", "quarantine", a.quarantineListCommand(), a.quarantineShowCommand(), a.quarantineExportCommand(),
		a.quarantineSettleCommand("release"), a.quarantineSettleCommand("dismiss"))
}

func (a *app) quarantineListCommand() *cobra.Command {
	var closed, parked, rejected bool
	var scope string
	var limit int
	c := a.command("quarantine_list", "list [--closed] [--parked|--rejected] [--scope CODE] [--limit N]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if err := tooLong("--scope", scope, 20); err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		status, kind := restclient.QuarantineListParamsStatus("open"), restclient.QuarantineListParamsKind("all")
		if closed {
			status = "closed"
		}
		switch {
		case parked && !rejected:
			kind = "parked"
		case rejected && !parked:
			kind = "rejected"
		}
		list, more, err := pages(limit, func(after *string, n *int64) ([]restclient.QuarantinedHead, *string, error) {
			r, err := client.QuarantineListWithResponse(cmd.Context(), &restclient.QuarantineListParams{Status: &status, Kind: &kind, Scope: given(scope), After: after, Limit: n})
			if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
				return nil, nil, err
			}
			return r.JSON200.Quarantined, r.JSON200.Next, nil
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"quarantined": list, "more": more})
		}
		lines := make([][]string, len(list))
		for i := range list {
			x := &list[i]
			lines[i] = []string{x.Device, strconv.FormatInt(x.N, 10), a.say("verdict." + string(x.Verdict)), clean(text(x.AuthorName)), clean(text(x.RecordLabel)), clean(x.ScopeName), a.moment(x.ReceivedAt), a.quarantineState(x.Open, text((*string)(x.Outcome)), x.Code, text(x.EndedBy), text(x.Reason))}
		}
		a.list(lines, more)
		return nil
	})
	c.Flags().BoolVar(&closed, "closed", false, a.say("flag.closed"))
	c.Flags().BoolVar(&parked, "parked", false, a.say("flag.parked"))
	c.Flags().BoolVar(&rejected, "rejected", false, a.say("flag.rejected"))
	c.Flags().StringVar(&scope, "scope", "", a.say("flag.scope"))
	a.limitFlag(c, &limit)
	return c
}

// quarantineState says why it waits, or how it ended and by whom.
func (a *app) quarantineState(open bool, outcome, code, by, reason string) string {
	if open {
		return clean(code)
	}
	if by == "" && outcome == string(se.SettledReleased) {
		return a.say("settled.by_itself")
	}
	return strings.TrimSpace(a.known("settled.", outcome) + " " + clean(by) + " " + clean(reason))
}

// quarantineID reads DEVICE N.
func quarantineID(args []string) (string, int64, error) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil || n < 1 {
		return "", 0, misuse("number_form", clean(args[1]))
	}
	if !schema.IsUUID(args[0]) {
		return "", 0, misuse("device_form", clean(args[0]))
	}
	return args[0], n, nil
}

func (a *app) quarantineShowCommand() *cobra.Command {
	return a.command("quarantine_show", "show DEVICE N", a.exactly(2), func(cmd *cobra.Command, args []string) error {
		dev, n, err := quarantineID(args)
		if err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		r, err := client.QuarantineShowWithResponse(cmd.Context(), dev, n)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.quarantineText(r.JSON200)
		return nil
	})
}

func (a *app) quarantineText(q *restclient.Quarantined) {
	fmt.Fprintf(a.Out, "%s %d  %s  %s  %s  %s\n", q.Device, q.N, a.say("verdict."+string(q.Verdict)), clean(text(q.AuthorName)), clean(q.ScopeName), a.moment(q.ReceivedAt))
	if s, err := a.schema(); err == nil {
		kind := se.Parked
		if string(q.Verdict) == se.Rejected.String() {
			kind = se.Rejected
		}
		why := se.Reason{Code: se.Code(q.Code), Table: text(q.Record), Row: se.RowID(text(q.Row)), Column: text(q.Column), Rule: text(q.Rule)}
		fmt.Fprintf(a.Out, "  %s\n", clean(device.Explain(s, kind, &why).In(a.lang)))
	}
	if !q.Open {
		fmt.Fprintf(a.Out, "  %s\n", a.quarantineState(false, text((*string)(q.Outcome)), "", text(q.EndedBy), text(q.Reason)))
	}
	for _, c := range q.Changes {
		line := "  " + a.say("op."+string(c.Op)) + " " + clean(c.RecordLabel) + " " + c.Row
		t := a.recordType(c.Record)
		for _, v := range c.Values {
			if v.Column != schema.ColScope && v.Text != "" {
				line += " " + v.Column + "=" + short(a.apiText(t, v), 40)
			}
		}
		fmt.Fprintln(a.Out, line)
	}
	switch {
	case q.MayRelease:
		a.print("quarantine_release_hint", q.Device, q.N)
	case q.MayDismiss:
		a.print("quarantine_dismiss_hint", q.Device, q.N)
	case q.Undecided != nil:
		fmt.Fprintln(a.Out, clean(*q.Undecided))
	}
}

// quarantineSettleCommand is release and dismiss.
func (a *app) quarantineSettleCommand(choice string) *cobra.Command {
	var reason string
	c := a.command("quarantine_"+choice, choice+" DEVICE N [--reason TEXT]", a.exactly(2), func(cmd *cobra.Command, args []string) error {
		dev, n, err := quarantineID(args)
		if err != nil {
			return err
		}
		if err := tooLong("--reason", reason, 500); err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		in := restclient.QuarantineDecideInputBody{Choice: restclient.QuarantineDecideInputBodyChoice(choice), Reason: given(reason)}
		r, err := client.QuarantineDecideWithResponse(cmd.Context(), dev, n, in)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.print("quarantine_"+string(r.JSON200.Outcome), n, r.JSON200.Seq)
		return nil
	})
	c.Flags().StringVar(&reason, "reason", "", a.say("flag.settle_reason"))
	return c
}

func (a *app) quarantineExportCommand() *cobra.Command {
	return a.command("quarantine_export", "export DEVICE N FILE", a.exactly(3), func(cmd *cobra.Command, args []string) error {
		dev, n, err := quarantineID(args)
		if err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		r, err := client.QuarantineExportWithResponse(cmd.Context(), dev, n)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		body, err := json.MarshalIndent(r.JSON200, "", "  ")
		if err != nil {
			return fmt.Errorf("write changeset as JSON: %w", err)
		}
		if args[2] == "-" {
			_, err := a.Out.Write(append(body, '\n'))
			return err
		}
		f, err := os.OpenFile(args[2], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // it holds what people typed about people
		if err != nil {
			return fail(ExitFailed, "export_file", clean(args[2]))
		}
		if _, err := f.Write(append(body, '\n')); err != nil {
			_ = f.Close()
			return fail(ExitFailed, "export_file", clean(args[2]))
		}
		if err := f.Close(); err != nil {
			return fail(ExitFailed, "export_file", clean(args[2]))
		}
		if a.json {
			return a.emit(map[string]any{"file": args[2]})
		}
		a.print("quarantine_exported", n, clean(args[2]))
		return nil
	})
}
