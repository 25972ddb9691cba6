package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// statusDoc is where a replica stands, for programs.
type statusDoc struct {
	Replica   string         `json:"replica"`
	Device    string         `json:"device"`
	Account   string         `json:"account"`
	Centre    string         `json:"centre"`
	Cursor    string         `json:"cursor"`
	Snapshot  bool           `json:"snapshot"` // false: the first download is still to come
	Download  *downloadDoc   `json:"download"` // a snapshot that is being taken, by this program or another; null = none is
	Outbox    int            `json:"outbox"`
	Unsealed  bool           `json:"unsealed"`
	Oldest    *string        `json:"oldest"`    // when the oldest of the outbox was written
	LastSync  *string        `json:"last_sync"` // by this device's clock
	Refused   int            `json:"refused"`
	Conflicts int            `json:"conflicts"`
	Decided   int            `json:"decided"` // conflicts of this device that were decided or ended
	Grants    []grantDoc     `json:"grants"`
	Rows      map[string]int `json:"rows"` // by record type
	Notices   []noticeDoc    `json:"notices"`
	Check     *checkDoc      `json:"check"`            // how the last comparison with the centre ended; null = none yet
	Repaired  int            `json:"repaired"`         // rows that checks mended: see repairs
	Locked    bool           `json:"locked"`           // for want of contact
	LocksAt   *string        `json:"locks_at"`         // when the records lock without contact; null = they do not
	Became    []becameDoc    `json:"became,omitempty"` // devices that this replica became, the newest first
	Asides    []asideDoc     `json:"asides,omitempty"` // copies that were set aside when the centre was restored
}

// downloadDoc is how much of a snapshot is here. It is shown when all of it is.
type downloadDoc struct {
	Rows     int `json:"rows"`
	AllRows  int `json:"all_rows"`
	Bytes    int `json:"bytes"`
	AllBytes int `json:"all_bytes"`
}

func newDownloadDoc(t session.Taken) *downloadDoc {
	if t == (session.Taken{}) {
		return nil
	}
	return &downloadDoc{t.Rows, t.AllRows, t.Bytes, t.AllBytes}
}

type grantDoc struct {
	Scope string `json:"scope"`
	Name  string `json:"name"` // of the scope; "" where an older centre left it out
	Role  string `json:"role"`
}

func optional(ms int64) *string {
	if ms == 0 {
		return nil
	}
	s := stamp(ms)
	return &s
}

func (a *app) statusCommand() *cobra.Command {
	var check bool
	c := a.command("status", "status [--check]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		r, err := a.open()
		if err != nil {
			return err
		}
		s, err := r.Status(cmd.Context())
		if err != nil {
			return err
		}
		if s.Identity.Device == "" {
			return fail(ExitNotAllowed, "not_enrolled")
		}
		doc := statusDoc{
			Replica: absolute(r.Path()), Device: s.Identity.Device, Account: s.Identity.Account, Centre: s.Identity.Centre,
			Cursor: base(s.Cursor), Snapshot: s.View != "", Download: newDownloadDoc(s.Staged), Outbox: s.Outbox, Unsealed: s.Unsealed, Oldest: optional(s.Oldest),
			LastSync: optional(s.LastSync), Refused: s.Refused, Conflicts: s.Open, Grants: []grantDoc{}, Rows: map[string]int{}, Notices: a.notices(s.Notices),
			Became: becameDocs(s.Became), Asides: asideDocs(s.Asides),
		}
		for _, g := range s.Grants {
			doc.Grants = append(doc.Grants, grantDoc{g.Scope, g.Name, g.Role})
		}
		a.selfDoc(&s, &doc)
		switch list, err := r.Conflicts(cmd.Context()); {
		case err == nil:
			doc.Decided = len(list) - s.Open
		case !shut(err):
			return err
		}
		if err := a.counted(cmd.Context(), r, &doc); err != nil {
			return err
		}
		if a.json {
			err = a.emit(doc)
		} else {
			a.statusText(r, s, doc)
		}
		switch {
		case err != nil || !check:
			return err
		case s.Refused > 0:
			return outcome(ExitRefused)
		case s.Open > 0:
			return outcome(ExitConflicts)
		}
		return nil
	})
	c.Flags().BoolVar(&check, "check", false, a.say("flag.check_status"))
	return c
}

