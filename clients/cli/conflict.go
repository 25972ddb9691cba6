package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func (a *app) conflictCommand() *cobra.Command {
	return a.group("conflict", "conflict", a.conflictListCommand(), a.conflictShowCommand(), a.conflictDecideCommand())
}

func (a *app) conflictListCommand() *cobra.Command {
	var closed, check bool
	var scope string
	var limit int
	c := a.command("conflict_list", "list [--closed] [--scope CODE] [--limit N] [--check]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if err := tooLong("--scope", scope, 20); err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		status := restclient.ConflictListParamsStatus("open")
		if closed {
			status = "closed"
		}
		list, more, err := pages(limit, func(after *string, n *int64) ([]restclient.ConflictHead, *string, error) {
			r, err := client.ConflictListWithResponse(cmd.Context(), &restclient.ConflictListParams{Status: &status, Scope: given(scope), After: after, Limit: n})
			if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
				return nil, nil, err
			}
			return r.JSON200.Conflicts, r.JSON200.Next, nil
		})
		if err != nil {
			return err
		}
		if a.json {
			err = a.emit(map[string]any{"conflicts": list, "more": more})
		} else {
			a.conflictLines(list, more)
		}
		if err == nil && check && !closed && len(list) > 0 {
			return outcome(ExitConflicts)
		}
		return err
	})
	c.Flags().BoolVar(&closed, "closed", false, a.say("flag.closed"))
	c.Flags().StringVar(&scope, "scope", "", a.say("flag.scope"))
	c.Flags().BoolVar(&check, "check", false, a.say("flag.check_conflicts"))
	a.limitFlag(c, &limit)
	return c
}

func (a *app) conflictLines(list []restclient.ConflictHead, more bool) {
	lines := make([][]string, len(list))
	for i, x := range list {
		state := a.say("candidates", x.CandidateCount)
		if !x.Open {
			state = strings.TrimSpace(a.outcome(text(x.Outcome)) + " " + clean(text(x.DecidedBy)) + " " + clean(text(x.Reason)))
		}
		lines[i] = []string{x.Id, a.kind(string(x.Kind)), clean(x.RecordLabel), clean(x.CellLabel), clean(x.ScopeName), state}
	}
	a.list(lines, more)
}

// kind and outcome give words for what may be newer than this program.
func (a *app) kind(k string) string { return a.known("kind.", k) }

func (a *app) outcome(o string) string { return a.known("choice.", o) }

func (a *app) known(prefix, word string) string {
	if _, ok := catalogue[prefix+word]; ok {
		return a.say(prefix + word)
	}
	return clean(word)
}

// seen is what a person was shown of a conflict: a decision rests on it, and on nothing that came later.
type seen struct {
	Epoch  int64                `json:"epoch"`
	ReadAt int64                `json:"read_at"`
	Shown  []restclient.WriteID `json:"shown"`
}

// shownFile keeps, by server and conflict, what was shown last; no values. It is bounded by maxSeen.
const (
	shownFile = "shown.json"
	maxSeen   = 500
)

func (a *app) seenAll() map[string]seen {
	out := map[string]seen{}
	dir, err := a.config()
	if err != nil {
		return out
	}
	if body, err := os.ReadFile(filepath.Join(dir, shownFile)); err == nil && json.Unmarshal(body, &out) != nil {
		return map[string]seen{}
	}
	return out
}

func (a *app) seenKey(id string) (string, error) {
	s, err := a.session()
	return s.Server + " " + s.Login + " " + id, err
}

func (a *app) remember(c *restclient.Conflict) error {
	key, err := a.seenKey(c.Id)
	if err != nil {
		return err
	}
	x := seen{Epoch: c.Epoch, ReadAt: c.ReadAt, Shown: []restclient.WriteID{}}
	for _, s := range c.Candidates {
		if s.Id != nil {
			x.Shown = append(x.Shown, *s.Id)
		}
	}
	all := a.seenAll()
	for k, old := range all {
		if len(all) >= maxSeen && old.ReadAt < c.ReadAt {
			delete(all, k)
		}
	}
	all[key] = x
	return a.keep(shownFile, all)
}

