package api

import (
	"bytes"
	"context"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// Account is a person who works with the system.
type Account struct {
	ID          string     `json:"id"`
	Login       string     `json:"login"`
	Name        string     `json:"name"`
	HasPassword bool       `json:"has_password" doc:"False: works with enrolled devices only."`
	CreatedAt   time.Time  `json:"created_at"`
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	DisabledAt  *time.Time `json:"disabled_at,omitempty"`
}

func toAccount(a directory.Account) Account {
	return Account{a.ID, a.Login, a.Name, a.HasPassword, at(a.CreatedAt), maybe(a.LockedUntil), maybe(a.DisabledAt)}
}

// Assignment gives a person a role in an org unit and everything below it.
type Assignment struct {
	ID        string     `json:"id"`
	Account   string     `json:"account"`
	Role      string     `json:"role"`
	Scope     string     `json:"scope" doc:"Code of an org unit; empty for administrators."`
	Doors     []string   `json:"doors" doc:"Ids of dwellings, for roles that look after doors."`
	From      *time.Time `json:"from,omitempty"`
	To        *time.Time `json:"to,omitempty" doc:"End; absent = open."`
	CreatedBy string     `json:"created_by,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	Notes     []string   `json:"notes,omitempty" doc:"What to know about it, such as that it shows nothing yet."`
}

func toAssignment(x directory.Assignment) Assignment {
	doors := x.Doors
	if doors == nil {
		doors = []string{}
	}
	return Assignment{x.ID, x.Account, x.Role, x.Scope, doors, maybe(x.From), maybe(x.To), x.CreatedBy, at(x.CreatedAt), nil}
}

// assignment is toAssignment with notes in the caller's language.
func (a *API) assignment(ctx context.Context, x directory.Assignment) Assignment {
	out := toAssignment(x)
	if a.Directory.Blind(x) {
		out.Notes = []string{messages.Say(messages.NoDoorsYet).In(language(ctx))}
	}
	return out
}

func (a *API) toAssignments(ctx context.Context, list []directory.Assignment) []Assignment {
	out := make([]Assignment, len(list))
	for i, x := range list {
		out[i] = a.assignment(ctx, x)
	}
	return out
}

type accountInput struct {
	Body struct {
		Login    string `json:"login" maxLength:"64" doc:"2 to 64 letters, digits and . _ - @; kept in lower case."`
		Name     string `json:"name" maxLength:"100"`
		Password string `json:"password,omitempty" maxLength:"512" doc:"10 to 128 characters; absent for people who only work with enrolled devices."`
		ID       string `json:"id,omitempty" maxLength:"36" doc:"Of an account that the centre lost, as its devices say: they go on under it. Absent for a new one."`
	}
}

type accountBody struct{ Body Account }

type byID struct {
	ID string `path:"id" maxLength:"36"`
}

type accountsInput struct {
	Login string `query:"login" maxLength:"64" doc:"Only the account with this login."`
	After string `query:"after" maxLength:"64" doc:"Login after which the list goes on."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

type accountsBody struct {
	Body struct {
		Accounts []Account `json:"accounts"`
		Next     string    `json:"next,omitempty" doc:"Give it as after to go on; absent at the end."`
	}
}

type setPasswordInput struct {
	ID   string `path:"id" maxLength:"36"`
	Body struct {
		Password string `json:"password" maxLength:"512" doc:"10 to 128 characters."`
	}
}

type assignInput struct {
	Body struct {
		Account string     `json:"account" maxLength:"36"`
		Role    string     `json:"role" maxLength:"64"`
		Scope   string     `json:"scope,omitempty" maxLength:"20" doc:"Code of an org unit; empty for administrators."`
		Doors   []string   `json:"doors,omitempty" maxItems:"1000"`
		From    *time.Time `json:"from,omitempty" doc:"Absent = now."`
		To      *time.Time `json:"to,omitempty" doc:"Absent = open."`
	}
}

type assignmentsBody struct {
	Body struct {
		Assignments []Assignment `json:"assignments"`
	}
}

func (a *API) peopleRoutes() {
	route(a, "account-create", "POST", "/v1/accounts", person, "Create an account", a.createAccount, made)
	route(a, "account-list", "GET", "/v1/accounts", person, "List accounts", a.accounts)
	route(a, "account-show", "GET", "/v1/accounts/{id}", person, "Show an account", a.account)
	route(a, "account-disable", "POST", "/v1/accounts/{id}/disable", person, "Disable an account and all its devices", a.disable)
	route(a, "account-password", "POST", "/v1/accounts/{id}/password", person, "Set an account's password, lift its lock and void its tokens", a.setPassword)
	route(a, "account-import", "POST", "/v1/accounts/import", person, "Import accounts and assignments from CSV (login,name,role,scope)",
		func(ctx context.Context, in *importInput) (*importBody, error) {
			r, err := a.admin(ctx)
			if err != nil {
				return nil, err
			}
			report, err := a.Directory.ImportAccounts(ctx, bytes.NewReader(in.RawBody), r.Account.ID, in.DryRun)
			if err != nil {
				return nil, err
			}
			a.Log.Info().Bool("dry_run", report.DryRun).Int("rows", report.Rows).Int("new", report.New).Int("errors", report.Errors).Msg("account import")
			return toImport(language(ctx), report), nil
		}, importing)
	route(a, "assignment-create", "POST", "/v1/assignments", person, "Give a person a role", a.assign, made)
	route(a, "assignment-list", "GET", "/v1/assignments", person, "List assignments, ended ones included", a.assignments)
	route(a, "assignment-doors", "POST", "/v1/assignments/{id}/doors", person, "Replace the doors of an assignment", a.setDoors)
	route(a, "assignment-end", "POST", "/v1/assignments/{id}/end", person, "End an assignment now", a.endAssignment)
}

func (a *API) createAccount(ctx context.Context, in *accountInput) (*accountBody, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	hash := ""
	if in.Body.Password != "" {
		if hash, err = a.Auth.Hash(ctx, in.Body.Login, in.Body.Password); err != nil {
			return nil, err
		}
	}
	made, err := a.Directory.AccountAgain(ctx, in.Body.ID, in.Body.Login, in.Body.Name, hash)
	if err != nil {
		return nil, err
	}
	a.Log.Info().Str("account", made.ID).Str("by", r.Account.ID).Msg("account created")
	return &accountBody{toAccount(made)}, nil
}

func (a *API) accounts(ctx context.Context, in *accountsInput) (*accountsBody, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	var list []directory.Account
	var out accountsBody
	if in.Login != "" {
		one, err := a.Directory.AccountByLogin(ctx, in.Login)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	} else {
		var err error
		if list, err = a.Directory.Accounts(ctx, in.After, in.Limit+1); err != nil {
			return nil, err
		}
	}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next = list[in.Limit-1].Login
	}
	out.Body.Accounts = make([]Account, len(list))
	for i, x := range list {
		out.Body.Accounts[i] = toAccount(x)
	}
	return &out, nil
}

func (a *API) account(ctx context.Context, in *byID) (*accountBody, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	x, err := a.Directory.Account(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &accountBody{toAccount(x)}, nil
}

func (a *API) disable(ctx context.Context, in *byID) (*accountBody, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Directory.DisableAccount(ctx, in.ID); err != nil {
		return nil, err
	}
	devices, err := a.Directory.Devices(ctx, in.ID, "", -1)
	if err != nil {
		return nil, err
	}
	for _, v := range devices {
		a.cut(v.ID)
	}
	a.Log.Info().Str("account", in.ID).Str("by", r.Account.ID).Msg("account disabled")
	return a.account(ctx, in)
}

func (a *API) setPassword(ctx context.Context, in *setPasswordInput) (*empty, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	x, err := a.Directory.Account(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := a.Auth.SetPassword(ctx, x, in.Body.Password); err != nil {
		return nil, err
	}
	a.Log.Info().Str("account", x.ID).Str("by", r.Account.ID).Msg("password set")
	return &empty{}, nil
}

func (a *API) assign(ctx context.Context, in *assignInput) (*struct{ Body Assignment }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	b := &in.Body
	x := directory.Assignment{Account: b.Account, Role: b.Role, Scope: b.Scope, Doors: b.Doors, CreatedBy: r.Account.ID}
	if b.From != nil {
		x.From = b.From.UnixMilli()
	}
	if b.To != nil {
		x.To = b.To.UnixMilli()
	}
	made, err := a.Directory.Assign(ctx, x)
	if err != nil {
		return nil, err
	}
	a.regranted()
	a.Log.Info().Str("assignment", made.ID).Str("account", made.Account).Str("role", made.Role).Str("scope", made.Scope).Str("by", r.Account.ID).Msg("role assigned")
	return &struct{ Body Assignment }{a.assignment(ctx, made)}, nil
}

func (a *API) assignments(ctx context.Context, in *struct {
	Account string `query:"account" maxLength:"36" doc:"Only this person's."`
}) (*assignmentsBody, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	list, err := a.Directory.Assignments(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	var out assignmentsBody
	out.Body.Assignments = a.toAssignments(ctx, list)
	return &out, nil
}

type doorsInput struct {
	ID   string `path:"id" maxLength:"36"`
	Body struct {
		Doors []string `json:"doors" maxItems:"1000" doc:"Ids of dwellings: the whole list from now on."`
	}
}

func (a *API) setDoors(ctx context.Context, in *doorsInput) (*struct{ Body Assignment }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	x, err := a.Directory.SetDoors(ctx, in.ID, in.Body.Doors)
	if err != nil {
		return nil, err
	}
	a.regranted()
	a.Log.Info().Str("assignment", x.ID).Int("doors", len(x.Doors)).Str("by", r.Account.ID).Msg("doors given")
	return &struct{ Body Assignment }{a.assignment(ctx, x)}, nil
}

func (a *API) endAssignment(ctx context.Context, in *byID) (*struct{ Body Assignment }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	x, err := a.Directory.EndAssignment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	a.regranted()
	a.Log.Info().Str("assignment", x.ID).Str("by", r.Account.ID).Msg("assignment ended")
	return &struct{ Body Assignment }{a.assignment(ctx, x)}, nil
}
