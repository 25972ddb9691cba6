package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

// maxImport is what the centre takes as one file.
const maxImport = 16 << 20

// readFile reads a file to be sent; "-" is standard input.
func (a *app) readFile(name string) ([]byte, error) {
	in := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, wrong("file_unread", clean(name)).because(err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	switch {
	case err != nil:
		return nil, wrong("file_unread", clean(name)).because(err)
	case len(text) > maxImport:
		return nil, wrong("file_large", clean(name), maxImport>>20)
	}
	return text, nil
}

func (a *app) orgCommand() *cobra.Command {
	return a.group("org", "org", a.orgImportCommand(), a.orgListCommand(), a.orgShowCommand())
}

func (a *app) orgImportCommand() *cobra.Command {
	return a.importCommand("org_import", func(cmd *cobra.Command, dry bool, body io.Reader) (*http.Response, []byte, *restclient.ImportReport, *restclient.ImportReport, error) {
		client, err := a.centre()
		if err != nil {
			return nil, nil, nil, nil, err
		}
		r, err := client.OrgImportWithBodyWithResponse(cmd.Context(), &restclient.OrgImportParams{DryRun: &dry}, "text/csv", body)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		return r.HTTPResponse, r.Body, r.JSON200, r.JSON422, nil
	})
}

type importing func(*cobra.Command, bool, io.Reader) (*http.Response, []byte, *restclient.ImportReport, *restclient.ImportReport, error)

// importCommand sends a CSV file and tells what came of it, errors with their lines. A file with errors imports nothing.
func (a *app) importCommand(key string, send importing) *cobra.Command {
	var dry bool
	c := a.command(key, "import FILE [--dry-run]", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		text, err := a.readFile(args[0])
		if err != nil {
			return err
		}
		resp, body, good, bad, err := send(cmd, dry, bytes.NewReader(text))
		report := good
		if bad != nil && bad.Errors > 0 {
			report = bad
		}
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return report != nil, body, resp }); err != nil {
			return err
		}
		if a.json {
			if err := a.emit(report); err != nil {
				return err
			}
		} else {
			a.printImport(report)
		}
		if !report.Ok {
			return fail(ExitUsage, "import_errors", report.Errors)
		}
		return nil
	})
	c.Flags().BoolVar(&dry, "dry-run", false, a.say("flag.dry_run"))
	return c
}

func (a *app) printImport(r *restclient.ImportReport) {
	for _, list := range [][]restclient.Finding{r.Findings, r.Hints} {
		for _, f := range list {
			where := ""
			if f.Column != nil {
				where = " " + clean(*f.Column)
			}
			if f.Line == 0 { // about the file as a whole
				fmt.Fprintln(a.Out, clean(f.Message))
				continue
			}
			a.print("import_line", f.Line, where, clean(f.Message))
		}
	}
	if left := r.Errors - int64(len(r.Findings)); left > 0 {
		a.print("import_more", left)
	}
	key := "import_done"
	switch {
	case !r.Ok:
		key = "import_nothing"
	case r.DryRun:
		key = "import_dry"
	}
	a.print(key, r.Rows, r.New, r.Changed, r.Unchanged)
	if r.Levels != nil {
		var names []string
		for l := range *r.Levels {
			names = append(names, l)
		}
		sort.Slice(names, func(i, j int) bool { return slices.Index(levels, names[i]) < slices.Index(levels, names[j]) })
		for _, l := range names {
			fmt.Fprintf(a.Out, "  %s %d\n", a.levelLabel(l), (*r.Levels)[l])
		}
	}
}

// levels are those of org units, from the top.
var levels = []string{"province", "city", "county", "street", "community", "grid"}

func (a *app) levelLabel(l string) string {
	if slices.Contains(levels, l) {
		return a.say("level." + l)
	}
	return clean(l)
}

func (a *app) orgListCommand() *cobra.Command {
	var parent, level string
	var limit int
	c := a.command("org_list", "list [--parent CODE] [--level LEVEL] [--limit N]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if level != "" && !slices.Contains(levels, level) {
			return misuse("level_unknown", clean(level), strings.Join(levels, ", "))
		}
		if err := tooLong("--parent", parent, 20); err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		units, more, err := pages(limit, func(after *string, n *int64) ([]restclient.Unit, *string, error) {
			p := &restclient.OrgListParams{After: after, Limit: n, Parent: given(parent)}
			if level != "" {
				l := restclient.OrgListParamsLevel(level)
				p.Level = &l
			}
			r, err := client.OrgListWithResponse(cmd.Context(), p)
			if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
				return nil, nil, err
			}
			return r.JSON200.Units, r.JSON200.Next, nil
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"units": units, "more": more})
		}
		lines := make([][]string, len(units))
		for i, u := range units {
			lines[i] = []string{clean(u.Code), clean(u.LevelLabel), clean(u.Name), clean(text(u.Parent)), a.ended(u.EndedAt)}
		}
		a.list(lines, more)
		return nil
	})
	c.Flags().StringVar(&parent, "parent", "", a.say("flag.parent"))
	c.Flags().StringVar(&level, "level", "", a.say("flag.level"))
	a.limitFlag(c, &limit)
	return c
}

func (a *app) orgShowCommand() *cobra.Command {
	return a.command("org_show", "show CODE", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		if err := notEmpty("CODE", args[0], 20); err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		r, err := client.OrgShowWithResponse(cmd.Context(), args[0])
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		u := r.JSON200
		for _, up := range u.Path {
			fmt.Fprintf(a.Out, "%s %s %s\n", clean(up.Code), clean(up.LevelLabel), clean(up.Name))
		}
		fmt.Fprintf(a.Out, "%s %s %s %s\n", clean(u.Code), clean(u.LevelLabel), clean(u.Name), a.ended(u.EndedAt))
		if u.Successor != nil {
			a.print("org_successor", clean(*u.Successor))
		}
		return nil
	})
}

func (a *app) staffingCommand() *cobra.Command {
	var all bool
	c := a.command("staffing", "staffing [CODE] [--all]", a.between(0, 1), func(cmd *cobra.Command, args []string) error {
		p := &restclient.StaffingParams{}
		if len(args) == 1 {
			if err := notEmpty("CODE", args[0], 20); err != nil {
				return err
			}
			p.Scope = &args[0]
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		r, err := client.StaffingWithResponse(cmd.Context(), p)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		var lines [][]string
		for _, g := range r.JSON200.Grids {
			if !g.Ok || all {
				lines = append(lines, []string{clean(g.Grid.Code), clean(g.Grid.Name), fmt.Sprint(g.Households), clean(text(g.Message))})
			}
		}
		columns(a.Out, lines)
		a.print("staffing_sum", len(r.JSON200.Grids), r.JSON200.Flagged, r.JSON200.Min, r.JSON200.Max)
		return nil
	})
	c.Flags().BoolVar(&all, "all", false, a.say("flag.all_grids"))
	return c
}