func (a *app) conflictShowCommand() *cobra.Command {
	return a.command("conflict_show", "show ID", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		if err := notEmpty("ID", args[0], 40); err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		r, err := client.ConflictShowWithResponse(cmd.Context(), args[0])
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			if err := a.emit(r.JSON200); err != nil {
				return err
			}
		} else {
			a.conflictText(r.JSON200)
		}
		return a.remember(r.JSON200)
	})
}

// conflictText prints the sides beside each other: what stands, then the candidates by number.
func (a *app) conflictText(c *restclient.Conflict) {
	fmt.Fprintf(a.Out, "%s  %s  %s %s  %s\n", c.Id, a.kind(string(c.Kind)), clean(c.RecordLabel), c.Row, clean(c.ScopeName))
	if !c.Open {
		a.print("conflict_closed", a.outcome(text(c.Outcome)), clean(text(c.DecidedBy)), clean(text(c.Reason)))
	}
	sides := append([]restclient.Side{c.Standing}, c.Candidates...)
	t := a.recordType(c.Record)
	head := []string{"", a.say("standing")}
	if string(c.Kind) == string(se.ConflictDuplicate) {
		head[1] += " [0]"
	}
	for i := range c.Candidates {
		head = append(head, fmt.Sprintf("[%d]", i+1))
	}
	lines := [][]string{head,
		a.sideLine("side.who", sides, func(s restclient.Side) string { return clean(text(s.AuthorName)) }),
		a.sideLine("side.device", sides, func(s restclient.Side) string { return clean(text(s.DeviceLabel)) }),
		a.sideLine("side.when", sides, a.sideWhen),
		a.sideLine("side.received", sides, func(s restclient.Side) string { return a.moment(s.ReceivedAt) }),
		a.sideLine("side.row", sides, func(s restclient.Side) string { return text(s.Row) }),
		a.sideLine("side.merged", sides, func(s restclient.Side) string { return text(s.MergedInto) }),
	}
	if string(c.Kind) == string(se.ConflictDelete) {
		lines = append(lines, a.sideLine("side.what", sides, func(s restclient.Side) string {
			if s.Deleted != nil && *s.Deleted {
				return a.say("side.deleted")
			}
			return a.say("side.edited")
		}))
	}
	for _, col := range sideColumns(sides) {
		line := []string{clean(col.Label)}
		for _, s := range sides {
			line = append(line, a.sideValue(t, s, col.Column))
		}
		lines = append(lines, line)
	}
	lines = slices.DeleteFunc(lines, func(l []string) bool { return strings.Join(l[1:], "") == "" })
	columns(a.Out, lines)
	if len(c.RecordValues) > 0 {
		var rest [][]string
		for _, v := range c.RecordValues {
			if v.Text != "" {
				rest = append(rest, []string{"  " + clean(v.Label), short(a.apiText(t, v), 60)})
			}
		}
		a.print("conflict_record")
		columns(a.Out, rest)
	}
	if !c.MayDecide {
		fmt.Fprintln(a.Out, clean(text(c.Note)))
		return
	}
	if string(c.Kind) == string(se.ConflictDelete) {
		a.print("conflict_deleted")
	}
	a.print("conflict_choices", c.Id, strings.Join(choiceForms(c.Choices), "|"))
}

// choiceForms gives the choices as they are typed.
func choiceForms(list []string) []string {
	out := slices.Clone(list)
	for i, x := range out {
		switch x {
		case "take", "restore", "renumber":
			out[i] = x + " N"
		case "merge":
			out[i] = "merge --into N"
		case "set":
			out[i] = "set column=value"
		}
	}
	return out
}

