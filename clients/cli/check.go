package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// checkDoc is how a comparison with the centre ended, for programs.
type checkDoc struct {
	At       *string `json:"at,omitempty"` // in status: by this device's clock
	Scopes   int     `json:"scopes"`       // compared
	Repaired int     `json:"repaired"`     // rows that differed from the centre's and do not any more
	Local    int     `json:"local"`        // rows that did not show what the replica itself held for them
	Unmended bool    `json:"unmended"`     // something differs still
	Stopped  bool    `json:"stopped"`      // too many repairs within an hour: no check by itself for a day
}

func newCheckDoc(r se.CheckReport) checkDoc {
	return checkDoc{Scopes: r.Scopes, Repaired: r.Repaired, Local: r.Local, Unmended: r.Unmended, Stopped: r.Stopped}
}

func (a *app) checkCommand() *cobra.Command {
	var again bool
	c := a.command("check", "check [--again]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		remote, err := a.remote(cmd.Context())
		if err != nil {
			return err
		}
		report, err := a.replica.Check(cmd.Context(), remote, again)
		if device.CodeOf(err) == device.CodeOffline {
			return &fault{exit: ExitOffline, code: string(device.CodeOffline), text: a.say("check_offline"), err: err}
		}
		if err != nil {
			return err
		}
		if a.json {
			err = a.emit(newCheckDoc(report))
		} else {
			a.checkText(report)
		}
		if err == nil && (report.Unmended || report.Stopped) {
			return outcome(ExitDiffers)
		}
		return err
	})
	c.Flags().BoolVar(&again, "again", false, a.say("flag.again"))
	return c
}

// checkText says what was compared and what became of it.
func (a *app) checkText(r se.CheckReport) {
	a.print("check_scopes", r.Scopes)
	if !r.Differed() {
		a.print("check_same")
	}
	if r.Repaired > 0 {
		a.print("check_repaired", r.Repaired)
	}
	if r.Local > 0 {
		a.print("check_local", r.Local)
	}
	if r.Repaired > 0 || r.Local > 0 {
		a.print("check_kept")
	}
	if r.Unmended {
		a.print("check_unmended")
	}
	if r.Stopped {
		a.print("check_stopped")
	}
}

// repairDoc is a row that a repair changed, for programs.
type repairDoc struct {
	At      string         `json:"at"`
	Table   string         `json:"table"`
	Row     string         `json:"row"`
	Local   bool           `json:"local"`
	What    string         `json:"what"` // changed, restored, removed
	Columns []repairColumn `json:"columns"`
}

type repairColumn struct {
	Column string `json:"column"`
	Old    any    `json:"old"`
	New    any    `json:"new"`
}

func (a *app) repairsCommand() *cobra.Command {
	var limit int
	c := a.command("repairs", "repairs [--limit N]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if limit < 1 || limit > 100_000 {
			return misuse("limit_range", limit)
		}
		r, err := a.open()
		if err != nil {
			return err
		}
		list, err := r.Repairs(cmd.Context(), limit+1)
		if err != nil {
			return err
		}
		more := len(list) > limit
		list = list[:min(len(list), limit)]
		for i := range list {
			a.unsealed(r, &list[i])
		}
		if a.json {
			docs := []repairDoc{}
			for i := range list {
				docs = append(docs, newRepairDoc(r.Schema(), &list[i]))
			}
			return a.emit(map[string]any{"repairs": docs, "more": more})
		}
		return a.repairsText(cmd.Context(), r, list, more)
	})
	a.limitFlag(c, &limit)
	return c
}

// unsealed opens sealed values as far as this device holds the keys.
func (a *app) unsealed(r *device.Replica, x *device.Repaired) {
	for _, values := range []map[string]schema.Value{x.Old, x.New} {
		for name, v := range values {
			if text, ok := r.Open(x.Table, name, x.ID, v); ok {
				values[name] = schema.Text(text)
			}
		}
	}
}

// differing lists the columns in which a repair changed a row; for a row that it removed, what was in it.
func differing(t *schema.Table, x *device.Repaired) []*schema.Column {
	var out []*schema.Column
	for _, c := range t.Columns {
		if c.Type != schema.TypeID && x.Old != nil && x.Old[c.Name] != x.New[c.Name] {
			out = append(out, c)
		}
	}
	return out
}

func repairKind(x *device.Repaired) string {
	switch {
	case x.Old == nil:
		return "restored"
	case x.New == nil:
		return "removed"
	}
	return "changed"
}

func newRepairDoc(s *schema.Schema, x *device.Repaired) repairDoc {
	d := repairDoc{At: stamp(x.At), Table: x.Table, Row: string(x.ID), Local: x.Local, What: repairKind(x), Columns: []repairColumn{}}
	if t := s.Table(x.Table); t != nil {
		for _, c := range differing(t, x) {
			d.Columns = append(d.Columns, repairColumn{c.Name, document(c, x.Old[c.Name]), document(c, x.New[c.Name])})
		}
	}
	return d
}

func (a *app) repairsText(ctx context.Context, r *device.Replica, list []device.Repaired, more bool) error {
	if len(list) == 0 {
		a.print("repairs_none")
		return nil
	}
	for i := range list {
		x := &list[i]
		t := r.Schema().Table(x.Table)
		if t == nil {
			continue
		}
		what := a.say("repair." + repairKind(x))
		if x.Local {
			what += a.say("repair_local")
		}
		a.put(strings.Join([]string{a.when(x.At), a.label(t.Label), string(x.ID), what}, "  "))
		var lines [][]string
		for _, c := range differing(t, x) {
			was, err := a.repairedCell(ctx, r, c, x.Old)
			if err != nil {
				return err
			}
			now, err := a.repairedCell(ctx, r, c, x.New)
			if err != nil {
				return err
			}
			lines = append(lines, []string{"  " + a.label(c.Label), was + " → " + now})
		}
		columns(a.Out, lines)
	}
	if more {
		a.print("list_more", len(list))
	}
	a.print("repairs_hint")
	return nil
}

// repairedCell shows one side of a change, "–" for nothing.
func (a *app) repairedCell(ctx context.Context, r *device.Replica, c *schema.Column, values map[string]schema.Value) (string, error) {
	text, err := a.cell(ctx, r, c, values[c.Name])
	if text == "" {
		text = "–"
	}
	return short(text, 60), err
}
