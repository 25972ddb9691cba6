// Package auth tells who calls: devices by an Ed25519 key and short-lived tokens, people by login and password.
//
// A token only names who. What he may do is read from the centre's own rows (server/directory) at every use, so a
// revoked device or a disabled account is out at once, whatever its token says. Every refusal is a *messages.Problem
// whose sentence is the same for all causes that an attacker should not tell apart.
package auth

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// Config is what a Service needs. Fields without a word on their zero value must be set.
type Config struct {
	Directory *directory.Directory
	Keys      *Keys
	County    int64
	Now       func() time.Time
	Random    io.Reader     // used under a lock
	Argon     Argon         // zero = DefaultArgon
	Hashes    int           // passwords hashed at once, 19 MiB and 50 ms each; 0 = 2
	CodeLife  time.Duration // of enrolment codes; 0 = 15 minutes
	// Fingerprint of the centre's authority, which codes carry behind them; nil, or "" from it = none.
	Fingerprint func() string
}

// Service is safe for use by several goroutines.
type Service struct {
	dir      *directory.Directory
	keys     *Keys
	county   int64
	issuer   string
	now      func() time.Time
	argon    Argon
	decoy    string        // hash that unknown logins are checked against
	hashing  chan struct{} // one slot for each hash in work
	codeLife time.Duration
	print    func() string
	tries    *limiter
	started  [16]byte // makes challenges of another process void

	mu     sync.Mutex // over random and used
	random io.Reader
	used   map[string]int64 // challenges used, with when they expire (ms)
}

// New makes a Service. It reads randomness.
func New(c Config) (*Service, error) {
	if c.Argon == (Argon{}) {
		c.Argon = DefaultArgon
	}
	if c.Hashes == 0 {
		c.Hashes = 2
	}
	if c.CodeLife == 0 {
		c.CodeLife = 15 * time.Minute
	}
	s := &Service{
		dir: c.Directory, keys: c.Keys, county: c.County, issuer: issuerPrefix + strconv.FormatInt(c.County, 10), now: c.Now, argon: c.Argon,
		hashing: make(chan struct{}, c.Hashes), codeLife: c.CodeLife, print: c.Fingerprint, tries: newLimiter(c.Now), random: c.Random, used: map[string]int64{},
	}
	salt, key := make([]byte, saltBytes), make([]byte, hashBytes)
	if err := errors.Join(s.read(s.started[:]), s.read(salt), s.read(key)); err != nil {
		return nil, err
	}
	s.decoy = stored(s.argon, salt, key) // of no password at all: to check one against it takes as long as against any other
	return s, nil
}

// Principal is who calls: an account, and the device if it is one. It says nothing about rights.
type Principal struct {
	Account string
	Device  string // "" for a person signed in with a password
	Console bool   // signed in with a password
	Expires time.Time

	passwords int64 // console: the count of passwords its token was issued under
}

// Device gives the Principal of a device's token: the token is valid, the device is enrolled and not revoked, it
// belongs to the account, and the account is in use.
func (s *Service) Device(ctx context.Context, token string) (Principal, error) {
	c, err := s.verify(token, AudienceSync)
	if err != nil {
		return Principal{}, err
	}
	p := Principal{Account: c.Subject, Device: c.Device, Expires: time.Unix(c.Expires, 0)}
	return p, s.Check(ctx, p)
}

// Socket is Device for the synchronising socket alone: a device that may not synchronise any more is let in too, to hand
// over what it has not sent and to purge. The engine gives it nothing else.
func (s *Service) Socket(ctx context.Context, token string) (Principal, error) {
	p, err := s.Device(ctx, token)
	if ended(err) {
		return p, nil
	}
	return p, err
}

// ended tells that who calls is known, and may nothing any more.
func ended(err error) bool {
	return messages.Is(err, messages.DeviceRevoked) || messages.Is(err, messages.AccountOff)
}

// Console gives the Principal of a person's token; the account is in use.
func (s *Service) Console(ctx context.Context, token string) (Principal, error) {
	c, err := s.verify(token, AudienceConsole)
	if err != nil {
		return Principal{}, err
	}
	p := Principal{Account: c.Subject, Console: true, Expires: time.Unix(c.Expires, 0), passwords: c.Passwords}
	return p, s.Check(ctx, p)
}

// Check reads the centre's rows again for a Principal known before, as a long-lived connection must do: it fails
// once the device is revoked, the account disabled or, for a person, the password changed. It does not look at Expires.
func (s *Service) Check(ctx context.Context, p Principal) error {
	a, err := s.dir.Account(ctx, p.Account)
	if messages.Is(err, messages.NoAccount) {
		return messages.Refuse(messages.TokenBad).Because(err)
	}
	if err != nil {
		return err
	}
	if a.DisabledAt != 0 {
		return messages.Refuse(messages.AccountOff)
	}
	if p.Console {
		if a.Passwords != p.passwords {
			return messages.Refuse(messages.TokenBad).Because(errors.New("the password has been changed"))
		}
		return nil
	}
	v, err := s.dir.Device(ctx, p.Device)
	if messages.Is(err, messages.NoDevice) {
		return messages.Refuse(messages.TokenBad).Because(err)
	}
	if err != nil {
		return err
	}
	switch {
	case v.RevokedAt != 0:
		return messages.Refuse(messages.DeviceRevoked)
	case v.Account != p.Account || v.Console:
		return messages.Refuse(messages.TokenBad)
	}
	return nil
}
