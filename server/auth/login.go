package auth

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// hashWait is how long a login waits for its turn to be hashed.
const hashWait = 10 * time.Second

// Failures until the first lock, which lasts a minute; each further failure doubles it, up to an hour.
const (
	freeFailures = 5
	firstLock    = time.Minute
	longestLock  = time.Hour
)

func lockFor(failed int) time.Duration {
	if failed < freeFailures {
		return 0
	}
	return min(firstLock<<min(failed-freeFailures, 10), longestLock)
}

// prefix is what counts as one place for tries: an IPv4 address, or the network of an IPv6 one, of which everybody has
// many.
func prefix(from string) string {
	ip, err := netip.ParseAddr(from)
	if err != nil {
		return from
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return from
	}
	return p.String()
}

// Login signs a person in. Wrong passwords lock the login for the place they came from, and for nobody else: otherwise
// anybody could keep a person out. From places where he never signed in, tries for one login are slowed down all
// together. Unknown login, wrong password, locked, disabled and password-less accounts get one
// answer, after the same work: one durable write and one hash.
func (s *Service) Login(ctx context.Context, from, login, password string) (Token, directory.Account, error) {
	if err := s.tries.allow("login", from); err != nil {
		return Token{}, directory.Account{}, err
	}
	wrong := messages.Refuse(messages.LoginWrong)
	if len(password) > 4*MaxPassword {
		return Token{}, directory.Account{}, wrong
	}
	at := prefix(from)
	known, err := s.dir.SignedInFrom(ctx, login, at)
	if err != nil {
		return Token{}, directory.Account{}, err
	}
	if !known {
		if err := s.tries.slow(login); err != nil {
			return Token{}, directory.Account{}, err
		}
	}
	c, err := s.dir.BeginLogin(ctx, login, at, lockFor)
	if err != nil {
		return Token{}, directory.Account{}, err
	}
	stored := ""
	if c != nil && c.Allowed {
		stored = c.Password
	}
	wait, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	ok, err := s.matches(wait, password, stored)
	if err != nil {
		return Token{}, directory.Account{}, err
	}
	if !ok {
		return Token{}, directory.Account{}, wrong
	}
	if err := s.dir.EndLogin(ctx, c.Account.ID, at); err != nil {
		return Token{}, directory.Account{}, fmt.Errorf("end login: %w", err)
	}
	t, err := s.issue(AudienceConsole, c.Account.ID, "", c.Account.Passwords, consoleLife)
	return t, c.Account, err
}

// ChangePassword sets a person's own new password; the old one is asked for again and counted like a login. All his
// console tokens are void then, the one he called with too.
func (s *Service) ChangePassword(ctx context.Context, from string, a directory.Account, old, password string) error {
	if err := CheckPassword(a.Login, password); err != nil {
		return err
	}
	if _, _, err := s.Login(ctx, from, a.Login, old); err != nil {
		return err
	}
	return s.SetPassword(ctx, a, password)
}

// SetPassword sets an account's password and voids its console tokens; the caller may do so.
func (s *Service) SetPassword(ctx context.Context, a directory.Account, password string) error {
	hash, err := s.Hash(ctx, a.Login, password)
	if err != nil {
		return err
	}
	return s.dir.SetPassword(ctx, a.ID, hash)
}

// bootstrapKey is the setting that holds the hash of the one-time administrator code.
const bootstrapKey = "auth.bootstrap"

// BootstrapCode makes a one-time administrator code and voids the one before. It is "" if there is an administrator.
func (s *Service) BootstrapCode(ctx context.Context) (string, error) {
	has, err := s.dir.HasAdmin(ctx)
	if err != nil || has {
		return "", err
	}
	text, err := s.newCodeText()
	if err != nil {
		return "", err
	}
	hash := hex.EncodeToString(s.keys.mac("bootstrap-code", NormalCode(text)))
	if err := s.dir.PutSetting(ctx, bootstrapKey, hash); err != nil {
		return "", err
	}
	return s.carried(text), nil
}

// Bootstrap makes the first administrator of the one-time code.
func (s *Service) Bootstrap(ctx context.Context, from, code, login, name, password string) (directory.Account, error) {
	if err := s.tries.allow("bootstrap", from); err != nil {
		return directory.Account{}, err
	}
	has, err := s.dir.HasAdmin(ctx)
	if err != nil {
		return directory.Account{}, err
	}
	if has {
		return directory.Account{}, messages.Refuse(messages.BootstrapDone)
	}
	want, ok, err := s.dir.Setting(ctx, bootstrapKey)
	if err != nil {
		return directory.Account{}, err
	}
	right := false
	for _, mac := range s.keys.macs("bootstrap-code", NormalCode(code), s.now()) {
		right = subtle.ConstantTimeCompare([]byte(hex.EncodeToString(mac)), []byte(want)) == 1 || right
	}
	if !ok || NormalCode(code) == "" || !right {
		return directory.Account{}, messages.Refuse(messages.BootstrapWrong)
	}
	hash, err := s.Hash(ctx, login, password)
	if err != nil {
		return directory.Account{}, err
	}
	return s.dir.CreateFirstAdmin(ctx, login, name, hash, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM settings WHERE county = $1 AND key = $2 AND value = $3`, s.county, bootstrapKey, want)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(messages.Refuse(messages.BootstrapWrong), err)
		}
		return nil
	})
}
