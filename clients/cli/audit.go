package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/syncengine/audit"
)

func (a *app) auditCommand() *cobra.Command { return a.group("audit", "audit", a.auditVerifyCommand()) }

// auditVerifyCommand verifies an export without any centre.
func (a *app) auditVerifyCommand() *cobra.Command {
	var anchors []string
	c := a.command("audit_verify", "verify FILE [--anchor FILE …]", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		list, err := readAnchors(cmd.Context(), anchors)
		if err != nil {
			return err
		}
		f, err := os.Open(args[0])
		if err != nil {
			return wrong("file_unreadable", args[0]).because(err)
		}
		defer f.Close()
		if isDatabase(args[0]) {
			return wrong("audit_database", args[0], args[0])
		}
		report, err := audit.Verify(f, list)
		var bad *audit.Bad
		switch {
		case errors.Is(err, audit.ErrNoExport):
			return wrong("audit_no_export", args[0]).because(err)
		case errors.As(err, &bad):
			return a.auditBad(args[0], bad)
		case err != nil:
			return wrong("file_unreadable", args[0]).because(err)
		case a.json:
			return a.emit(map[string]any{"entries": report.Entries, "lines": report.Lines, "epoch": report.Epoch, "seq": report.Seq, "anchors": report.Anchors})
		}
		a.print("audit_clean", report.Entries, report.Epoch, report.Seq, report.Lines, report.Anchors)
		if len(list) == 0 {
			a.print("audit_no_anchor")
		}
		return nil
	})
	c.Flags().StringArrayVar(&anchors, "anchor", nil, a.say("flag.anchor"))
	return c
}

// readAnchors reads files of anchors, and replicas: each notes where the centre's history was when it was last in step.
func readAnchors(ctx context.Context, files []string) (out []audit.Anchor, err error) {
	for _, name := range files {
		if isDatabase(name) {
			at, history, err := device.Anchor(ctx, name)
			if err != nil {
				return nil, wrong("anchor_replica", name).because(err)
			}
			out = append(out, audit.Anchor{Epoch: at.Epoch, Seq: at.Seq, History: history, From: filepath.Base(name)})
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, wrong("file_unreadable", name).because(err)
		}
		x, err := audit.ReadAnchors(f, filepath.Base(name))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, wrong("anchor_bad", name).because(err)
		}
		out = append(out, x...)
	}
	return out, nil
}

// isDatabase tells by its first bytes whether a file is a SQLite database.
func isDatabase(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 15)
	n, _ := io.ReadFull(f, start)
	return string(start[:n]) == "SQLite format 3"
}

// auditBad names the first entry that is not as the centre wrote it.
func (a *app) auditBad(file string, bad *audit.Bad) error {
	why := a.say("audit_changed")
	switch {
	case strings.Contains(bad.Problem, "cut off"):
		why = a.say("audit_cut")
	case strings.Contains(bad.Problem, "saw another"):
		why = a.say("audit_anew")
	case strings.Contains(bad.Problem, "stands entry"), strings.Contains(bad.Problem, "stands line"):
		why = a.say("audit_order")
	}
	f := fail(ExitFailed, "audit_bad", file, bad.Index+1, a.say("audit_log."+string(bad.Log)), bad.Number, why)
	return f.because(bad)
}
