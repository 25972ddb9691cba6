package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Argon is what argon2id costs.
type Argon struct {
	Memory  uint32 // KiB
	Time    uint32
	Threads uint8
}

// DefaultArgon is OWASP's first choice: 19 MiB, two passes.
var DefaultArgon = Argon{Memory: 19 << 10, Time: 2, Threads: 1}

// A password's length, in characters.
const (
	MinPassword = 10
	MaxPassword = 128
)

const (
	saltBytes = 16
	hashBytes = 32
)

// CheckPassword tells whether a new password is acceptable.
func CheckPassword(login, password string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case n < MinPassword:
		return messages.Refuse(messages.PasswordShort, MinPassword)
	case n > MaxPassword || len(password) > 4*MaxPassword:
		return messages.Refuse(messages.PasswordLong, MaxPassword)
	case strings.EqualFold(password, login):
		return messages.Refuse(messages.PasswordIsLogin)
	}
	return nil
}

// Hash makes the stored form of a new password, checked first, in the PHC string format.
func (s *Service) Hash(ctx context.Context, login, password string) (string, error) {
	if err := CheckPassword(login, password); err != nil {
		return "", err
	}
	return s.hash(ctx, password)
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	if err := s.read(salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	key, err := s.derive(ctx, password, salt, s.argon)
	if err != nil {
		return "", err
	}
	return stored(s.argon, salt, key), nil
}

func stored(a Argon, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.Memory, a.Time, a.Threads, b64(salt), b64(key))
}

// derive waits for a slot, so that parallel logins cannot use up memory and processor.
func (s *Service) derive(ctx context.Context, password string, salt []byte, a Argon) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, messages.Refuse(messages.Busy).Because(ctx.Err())
	}
	return argon2.IDKey([]byte(password), salt, a.Time, a.Memory, a.Threads, hashBytes), nil
}

// matches checks a password against a stored hash in constant time. A hash that cannot be read matches nothing.
func (s *Service) matches(ctx context.Context, password, stored string) (bool, error) {
	a, salt, want, ok := parseHash(stored)
	if !ok {
		a, salt, want, _ = parseHash(s.decoy)
	}
	got, err := s.derive(ctx, password, salt, a)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && ok, nil
}

func parseHash(stored string) (a Argon, salt, key []byte, ok bool) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return a, nil, nil, false
	}
	const costs = "m=%d,t=%d,p=%d"
	if n, err := fmt.Sscanf(parts[3], costs, &a.Memory, &a.Time, &a.Threads); n != 3 || err != nil || parts[3] != fmt.Sprintf(costs, a.Memory, a.Time, a.Threads) {
		return a, nil, nil, false
	}
	if a.Memory == 0 || a.Memory > 1<<20 || a.Time == 0 || a.Time > 16 || a.Threads == 0 {
		return a, nil, nil, false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	return a, salt, key, err1 == nil && err2 == nil && len(salt) == saltBytes && len(key) == hashBytes
}