func (a *app) sideLine(key string, sides []restclient.Side, get func(restclient.Side) string) []string {
	line := []string{a.say(key)}
	for _, s := range sides {
		line = append(line, get(s))
	}
	return line
}

func (a *app) sideWhen(s restclient.Side) string {
	out := a.moment(s.EffectiveAt)
	if s.SuspectClock != nil && *s.SuspectClock {
		out += " " + a.say("suspect")
	}
	return out
}

// sideColumns lists the columns that any side has a value for, in their order.
func sideColumns(sides []restclient.Side) []restclient.Value {
	var out []restclient.Value
	for _, s := range sides {
		for _, v := range s.Values {
			if v.Text != "" && !slices.ContainsFunc(out, func(x restclient.Value) bool { return x.Column == v.Column }) {
				out = append(out, v)
			}
		}
	}
	return out
}

// recordType gives the declarations of a record type, nil where this program has none.
func (a *app) recordType(name string) *schema.Table {
	s, err := a.schema()
	if err != nil {
		return nil
	}
	return s.Table(name)
}

// apiText is a value's text as the centre gives it, times in this person's zone.
func (a *app) apiText(t *schema.Table, v restclient.Value) string {
	if t == nil {
		return v.Text
	}
	if c := t.Column(v.Column); c != nil && c.Type == schema.TypeTime {
		if at, err := time.Parse(time.RFC3339, fmt.Sprint(v.Value)); err == nil {
			return a.when(at.UnixMilli())
		}
	}
	return v.Text
}

func (a *app) sideValue(t *schema.Table, s restclient.Side, column string) string {
	if s.Deleted != nil && *s.Deleted && len(s.Values) == 0 {
		return a.say("side.deleted")
	}
	for _, v := range s.Values {
		if v.Column == column {
			return short(a.apiText(t, v), 40)
		}
	}
	return ""
}

var choices = []string{"keep", "take", "restore", "set", "both", "merge", "split", "renumber"}

