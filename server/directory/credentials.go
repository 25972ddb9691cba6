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
	Allowed  bool   // not disabled, and was not locked for this place before this try
}

// unknownLogins counts failed tries for logins that nobody has. Writing it costs what writing a real account's
// counter costs, so that the time of an answer does not tell whether a login exists.
const unknownLogins = "auth.unknown_logins"

// maxPlaces bounds the places that are remembered for an account: beyond it the ones not heard of longest are forgotten,
// those that failed before those that signed in.
const maxPlaces = 200

// placeLife is how long a place is remembered.
const placeLife = 90 * 24 * time.Hour

// SignedInFrom tells whether somebody signed in under this login from that place lately. It costs the same for a login
// that nobody has.
func (d *Directory) SignedInFrom(ctx context.Context, login, place string) (bool, error) {
	login, err := CleanLogin(login)
	if err != nil {
		login = ""
	}
	var known bool
	err = d.db.Reader().QueryRowContext(ctx, `SELECT EXISTS(SELECT 1 FROM account a JOIN login_place p ON p.county = a.county AND p.account = a.id
		WHERE a.county = $1 AND a.login = $2 AND p.place = $3 AND p.good_at > $4)`, d.county, login, place, d.millis()-placeLife.Milliseconds()).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("read places of a login: %w", err)
	}
	return known, nil
}

// BeginLogin counts a try to sign in before the password is looked at, so that parallel tries cannot outrun the lock,
// and locks the account for the place it came from when lock gives a time for that many failures there. found is nil for
// an unknown login. Exactly one durable write happens in every case. EndLogin undoes the count after success.
func (d *Directory) BeginLogin(ctx context.Context, login, place string, lock func(failed int) time.Duration) (found *Credentials, err error) {
	login, shapeErr := CleanLogin(login)
	err = d.db.WithTx(ctx, func(tx *sql.Tx) error {
		found = nil
		if shapeErr == nil {
			c, failed, until, err := d.credentials(ctx, tx, login, place)
			if err != nil {
				return err
			}
			if c != nil {
				found = c
				return d.countTry(ctx, tx, c, place, failed, until, lock)
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

func (d *Directory) credentials(ctx context.Context, tx *sql.Tx, login, place string) (c *Credentials, failed int, until int64, err error) {
	c = &Credentials{}
	a := &c.Account
	err = tx.QueryRowContext(ctx, `SELECT `+accountColumns+`, coalesce(password, '') FROM account WHERE county = $1 AND login = $2`,
		d.county, login).Scan(&a.ID, &a.Login, &a.Name, &a.HasPassword, &a.Passwords, &a.LockedUntil, &a.CreatedAt, &a.DisabledAt, &c.Password)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, 0, nil
	}
	if err != nil {
		return nil, 0, 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT failed, locked_until FROM login_place WHERE county = $1 AND account = $2 AND place = $3`,
		d.county, a.ID, place).Scan(&failed, &until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, 0, 0, err
	}
	c.Allowed = a.DisabledAt == 0 && until <= d.millis()
	return c, failed, until, nil
}

// countTry writes the failure count; tries while locked do not prolong the lock. The account tells the longest lock that
// there is from anywhere, for people to see.
func (d *Directory) countTry(ctx context.Context, tx *sql.Tx, c *Credentials, place string, failed int, until int64, lock func(int) time.Duration) error {
	now := d.millis()
	if c.Allowed {
		failed++
		if wait := lock(failed); wait > 0 {
			until = now + wait.Milliseconds()
			if err := d.note(ctx, tx, auditLocked, facts{"account": c.Account.ID, "failed": failed}); err != nil {
				return err
			}
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO login_place (county, account, place, failed, locked_until, last, good_at) VALUES ($1, $2, $3, $4, $5, $6, 0)
		ON CONFLICT (county, account, place) DO UPDATE SET failed = excluded.failed, locked_until = excluded.locked_until, last = excluded.last`,
		d.county, c.Account.ID, place, failed, until, now)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM login_place WHERE county = $1 AND account = $2 AND (last < $3 OR place IN (
		SELECT place FROM login_place WHERE county = $1 AND account = $2 ORDER BY good_at > $3 DESC, last DESC, place LIMIT -1 OFFSET $4))`,
		d.county, c.Account.ID, now-placeLife.Milliseconds(), maxPlaces)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE account SET failed = coalesce(failed, 0) + 1, locked_until = nullif(max(coalesce(locked_until, 0), $1), 0)
		WHERE county = $2 AND id = $3`, until, d.county, c.Account.ID)
	return err
}

// EndLogin records a successful sign-in: the failures from that place are forgotten, and the place is known.
func (d *Directory) EndLogin(ctx context.Context, account, place string) error {
	return d.db.WithTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE login_place SET failed = 0, locked_until = 0, good_at = $1, last = $1 WHERE county = $2 AND account = $3 AND place = $4`,
			d.millis(), d.county, account, place); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE account SET failed = 0, locked_until = (SELECT nullif(max(locked_until), 0) FROM login_place
			WHERE county = $1 AND account = $2 AND locked_until > $3) WHERE county = $1 AND id = $2`, d.county, account, d.millis())
		return errors.Join(err, d.note(By(ctx, account), tx, auditLogin, facts{}))
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
		_, err = tx.ExecContext(ctx, `UPDATE login_place SET failed = 0, locked_until = 0 WHERE county = $1 AND account = $2`, d.county, account)
		return errors.Join(err, d.note(ctx, tx, auditPassword, facts{"account": account}))
	})
}
