package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Account is a person who works with the system.
type Account struct {
	ID          string // UUID; changesets name it as author
	Login       string // lower case
	Name        string
	HasPassword bool  // false: works with enrolled devices only
	Passwords   int64 // how often its password was set since it was made: tokens of an earlier one are void
	LockedUntil int64 // ms; 0 = not locked
	CreatedAt   int64
	DisabledAt  int64 // 0 = in use
}

const accountColumns = `id, login, name, coalesce(password, '') <> '', coalesce(passwords, 0), coalesce(locked_until, 0), created_at, coalesce(disabled_at, 0)`

func scanAccount(r interface{ Scan(...any) error }) (a Account, err error) {
	err = r.Scan(&a.ID, &a.Login, &a.Name, &a.HasPassword, &a.Passwords, &a.LockedUntil, &a.CreatedAt, &a.DisabledAt)
	return a, err
}

var loginShape = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._@-]{1,63}$`)

// CleanLogin gives the one form of a login: trimmed, lower case.
func CleanLogin(login string) (string, error) {
	login = strings.ToLower(strings.TrimSpace(login))
	if !loginShape.MatchString(login) {
		return "", messages.Refuse(messages.LoginShape, shorten(login))
	}
	return login, nil
}

// CreateAccount makes an account. password is its hash (server/auth makes it), "" for a person without one.
func (d *Directory) CreateAccount(ctx context.Context, login, name, password string) (Account, error) {
	return d.AccountAgain(ctx, "", login, name, password)
}

// AccountAgain makes an account that a restored centre does not have any more, under the id that its devices know; "" is a
// new one. Under another id they could not go on, with what they have not sent.
func (d *Directory) AccountAgain(ctx context.Context, id, login, name, password string) (Account, error) {
	if id != "" && !ValidUUID(id) {
		return Account{}, messages.Refuse(messages.BadField, "id", messages.Say(messages.NoAccount))
	}
	var a Account
	err := d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		a, err = d.createAccount(ctx, tx, id, login, name, password)
		return err
	})
	return a, err
}

func (d *Directory) createAccount(ctx context.Context, q querier, id, login, name, password string) (Account, error) {
	login, err := CleanLogin(login)
	if err != nil {
		return Account{}, err
	}
	if name, err = cleanText("name", name, maxName); err != nil {
		return Account{}, err
	}
	var taken bool
	if err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM account WHERE county = $1 AND login = $2)`, d.county, login).Scan(&taken); err != nil {
		return Account{}, fmt.Errorf("look for login: %w", err)
	}
	if taken {
		return Account{}, messages.Refuse(messages.LoginTaken, login)
	}
	what := facts{}
	if id == "" {
		if id, err = d.newID(); err != nil {
			return Account{}, err
		}
	} else if _, err := d.account(ctx, q, id); !messages.Is(err, messages.NoAccount) {
		return Account{}, orTaken(err)
	} else {
		what["again"] = true
	}
	a := Account{ID: id, Login: login, Name: name, HasPassword: password != "", CreatedAt: d.millis()}
	_, err = q.ExecContext(ctx, `INSERT INTO account (county, id, login, name, password, failed, created_at)
		VALUES ($1, $2, $3, $4, nullif($5, ''), 0, $6)`, d.county, a.ID, a.Login, a.Name, password, a.CreatedAt)
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	what["account"] = a.ID
	return a, d.note(ctx, q, auditAccount, what)
}

func orTaken(err error) error {
	if err != nil {
		return err
	}
	return messages.Refuse(messages.AccountTaken)
}

// Account gives an account by id, disabled ones included.
func (d *Directory) Account(ctx context.Context, id string) (Account, error) {
	return d.account(ctx, d.db.Reader(), id)
}

func (d *Directory) account(ctx context.Context, q querier, id string) (Account, error) {
	a, err := scanAccount(q.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM account WHERE county = $1 AND id = $2`, d.county, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, messages.Refuse(messages.NoAccount)
	}
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return a, nil
}

// AccountByLogin gives an account by login.
func (d *Directory) AccountByLogin(ctx context.Context, login string) (Account, error) {
	login, err := CleanLogin(login)
	if err != nil {
		return Account{}, messages.Refuse(messages.NoAccount)
	}
	a, err := scanAccount(d.db.Reader().QueryRowContext(ctx,
		`SELECT `+accountColumns+` FROM account WHERE county = $1 AND login = $2`, d.county, login))
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, messages.Refuse(messages.NoAccount)
	}
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return a, nil
}

// Accounts lists accounts in order of login, at most limit after a login.
func (d *Directory) Accounts(ctx context.Context, after string, limit int) ([]Account, error) {
	list, err := collect(ctx, d.db.Reader(), func(r *sql.Rows) (Account, error) { return scanAccount(r) },
		`SELECT `+accountColumns+` FROM account WHERE county = $1 AND login > $2 ORDER BY login LIMIT $3`, d.county, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// AccountNames gives the names of accounts by id; unknown ids are left out.
func (d *Directory) AccountNames(ctx context.Context, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	for _, id := range ids {
		if _, done := names[id]; done || id == "" {
			continue
		}
		a, err := d.Account(ctx, id)
		if messages.Is(err, messages.NoAccount) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names[id] = a.Name
	}
	return names, nil
}

// DisableAccount ends an account: it can sign in no more, and its devices are refused. The last administrator
// cannot be disabled.
func (d *Directory) DisableAccount(ctx context.Context, id string) error {
	return d.db.WithTx(ctx, func(tx *sql.Tx) error {
		if _, err := d.account(ctx, tx, id); err != nil {
			return err
		}
		if err := d.keepAdmin(ctx, tx, id, ""); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE account SET disabled_at = $1 WHERE county = $2 AND id = $3 AND disabled_at IS NULL`,
			d.millis(), d.county, id)
		return errors.Join(err, d.note(ctx, tx, auditDisabled, facts{"account": id}))
	})
}
