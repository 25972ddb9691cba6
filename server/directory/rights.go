package directory

import (
	"context"
	"slices"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Rights is what a person may do at this moment, read from the centre's own rows.
type Rights struct {
	Account     Account
	Admin       bool
	Console     bool         // works at the centre in some scope
	Assignments []Assignment // active ones
}

// Rights reads what a person may do now; an unknown or disabled account is refused.
func (d *Directory) Rights(ctx context.Context, account string) (Rights, error) {
	a, err := d.Account(ctx, account)
	if messages.Is(err, messages.NoAccount) || err == nil && a.DisabledAt != 0 {
		return Rights{}, messages.Refuse(messages.AccountOff)
	}
	if err != nil {
		return Rights{}, err
	}
	r := Rights{Account: a}
	all, err := d.Assignments(ctx, account)
	if err != nil {
		return Rights{}, err
	}
	now := d.millis()
	for _, as := range all {
		role := d.roles[as.Role]
		if role == nil || !as.Active(now) {
			continue
		}
		r.Assignments = append(r.Assignments, as)
		r.Admin = r.Admin || role.Admin && as.Scope == ""
		r.Console = r.Console || role.Console && as.Scope != ""
	}
	return r, nil
}

// ConsoleScopes gives the codes of all units in which the person works at the centre, sorted.
func (d *Directory) ConsoleScopes(ctx context.Context, r Rights) ([]string, error) {
	var out []string
	for _, as := range r.Assignments {
		if !d.roles[as.Role].Console || as.Scope == "" {
			continue
		}
		below, err := d.Below(ctx, as.Scope)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// At gives the person's assignments that cover a scope: in it or in a unit above it.
func (d *Directory) At(ctx context.Context, r Rights, scope string) ([]Assignment, error) {
	chain, err := d.Chain(ctx, scope)
	if err != nil {
		return nil, err
	}
	var out []Assignment
	for _, as := range r.Assignments {
		for _, u := range chain {
			if as.Scope == u.Code {
				out = append(out, as)
				break
			}
		}
	}
	return out, nil
}

// ConsoleAt tells whether one of these assignments works at the centre.
func (d *Directory) ConsoleAt(covering []Assignment) bool {
	return slices.ContainsFunc(covering, func(a Assignment) bool { return d.roles[a.Role].Console })
}