func (a *app) statusText(r *device.Replica, s device.Status, d statusDoc) {
	last := a.when(s.LastSync)
	if last == "" {
		last = a.say("never")
	}
	lines := [][]string{
		{a.say("status.replica"), d.Replica},
		{a.say("status.device"), d.Device},
		{a.say("status.centre"), d.Centre},
	}
	for i, b := range d.Became {
		lines = append(lines, []string{a.say("status.became"), a.say("became_at", b.Parent, a.when(s.Became[i].At))})
	}
	lines = append(lines, [][]string{
		{a.say("status.last_sync"), last},
		{a.say("status.cursor"), d.Cursor},
	}...)
	if x := d.Download; x != nil {
		lines = append(lines, []string{a.say("status.download"), a.say("download_at", x.Rows, x.AllRows, megabytes(x.Bytes), megabytes(x.AllBytes))})
	}
	if len(s.Checks) > 0 && s.Checks[0].Scopes > 0 {
		lines = append(lines, []string{a.say("status.checked"), a.checkedText(&s.Checks[0])})
	}
	for _, g := range d.Grants {
		role := g.Role
		if x := r.Schema().Roles[g.Role]; x != nil {
			role = a.label(x.Label)
		}
		lines = append(lines, []string{a.say("status.grant"), strings.Join(strings.Fields(g.Scope+" "+clean(g.Name)+" "+role), " ")})
	}
	columns(a.Out, lines)
	if len(d.Grants) == 0 && d.Snapshot {
		a.print("status.no_grants")
	}
	for _, t := range r.Schema().Tables {
		if n := d.Rows[t.Name]; n > 0 {
			fmt.Fprintf(a.Out, "  %s %d\n", a.label(t.Label), n)
		}
	}
	switch {
	case d.Outbox > 0:
		a.print("status.waiting", d.Outbox, a.when(s.Oldest))
	case !d.Unsealed:
		a.print("status.nothing_waiting")
	}
	if d.Unsealed {
		a.print("status.unsealed")
	}
	if d.Refused > 0 {
		a.print("status.refused", d.Refused)
	}
	if d.Conflicts > 0 {
		a.print("status.conflicts", d.Conflicts)
	}
	if d.Decided > 0 {
		a.print("status.over", d.Decided)
	}
	a.selfText(&s, &d)
	a.statusAsides(d)
	for _, n := range d.Notices {
		fmt.Fprintln(a.Out, n.Text)
	}
}

// conflictDoc is a conflict as a device knows it, for programs.
type conflictDoc struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Table  string `json:"table"`
	Row    string `json:"row"`
	Cell   string `json:"cell"`        // "" for the whole record
	N      int64  `json:"n,omitempty"` // changeset of this device that is in it
	Open   bool   `json:"open"`
	Choice string `json:"choice,omitempty"` // how it was decided
	Author string `json:"author,omitempty"` // the other account
}

func newConflictDoc(x device.Conflict) conflictDoc {
	return conflictDoc{x.ID, string(x.Key.Kind), x.Key.Table, string(x.Key.Row), x.Key.Cell, x.N, x.Open, string(x.Choice), x.Author}
}

func (a *app) conflictsCommand() *cobra.Command {
	var all, check bool
	c := a.command("conflicts", "conflicts [--all] [--check]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		r, err := a.open()
		if err != nil {
			return err
		}
		list, err := r.Conflicts(cmd.Context())
		if err != nil {
			return err
		}
		docs, open := []conflictDoc{}, 0
		for _, x := range list {
			if x.Open {
				open++
			} else if !all {
				continue
			}
			docs = append(docs, newConflictDoc(x))
		}
		if a.json {
			err = a.emit(map[string]any{"conflicts": docs})
		} else {
			err = a.conflictsText(cmd.Context(), r, docs, open)
		}
		if err == nil && check && open > 0 {
			return outcome(ExitConflicts)
		}
		return err
	})
	c.Flags().BoolVar(&all, "all", false, a.say("flag.all_conflicts"))
	c.Flags().BoolVar(&check, "check", false, a.say("flag.check_conflicts"))
	return c
}

