package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/server/store"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/audit"
)

const databaseFile = "doorstep.db"

func auditCommand(out io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	group := &cobra.Command{Use: "audit", Short: "History and audit log: write them to a file, verify them", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	group.AddCommand(auditExportCommand(out, environ, now), auditVerifyCommand(out, environ))
	return group
}

// database gives the path of the data folder's database.
func database(c config) (string, error) {
	path := filepath.Join(c.Data, databaseFile)
	if _, err := os.Stat(path); err != nil {
		return "", usage("there is no database in %s; name the data folder of a centre with --data", c.Data)
	}
	return path, nil
}

func auditExportCommand(out io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	var values bool
	cmd := &cobra.Command{
		Use: "export FILE", Short: "Write history and the audit log to a file of JSON lines", Args: oneArg,
		Long: `Write history and the audit log to a file of JSON lines, beside a running centre or on a copy. 'doorstep audit verify'
reads it anywhere. Without --with-values it holds no word that anybody wrote, only hashes; the chain can be verified all
the same. The export itself is noted in the audit log, before it is made.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			path, err := database(c)
			if err != nil {
				return err
			}
			what := syncengine.AuditWhat(map[string]any{"values": values})
			if err := store.AppendAuditLine(path, c.County, syncengine.AuditEvent{At: now().UnixMilli(), Kind: "export", What: what}); err != nil {
				return err
			}
			f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return usage("the file %s cannot be made: %v; choose a new name", args[0], cause(err))
			}
			w := bufio.NewWriter(f)
			if err := errors.Join(store.ExportLogs(path, c.County, w, values), w.Flush(), f.Sync(), f.Close()); err != nil {
				return errors.Join(err, os.Remove(args[0]))
			}
			tell(out, "exported to %s\n", args[0])
			return nil
		},
	}
	addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&values, "with-values", false, "with what people wrote: personal data")
	return cmd
}

func auditVerifyCommand(out io.Writer, environ func() []string) *cobra.Command {
	var anchors []string
	cmd := &cobra.Command{
		Use: "verify [FILE]", Short: "Verify an export, a database file, or the data folder's", Args: cobra.MaximumNArgs(1),
		Long: `Verify history and audit log of an export, of a database file (a backup), or of the data folder's database: the first
entry that is not as the centre wrote it is named, and the exit code is 1. An end that was cut off, and a chain that was
made anew, are found only with an anchor noted elsewhere (--anchor, see the setting anchors.folder).`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			list, err := readAnchors(anchors)
			if err != nil {
				return err
			}
			path := ""
			if len(args) == 1 {
				path = args[0]
			} else if path, err = database(c); err != nil {
				return err
			}
			report, err := verify(path, c.County, list)
			if errors.Is(err, audit.ErrNoExport) {
				return usage("%s is neither an export of history and audit log nor a centre's database; nothing was verified", path)
			}
			var wrong *usageError
			if errors.As(err, &wrong) {
				return wrong // it names the file
			}
			if err != nil {
				return failed("%s: %w", path, err)
			}
			tell(out, "in order: %d history entries up to %d:%d, %d audit lines, %d anchors met\n", report.Entries, report.Epoch, report.Seq, report.Lines, report.Anchors)
			if len(list) == 0 {
				tell(out, "without an anchor an end that was cut off cannot be told\n")
			}
			return nil
		},
	}
	addFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&anchors, "anchor", nil, "file of anchors; may be repeated")
	return cmd
}

func readAnchors(files []string) (out []audit.Anchor, err error) {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("the anchor file %s cannot be read: %v", name, cause(err))
		}
		list, err := audit.ReadAnchors(f, filepath.Base(name))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, usage("%v", err)
		}
		out = append(out, list...)
	}
	return out, nil
}

// verify tells by its first bytes what a file is.
func verify(path string, county int64, anchors []audit.Anchor) (audit.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return audit.Report{}, usage("%s cannot be read: %v", path, cause(err))
	}
	defer f.Close()
	start := make([]byte, 16)
	if n, _ := io.ReadFull(f, start); bytes.HasPrefix(start[:n], []byte("SQLite format 3")) {
		return store.VerifyLogs(path, county, anchors)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return audit.Report{}, err
	}
	return audit.Verify(f, anchors)
}

// oneArg takes one file.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("'%s' takes one file; '%s --help' tells more", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// anchorer notes where both chains have come to, every so many commits, in a folder that may be on another disk.
type anchorer struct {
	app   *app
	every int64
	path  string
	now   func() time.Time
	wake  chan struct{}
	done  chan struct{}
	last  int64 // seq of the last anchor
}

// newAnchorer opens the file; nil if none is configured.
func newAnchorer(a *app, now func() time.Time) (*anchorer, error) {
	c := a.config
	if c.AnchorFolder == "" {
		return nil, nil
	}
	if err := os.MkdirAll(c.AnchorFolder, 0o700); err != nil {
		return nil, usage("the folder for anchors %s cannot be made: %v; correct anchors.folder", c.AnchorFolder, cause(err))
	}
	n := &anchorer{app: a, every: c.AnchorEvery, path: filepath.Join(c.AnchorFolder, fmt.Sprintf("anchors-%d.jsonl", c.County)), now: now,
		wake: make(chan struct{}, 1), done: make(chan struct{})}
	if err := n.note(0); err != nil {
		return nil, usage("an anchor cannot be written to %s: %v; correct anchors.folder", c.AnchorFolder, cause(err))
	}
	go n.run()
	return n, nil
}

// committed says that something was committed. It never blocks.
func (n *anchorer) committed() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *anchorer) run() {
	defer close(n.done)
	for range n.wake {
		if err := n.note(n.every); err != nil {
			n.app.log.Warn().Err(err).Msg("an anchor could not be written")
		}
	}
}

// stop writes a last anchor.
func (n *anchorer) stop() error {
	close(n.wake)
	<-n.done
	return n.note(1)
}

// note appends an anchor if history has come least entries further, and makes it durable.
func (n *anchorer) note(least int64) error {
	a := audit.Anchor{At: n.now().UnixMilli()}
	err := n.app.store.View(func(tx syncengine.ReadTx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		a.Epoch, a.Seq, a.History = head.Epoch, head.Seq, head.History
		last, err := tx.LastAudit()
		if err == nil && last != nil {
			a.I, a.Audit = last.I, last.Hash
		}
		return err
	})
	if err != nil || a.Seq-n.last < least {
		return err
	}
	text, err := audit.EncodeAnchor(a)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(n.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		n.last = a.Seq
	}
	return err
}

// anchored tells the anchorer of commits, besides the metrics.
type anchored struct {
	commitMetrics
	app *app
}

// Committed counts a group.
func (c anchored) Committed(changesets int, took time.Duration) {
	c.commitMetrics.Committed(changesets, took)
	if n := c.app.anchors.Load(); n != nil {
		n.committed()
	}
}

// indented writes a document for people and programs.
func indented(out io.Writer, doc any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}
