package cli

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
	"github.com/doorstep-sync/doorstep/schema"
)

// mergeFlags are what a decision about records entered twice needs besides the choice, and choices given as flags.
type mergeFlags struct {
	into    string
	retired []string
	from    []string
	given   map[string]*bool
}

func (m *mergeFlags) flags(a *app, c *cobra.Command) {
	c.Flags().StringVar(&m.into, "into", "", a.say("flag.into"))
	c.Flags().StringArrayVar(&m.retired, "record", nil, a.say("flag.record"))
	c.Flags().StringArrayVar(&m.from, "from", nil, a.say("flag.pick"))
	m.given = map[string]*bool{}
	for _, choice := range []string{"keep", "restore", "both", "merge", "split"} {
		m.given[choice] = c.Flags().Bool(choice, false, a.say("flag.choice", choice))
	}
}

// choice takes the decision from the arguments, or from the flag of that name.
func (m *mergeFlags) choice(args []string) (choice string, rest []string, err error) {
	for _, c := range choices {
		if p := m.given[c]; p == nil || !*p {
			continue
		}
		if choice != "" {
			return "", nil, misuse("choice_twice", choice, c)
		}
		choice = c
	}
	if choice != "" {
		return choice, args, nil
	}
	if len(args) == 0 {
		return "", nil, misuse("choice_missing", strings.Join(choices, ", "))
	}
	return args[0], args[1:], nil
}

// fit refuses flags that another choice would need.
func (m *mergeFlags) fit(choice string) error {
	switch {
	case choice == "merge" && m.into == "":
		return misuse("into_missing")
	case choice != "merge" && (m.into != "" || len(m.from) > 0), choice != "merge" && choice != "split" && len(m.retired) > 0:
		return misuse("merge_flags", choice)
	}
	return nil
}

// merging fills in the records of a merge or split, which are named as `conflict show` numbers them, or by id.
func (a *app) merging(cmd *cobra.Command, client *restclient.ClientWithResponses, id string, m *mergeFlags, in *restclient.DecideInputBody) error {
	r, err := client.ConflictShowWithResponse(cmd.Context(), id)
	if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
		return err
	}
	rows := []string{text(r.JSON200.Standing.Row)}
	for _, s := range r.JSON200.Candidates {
		rows = append(rows, text(s.Row))
	}
	if m.into != "" {
		into, err := recordOf(rows, m.into)
		if err != nil {
			return err
		}
		in.Into = &into
	}
	var retired []string
	for _, x := range m.retired {
		row, err := recordOf(rows, x)
		if err != nil {
			return err
		}
		retired = append(retired, row)
	}
	if len(retired) > 0 {
		in.Retired = &retired
	}
	from := map[string]string{}
	for _, x := range m.from {
		name, which, ok := strings.Cut(x, "=")
		if !ok {
			return misuse("from_form", clean(x))
		}
		row, err := recordOf(rows, which)
		if err != nil {
			return err
		}
		if t := a.recordType(r.JSON200.Record); t != nil {
			if c := column(t, name); c != nil {
				name = c.Name
			}
		}
		if from[name] != "" {
			return misuse("column_twice", clean(name))
		}
		from[name] = row
	}
	if len(from) > 0 {
		in.From = &from
	}
	return nil
}

// recordOf gives the record that is meant: its number, 0 for what stands, its id, or the beginning of it.
func recordOf(rows []string, typed string) (string, error) {
	if schema.IsUUID(typed) {
		return typed, nil // also one that is not shown any more
	}
	if n, err := strconv.Atoi(typed); err == nil && n >= 0 && n < len(rows) {
		return rows[n], nil
	}
	fits := slices.DeleteFunc(slices.Clone(rows), func(id string) bool { return len(typed) < 4 || !strings.HasPrefix(id, typed) })
	if len(fits) == 1 {
		return fits[0], nil
	}
	return "", misuse("record_range", clean(typed), len(rows)-1)
}
