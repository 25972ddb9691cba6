package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
	"github.com/doorstep-sync/doorstep/schema"
)

func (a *app) accountCommand() *cobra.Command {
	return a.group("account", "account", a.accountCreateCommand(), a.accountListCommand(), a.accountDisableCommand(),
		a.accountPasswordCommand(), a.accountImportCommand())
}

func (a *app) accountCreateCommand() *cobra.Command {
	var login, name, file, id string
	var ask bool
	c := a.command("account_create", "create --login NAME --name TEXT [--with-password | --password-file FILE] [--id ID]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if err := needFlags(cmd, "login", "name"); err != nil {
			return err
		}
		if err := errors.Join(tooLong("--login", login, 64), tooLong("--name", name, 100)); err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		in := restclient.AccountInputBody{Login: login, Name: name, Id: given(id)}
		if ask || file != "" {
			password, err := a.password(cmd.Context(), file, true)
			if err != nil {
				return err
			}
			in.Password = &password
		}
		r, err := client.AccountCreateWithResponse(cmd.Context(), in)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON201 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON201)
		}
		a.print("account_created", clean(r.JSON201.Login), clean(r.JSON201.Name), r.JSON201.Id)
		return nil
	})
	c.Flags().StringVar(&login, "login", "", a.say("flag.login"))
	c.Flags().StringVar(&name, "name", "", a.say("flag.name"))
	c.Flags().StringVar(&id, "id", "", a.say("flag.account_id"))
	c.Flags().BoolVar(&ask, "with-password", false, a.say("flag.with_password"))
	a.passwordFlag(c, &file)
	return c
}

func (a *app) accounts(ctx context.Context, client *restclient.ClientWithResponses, limit int) ([]restclient.Account, bool, error) {
	return pages(limit, func(after *string, n *int64) ([]restclient.Account, *string, error) {
		r, err := client.AccountListWithResponse(ctx, &restclient.AccountListParams{After: after, Limit: n})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return nil, nil, err
		}
		return r.JSON200.Accounts, r.JSON200.Next, nil
	})
}

func (a *app) accountListCommand() *cobra.Command {
	var limit int
	c := a.command("account_list", "list [--limit N]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		list, more, err := a.accounts(cmd.Context(), client, limit)
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"accounts": list, "more": more})
		}
		lines := make([][]string, len(list))
		for i, x := range list {
			lines[i] = []string{x.Id, clean(x.Login), clean(x.Name), a.accountNote(x)}
		}
		a.list(lines, more)
		return nil
	})
	a.limitFlag(c, &limit)
	return c
}

func (a *app) accountNote(x restclient.Account) string {
	var notes []string
	if x.DisabledAt != nil {
		notes = append(notes, a.say("account_disabled", a.moment(x.DisabledAt)))
	}
	if x.LockedUntil != nil && x.LockedUntil.After(a.Now()) {
		notes = append(notes, a.say("account_locked", a.moment(x.LockedUntil)))
	}
	if !x.HasPassword {
		notes = append(notes, a.say("account_devices"))
	}
	return strings.Join(notes, a.say("comma"))
}

// account finds a person by login, id, or the beginning of an id.
func (a *app) account(ctx context.Context, client *restclient.ClientWithResponses, typed string) (string, error) {
	if err := notEmpty("ACCOUNT", typed, 64); err != nil {
		return "", err
	}
	if schema.IsUUID(strings.ToLower(typed)) {
		return strings.ToLower(typed), nil
	}
	r, err := client.AccountListWithResponse(ctx, &restclient.AccountListParams{Login: &typed})
	err = a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse })
	if err == nil && len(r.JSON200.Accounts) == 1 {
		return r.JSON200.Accounts[0].Id, nil
	}
	var f *fault
	if errors.As(err, &f) && f.exit != ExitUsage || !idStart.MatchString(strings.ToLower(typed)) {
		return "", err
	}
	list, _, e := a.accounts(ctx, client, 100_000)
	if e != nil {
		return "", e
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].Id
	}
	return among(ids, typed)
}