func (a *app) conflictsText(ctx context.Context, r *device.Replica, docs []conflictDoc, open int) error {
	if len(docs) == 0 {
		a.print("conflicts_none")
		return nil
	}
	for _, d := range docs {
		line, err := a.conflictLine(ctx, r, d)
		if err != nil {
			return err
		}
		a.put(line)
	}
	if open > 0 {
		a.print("conflicts_hint")
	}
	return nil
}

// conflictLine tells a conflict as this device sees it: which cell of which record, whether it is open, else how it
// ended and what the cell holds now.
func (a *app) conflictLine(ctx context.Context, r *device.Replica, d conflictDoc) (string, error) {
	t := r.Schema().Table(d.Table)
	what, cell := d.Table, d.Cell
	if t != nil {
		what, cell = a.label(t.Label), a.cellLabel(t, d.Cell)
	}
	state := a.say("conflict_open")
	switch {
	case d.Open:
	case d.Choice == "":
		state = a.say("conflict_ended")
	default:
		state = a.say("conflict_decided", a.known("choice.", d.Choice))
	}
	if !d.Open && t != nil {
		now, err := a.cellNow(ctx, r, t, d)
		if err != nil {
			return "", err
		}
		if now != "" {
			state = a.say("conflict_now", state, now)
		}
	}
	return d.ID + "  " + a.known("kind.", d.Kind) + "  " + strings.TrimRight(what+" "+d.Row+" "+cell, " ") + "  " + state, nil
}

// cellNow shows what a conflict's cell holds on this device, and whether that is what it wrote itself; "" for a whole record, or one that is not here any more.
func (a *app) cellNow(ctx context.Context, r *device.Replica, t *schema.Table, d conflictDoc) (string, error) {
	cell := t.Cell(d.Cell)
	if cell == nil {
		return "", nil
	}
	row, err := r.Get(ctx, t.Name, se.RowID(d.Row))
	if device.CodeOf(err) == device.CodeNoRow {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	wrote, err := r.Wrote(ctx, se.ConflictKey{Table: d.Table, Row: se.RowID(d.Row), Cell: d.Cell})
	if err != nil {
		return "", err
	}
	yours := len(wrote) == len(cell.Columns)
	var parts []string
	for i, c := range cell.Columns {
		yours = yours && wrote[i] == row.Values[c.Name]
		text, err := a.cell(ctx, r, c, row.Values[c.Name])
		if err != nil {
			return "", err
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	now := short(strings.Join(parts, a.say("comma")), 40)
	switch {
	case now == "" || len(wrote) == 0:
		return now, nil
	case yours:
		return now + a.say("conflict_yours"), nil
	}
	return now + a.say("conflict_other"), nil
}

// openConflicts lists, by record type and id, the conflicts that a row is in.
func openConflicts(ctx context.Context, r *device.Replica) (map[[2]string][]string, error) {
	list, err := r.Conflicts(ctx)
	out := map[[2]string][]string{}
	for _, x := range list {
		if k := [2]string{x.Key.Table, string(x.Key.Row)}; x.Open {
			out[k] = append(out[k], x.ID)
		}
	}
	return out, err
}

// cellLabel gives the labels of a cell's columns; "" for the whole row.
func (a *app) cellLabel(t *schema.Table, name string) string {
	cell := t.Cell(name)
	if cell == nil {
		return name
	}
	out := ""
	for i, c := range cell.Columns {
		if i > 0 {
			out += a.say("comma")
		}
		out += a.label(c.Label)
	}
	return out
}