func (a *app) conflictDecideCommand() *cobra.Command {
	var reason, readAt, shown string
	var m mergeFlags
	c := a.command("conflict_decide", "decide ID keep|take N|restore N|set column=value …|both|merge --into N [--from column=N …]|split|renumber N [--reason TEXT]", a.between(1, -1), func(cmd *cobra.Command, args []string) error {
		choice, rest, err := m.choice(args[1:])
		if err != nil {
			return err
		}
		id := args[0]
		if err := errors.Join(notEmpty("ID", id, 40), tooLong("--reason", reason, 500)); err != nil {
			return err
		}
		if !slices.Contains(choices, choice) {
			return misuse("choice_unknown", clean(choice), strings.Join(choices, ", "))
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		at, err := a.screen(id, readAt, shown)
		if err != nil {
			return err
		}
		in := restclient.DecideInputBody{Choice: restclient.DecideInputBodyChoice(choice), Epoch: at.Epoch, ReadAt: at.ReadAt, Shown: at.Shown, Reason: given(reason)}
		if choice == "restore" && len(rest) == 0 && len(at.Shown) == 1 {
			rest = []string{"1"}
		}
		if err := m.fit(choice); err != nil {
			return err
		}
		switch choice {
		case "take", "restore", "renumber":
			if in.Take, err = candidate(at, choice, rest); err != nil {
				return err
			}
		case "merge", "split":
			if len(rest) > 0 {
				return misuse("args_many", clean(rest[0]))
			}
			if err := a.merging(cmd, client, id, &m, &in); err != nil {
				return err
			}
		case "set":
			if in.Values, err = a.decided(cmd, client, id, rest); err != nil {
				return err
			}
		default:
			if len(rest) > 0 {
				return misuse("args_many", clean(rest[0]))
			}
		}
		r, err := client.ConflictDecideWithResponse(cmd.Context(), id, in)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return a.moved(err, id)
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		if r.JSON200.Open {
			a.print("decided_open", id, r.JSON200.Seq, r.JSON200.CandidateCount)
			return nil
		}
		a.print("decided", id, r.JSON200.Seq)
		return nil
	})
	c.Flags().StringVar(&reason, "reason", "", a.say("flag.reason"))
	c.Flags().StringVar(&readAt, "read-at", "", a.say("flag.read_at_conflict"))
	c.Flags().StringVar(&shown, "shown", "", a.say("flag.shown"))
	m.flags(a, c)
	return c
}

// staleDecision is how the centre names the rules that a decision breaks when the conflict went on: an optional column
// stands before the rule.
var staleDecision = regexp.MustCompile(`bad_decision( \w+)? (candidate|closed|choice|state)\b`)

// moved tells a decision that came too late in plain words: somebody wrote into the conflict after it was shown.
func (a *app) moved(err error, id string) error {
	var f *fault
	if !errors.As(err, &f) || f.code != "decision_refused" {
		return err
	}
	if staleDecision.MatchString(f.text) {
		return &fault{exit: f.exit, code: f.code, text: a.say("decision_moved", clean(id)), err: err}
	}
	return err
}

// screen is what the decision rests on: what `conflict show` showed last, or what the flags say.
func (a *app) screen(id, readAt, shown string) (seen, error) {
	if (readAt == "") != (shown == "") {
		return seen{}, misuse("shown_alone")
	}
	if readAt == "" {
		key, err := a.seenKey(id)
		if err != nil {
			return seen{}, err
		}
		x, ok := a.seenAll()[key]
		if !ok || len(x.Shown) == 0 {
			return seen{}, misuse("not_shown", clean(id))
		}
		return x, nil
	}
	at, err := parseBase(readAt)
	if err != nil {
		return seen{}, err
	}
	x := seen{Epoch: at.Epoch, ReadAt: at.Seq}
	for _, part := range strings.Split(shown, ",") {
		dev, n, ok := strings.Cut(strings.TrimSpace(part), ":")
		num, err := strconv.ParseInt(n, 10, 64)
		if !ok || err != nil || num < 1 || !schema.IsUUID(dev) {
			return x, misuse("shown_form", clean(part))
		}
		x.Shown = append(x.Shown, restclient.WriteID{Device: dev, N: num})
	}
	return x, nil
}

// candidate picks the one that was shown under a number.
func candidate(at seen, choice string, rest []string) (*restclient.WriteID, error) {
	if len(rest) != 1 {
		return nil, misuse("candidate_missing", choice, len(at.Shown))
	}
	n, err := strconv.Atoi(rest[0])
	if err != nil || n < 1 || n > len(at.Shown) {
		return nil, misuse("candidate_range", clean(rest[0]), len(at.Shown))
	}
	return &at.Shown[n-1], nil
}

// decided reads the values of a `set`. Which columns there are stands with the conflict.
func (a *app) decided(cmd *cobra.Command, client *restclient.ClientWithResponses, id string, rest []string) (*map[string]any, error) {
	if len(rest) == 0 {
		return nil, misuse("set_missing")
	}
	r, err := client.ConflictShowWithResponse(cmd.Context(), id)
	if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
		return nil, err
	}
	t, err := a.table(r.JSON200.Record)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	bad := &fault{exit: ExitUsage, code: "bad_value"}
	for _, arg := range rest {
		x, err := a.assignment(t, arg, false)
		if err != nil {
			return nil, err
		}
		if _, twice := out[x.col.Name]; twice {
			return nil, misuse("column_twice", x.col.Name)
		}
		v, err := a.parse(t, x.col, x.text)
		if p := (*schema.Problem)(nil); errors.As(err, &p) {
			bad.cols = append(bad.cols, p)
		} else if err != nil {
			return nil, err
		}
		out[x.col.Name] = document(x.col, v)
	}
	if len(bad.cols) > 0 {
		return nil, bad
	}
	return &out, nil
}