// among finds the one id that begins as a person typed it.
func among(ids []string, typed string) (string, error) {
	start := strings.ToLower(strings.TrimSpace(typed))
	if !idStart.MatchString(start) {
		return "", wrong("id_form", clean(typed))
	}
	found := ""
	for _, id := range ids {
		switch {
		case !strings.HasPrefix(id, start):
		case found != "":
			return "", wrong("id_several", start)
		default:
			found = id
		}
	}
	if found == "" {
		return "", wrong("id_none", start)
	}
	return found, nil
}

func (a *app) accountDisableCommand() *cobra.Command {
	return a.command("account_disable", "disable ACCOUNT", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.account(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		r, err := client.AccountDisableWithResponse(cmd.Context(), id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.print("account_is_disabled", clean(r.JSON200.Login))
		return nil
	})
}

func (a *app) accountPasswordCommand() *cobra.Command {
	var file string
	c := a.command("account_password", "password ACCOUNT [--password-file FILE]", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.account(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		password, err := a.password(cmd.Context(), file, true)
		if err != nil {
			return err
		}
		r, err := client.AccountPasswordWithResponse(cmd.Context(), id, restclient.SetPasswordInputBody{Password: password})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.StatusCode()/100 == 2, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"account": id, "password": "set"})
		}
		a.print("password_set")
		return nil
	})
	a.passwordFlag(c, &file)
	return c
}

func (a *app) accountImportCommand() *cobra.Command {
	return a.importCommand("account_import", func(cmd *cobra.Command, dry bool, body io.Reader) (*http.Response, []byte, *restclient.ImportReport, *restclient.ImportReport, error) {
		client, err := a.centre()
		if err != nil {
			return nil, nil, nil, nil, err
		}
		r, err := client.AccountImportWithBodyWithResponse(cmd.Context(), &restclient.AccountImportParams{DryRun: &dry}, "text/csv", body)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		return r.HTTPResponse, r.Body, r.JSON200, r.JSON422, nil
	})
}

func (a *app) assignCommand() *cobra.Command {
	return a.group("assign", "assign", a.assignCreateCommand(), a.assignListCommand(), a.assignDoorsCommand(), a.assignEndCommand())
}

func (a *app) assignCreateCommand() *cobra.Command {
	var doors []string
	var file, from, to string
	c := a.command("assign_create", "create ACCOUNT ROLE [SCOPE] [--door ID,… | --doors FILE] [--from TIME] [--to TIME]", a.between(2, 3), func(cmd *cobra.Command, args []string) error {
		in := restclient.AssignInputBody{Role: a.roleName(args[1])}
		if err := notEmpty("ROLE", args[1], 64); err != nil {
			return err
		}
		if len(args) == 3 {
			if err := notEmpty("SCOPE", args[2], 20); err != nil {
				return err
			}
			in.Scope = &args[2]
		}
		var err error
		if in.From, err = a.flagTime("--from", from); err != nil {
			return err
		}
		if in.To, err = a.flagTime("--to", to); err != nil {
			return err
		}
		list, err := a.doors(doors, file)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			in.Doors = &list
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		if in.Account, err = a.account(cmd.Context(), client, args[0]); err != nil {
			return err
		}
		r, err := client.AssignmentCreateWithResponse(cmd.Context(), in)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON201 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON201)
		}
		doors := ""
		if n := len(r.JSON201.Doors); n > 0 {
			doors = a.say("comma") + a.say("assign_doors", n)
		}
		where := strings.TrimSpace(a.role(r.JSON201.Role) + " " + clean(r.JSON201.Scope))
		a.print("assigned", clean(args[0]), where, doors, r.JSON201.Id)
		a.assignmentNotes(r.JSON201)
		return nil
	})
	c.Flags().StringSliceVar(&doors, "door", nil, a.say("flag.door"))
	c.Flags().StringVar(&file, "doors", "", a.say("flag.doors"))
	c.Flags().StringVar(&from, "from", "", a.say("flag.from"))
	c.Flags().StringVar(&to, "to", "", a.say("flag.to"))
	return c
}

