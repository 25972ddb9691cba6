package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Credentials is what server/auth needs of an account to check a password.
type Credentials struct {
	Account  Account
	Password string // hash, "" = none
	Allowed  bool   // not disabled, and was not locked before this try
}

// unknownLogins counts failed tries for logins that nobody has. Writing it costs what writing a real account's
// counter costs, so that the time of an answer does not tell whether a login exists.
const unknownLogins = "auth.unknown_logins"

// BeginLogin counts a try to sign in before the password is looked at, so that parallel tries cannot outrun the lock,
// and locks the account when lock gives a time for that many failures. found is nil for an unknown login. Exactly one
// durable write happens in every case. EndLogin undoes the count after success.
func (d *Directory) BeginLogin(ctx context.Context, login string, lock func(failed int) time.Duration) (found *Credentials, err error) {
	login, shapeErr := CleanLogin(login)
	err = d.db.WithTx(ctx, func(tx *sql.Tx) error {
		found = nil
		if shapeErr == nil {
			c, failed, err := d.credentials(ctx, tx, login)
			if err != nil {
				return err
			}
			if c != nil {
				found = c
				return d.countTry(ctx, tx, c, failed+1, lock)
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (county, key, value) VALUES ($1, $2, '1')
			ON CONFLICT (county, key) DO UPDATE SET value = CAST(CAST(settings.value AS INTEGER) + 1 AS TEXT)`, d.county, unknownLogins)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("begin login: %w", err)
	}
	return found, nil
}

func (d *Directory) credentials(ctx context.Context, tx *sql.Tx, login string) (*Credentials, int, error) {
	var c Credentials
	var failed int
	a := &c.Account
	err := tx.QueryRowContext(ctx, `SELECT `+accountColumns+`, coalesce(password, ''), coalesce(failed, 0) FROM account WHERE county = $1 AND login = $2`,
		d.county, login).Scan(&a.ID, &a.Login, &a.Name, &a.HasPassword, &a.Passwords, &a.LockedUntil, &a.CreatedAt, &a.DisabledAt, &c.Password, &failed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	c.Allowed = a.DisabledAt == 0 && a.LockedUntil <= d.millis()
	return &c, failed, nil
}

// countTry writes the failure count; tries while locked do not prolong the lock.
func (d *Directory) countTry(ctx context.Context, tx *sql.Tx, c *Credentials, failed int, lock func(int) time.Duration) error {
	until := c.Account.LockedUntil
	if c.Allowed {
		if wait := lock(failed); wait > 0 {
			until = d.millis() + wait.Milliseconds()
		}
	} else {
		failed--
	}
	_, err := tx.ExecContext(ctx, `UPDATE account SET failed = $1, locked_until = nullif($2, 0) WHERE county = $3 AND id = $4`,
		failed, until, d.county, c.Account.ID)
	return err
}

// EndLogin records a successful sign-in: the failures before it are forgotten.
func (d *Directory) EndLogin(ctx context.Context, account string) error {
	return d.db.WithTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE account SET failed = 0, locked_until = NULL WHERE county = $1 AND id = $2`, d.county, account)
		return err
	})
}

// SetPassword stores a new password hash and lifts a lock. The count of passwords goes up, which voids older tokens.
func (d *Directory) SetPassword(ctx context.Context, account, hash string) error {
	return d.db.WithTx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE account SET password = $1, passwords = coalesce(passwords, 0) + 1, failed = 0, locked_until = NULL WHERE county = $2 AND id = $3`,
			hash, d.county, account)
		if err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(messages.Refuse(messages.NoAccount), err)
		}
		return nil
	})
}
