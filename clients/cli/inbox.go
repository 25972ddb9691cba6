package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// noteDoc is a message of the centre to this device, for programs.
type noteDoc struct {
	Number   int64    `json:"number"`
	Kind     string   `json:"kind"`
	Told     string   `json:"told"` // when it came, by this device's clock
	Seq      int64    `json:"seq"`
	Conflict string   `json:"conflict,omitempty"` // id
	Table    string   `json:"table,omitempty"`
	Row      se.RowID `json:"row,omitempty"`
	Cell     string   `json:"cell,omitempty"`
	N        int64    `json:"n,omitempty"` // released, dismissed: which changeset of this device
	Choice   string   `json:"choice,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Author   string   `json:"author,omitempty"`
	Message  string   `json:"message"` // the sentence for people
}

func (a *app) inboxCommand() *cobra.Command {
	var limit int
	c := a.command("inbox", "inbox [--limit N]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if limit < 1 || limit > 100_000 {
			return misuse("limit_range", limit)
		}
		r, err := a.open()
		if err != nil {
			return err
		}
		list, err := r.Inbox(cmd.Context(), limit+1)
		if err != nil {
			return err
		}
		more := len(list) > limit
		list = list[:min(len(list), limit)]
		if a.json {
			docs := []noteDoc{}
			for i := range list {
				docs = append(docs, a.noteDoc(r.Schema(), &list[i]))
			}
			return a.emit(map[string]any{"notes": docs, "more": more})
		}
		lines := [][]string{}
		for i := range list {
			lines = append(lines, []string{a.when(list[i].Told), a.note(r.Schema(), &list[i])})
		}
		a.list(lines, more)
		return nil
	})
	a.limitFlag(c, &limit)
	return c
}

func (a *app) noteDoc(s *schema.Schema, n *device.Note) noteDoc {
	k := n.Conflict.Key
	d := noteDoc{
		Number: n.Number, Kind: string(n.Kind), Told: stamp(n.Told), Seq: n.Seq, Conflict: n.Conflict.ID, Table: k.Table, Row: k.Row, Cell: k.Cell,
		N: n.N, Choice: string(n.Choice), Reason: n.Reason, Author: n.Author, Message: a.note(s, n),
	}
	if k.Kind == se.AboutQuarantine {
		d.Conflict = ""
	}
	return d
}

// note says in plain words what a message tells.
func (a *app) note(s *schema.Schema, n *device.Note) string {
	what := a.noteRecord(s, n)
	switch n.Kind {
	case se.MessageConflict:
		return a.say("note_conflict", n.Conflict.ID, what)
	case se.MessageDecided:
		why := ""
		if n.Reason != "" {
			why = a.say("note_why", clean(n.Reason))
		}
		return a.say("note_decided", n.Conflict.ID, what, a.known("choice.", string(n.Choice)), why)
	case se.MessageEnded:
		return a.say("note_ended", n.Conflict.ID, what)
	case se.MessageReleased:
		return a.say("note_released", n.N, what)
	case se.MessageDismissed:
		return a.say("note_dismissed", n.N, what, clean(n.Reason))
	}
	return a.say("note_unknown", clean(string(n.Kind)))
}

// noteRecord names the record and the column that a message is about.
func (a *app) noteRecord(s *schema.Schema, n *device.Note) string {
	k := n.Conflict.Key
	t := s.Table(k.Table)
	if t == nil {
		return strings.TrimSpace(clean(k.Table) + " " + clean(string(k.Row)))
	}
	return strings.TrimSpace(a.label(t.Label) + " " + string(k.Row) + " " + a.cellLabel(t, k.Cell))
}