// flagTime reads a time, or a day, which begins at midnight.
func (a *app) flagTime(name, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	if d, err := time.ParseInLocation(time.DateOnly, text, a.Zone); err == nil {
		return &d, nil
	}
	v, rule := a.readTime(text)
	if rule != "" {
		return nil, wrong("flag_time", name, clean(text))
	}
	t := time.UnixMilli(v.Int64()).UTC()
	return &t, nil
}

// maxDoors is how many doors an assignment may list.
const maxDoors = 1000

// doors reads ids of dwellings: those given, and those of a file, one a line; # begins a comment.
func (a *app) doors(ids []string, file string) ([]string, error) {
	return a.doorsUpTo(maxDoors, ids, file)
}

// doorHeads are what the first column of a CSV file of doors may be called.
var doorHeads = []string{"id", "door", "编号", "房屋编号"}

// doorsUpTo is doors with a bound of its own. The file may be CSV: its first column counts.
func (a *app) doorsUpTo(most int, ids []string, file string) ([]string, error) {
	var out []string
	add := func(where, id string) error {
		if id = strings.ToLower(strings.TrimSpace(id)); !schema.IsUUID(id) {
			return wrong("door_form", where, clean(id))
		}
		if out = append(out, id); len(out) > most {
			return wrong("doors_many", most)
		}
		return nil
	}
	for _, id := range ids {
		if err := add("--door", id); err != nil {
			return nil, err
		}
	}
	if file == "" {
		return out, nil
	}
	in := a.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, wrong("file_unread", clean(file)).because(err)
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		id, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		id, _, _ = strings.Cut(id, ",")
		if id = strings.Trim(id, "\" \t\r"); id == "" || n == 1 && slices.Contains(doorHeads, strings.ToLower(id)) {
			continue
		}
		if err := add(fmt.Sprintf("%s:%d", clean(file), n), id); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, wrong("file_unread", clean(file)).because(err)
	}
	return out, nil
}

func (a *app) assigned(ctx context.Context, client *restclient.ClientWithResponses, account *string) ([]restclient.Assignment, error) {
	r, err := client.AssignmentListWithResponse(ctx, &restclient.AssignmentListParams{Account: account})
	if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
		return nil, err
	}
	return r.JSON200.Assignments, nil
}

func (a *app) assignListCommand() *cobra.Command {
	return a.command("assign_list", "list [ACCOUNT]", a.between(0, 1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		var account *string
		if len(args) == 1 {
			id, err := a.account(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			account = &id
		}
		list, err := a.assigned(cmd.Context(), client, account)
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"assignments": list})
		}
		logins := map[string]string{}
		if people, _, err := a.accounts(cmd.Context(), client, 100_000); err == nil { // else the ids must do
			for _, p := range people {
				logins[p.Id] = clean(p.Login)
			}
		}
		var lines [][]string
		for _, x := range list {
			note := a.say("assign_from", a.moment(x.From))
			if x.To != nil {
				note = a.say("assign_span", a.moment(x.From), a.moment(x.To))
			}
			if len(x.Doors) > 0 {
				note += a.say("comma") + a.say("assign_doors", len(x.Doors))
			}
			if x.Notes != nil {
				note += a.say("comma") + clean(strings.Join(*x.Notes, " "))
			}
			lines = append(lines, []string{x.Id, login(logins, x.Account), a.role(x.Role), clean(x.Scope), note})
		}
		a.list(lines, false)
		return nil
	})
}

func login(logins map[string]string, id string) string {
	if name := logins[id]; name != "" {
		return name
	}
	return id
}

// assignmentID finds the one assignment whose id begins as a person typed it.
func (a *app) assignmentID(ctx context.Context, client *restclient.ClientWithResponses, typed string) (string, error) {
	list, err := a.assigned(ctx, client, nil)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].Id
	}
	return among(ids, typed)
}

func (a *app) assignEndCommand() *cobra.Command {
	return a.command("assign_end", "end ID", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.assignmentID(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		r, err := client.AssignmentEndWithResponse(cmd.Context(), id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.print("assign_ended", id)
		return nil
	})
}
