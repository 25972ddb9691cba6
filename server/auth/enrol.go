package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// Code is a one-time code for people to type: ten characters, shown once, stored as a keyed hash.
type Code struct {
	Text    string // XXXXX-XXXXX, and the fingerprint of the centre's authority behind it, if it has one
	Expires time.Time
}

// crockford is base32 without I, L, O and U, which people misread.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	codeLength        = 10
	fingerprintLength = 20
)

// carried puts the fingerprint of the centre's authority behind a code: who types the code then knows the centre too.
func (s *Service) carried(code string) string {
	if s.print == nil || s.print() == "" {
		return code
	}
	return code + "-" + s.print()
}

// newCodeText makes 50 random bits.
func (s *Service) newCodeText() (string, error) {
	var b [codeLength]byte
	if err := s.read(b[:]); err != nil {
		return "", fmt.Errorf("make code: %w", err)
	}
	for i := range b {
		b[i] = crockford[b[i]&31]
	}
	return string(b[:5]) + "-" + string(b[5:]), nil
}

// NormalCode gives the one form of a typed code: upper case, separators dropped, O read as 0, I and L as 1, without a
// fingerprint behind it. Devices sign this form. It is "" for what cannot be a code.
func NormalCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	var b strings.Builder
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case '-', ' ', '\t', '\n', '\r', '_':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if !strings.ContainsRune(crockford, r) {
			return ""
		}
		b.WriteRune(r)
	}
	switch b.Len() {
	case codeLength:
		return b.String()
	case codeLength + fingerprintLength:
		return b.String()[:codeLength]
	}
	return ""
}

// NewCode makes an enrolment code for an account. Nothing but the result holds its text.
func (s *Service) NewCode(ctx context.Context, account, by string) (Code, error) {
	text, err := s.newCodeText()
	if err != nil {
		return Code{}, err
	}
	expires, err := s.dir.PutCode(ctx, s.keys.mac("enrolment-code", NormalCode(text)), account, by, s.codeLife)
	if err != nil {
		return Code{}, err
	}
	return Code{s.carried(text), time.UnixMilli(expires)}, nil
}

// Enrolment is a device's asking to be known.
type Enrolment struct {
	Code      string
	PublicKey string // base64url of 32 bytes
	Proof     string // base64url of the signature over ProofText
	Label     string // what people call the device
	App       string // name and version of the program
	Before    directory.Before
}

// ProofText is what a device signs with its new key to enrol.
func ProofText(normalCode, publicKey string) []byte {
	return []byte("doorstep-enrol-v1\n" + normalCode + "\n" + publicKey + "\n")
}

// Enrol makes a device of an unused code. from is the caller's network address: tries are limited for each and in
// all, so that codes cannot be guessed.
func (s *Service) Enrol(ctx context.Context, from string, e Enrolment) (directory.Device, error) {
	if err := s.tries.allow("enrol", from); err != nil {
		return directory.Device{}, err
	}
	key, err := decode64(e.PublicKey, ed25519.PublicKeySize)
	if err != nil {
		return directory.Device{}, messages.Refuse(messages.BadPublicKey)
	}
	code := NormalCode(e.Code)
	if code == "" {
		return directory.Device{}, messages.Refuse(messages.CodeWrong)
	}
	if e.Before.Device != "" && !directory.ValidUUID(e.Before.Device) {
		return directory.Device{}, messages.Refuse(messages.BadField, "again.device", messages.Say(messages.NoDevice))
	}
	proof, err := decode64(e.Proof, ed25519.SignatureSize)
	if err != nil || !ed25519.Verify(key, ProofText(code, e.PublicKey), proof) {
		return directory.Device{}, messages.Refuse(messages.BadProof)
	}
	for _, hash := range s.keys.macs("enrolment-code", code, s.now()) {
		v, err := s.dir.EnrolAgain(ctx, hash, key, e.Label, e.App, e.Before)
		if !messages.Is(err, messages.CodeWrong) {
			return v, err
		}
	}
	return directory.Device{}, messages.Refuse(messages.CodeWrong)
}

// decode64 takes base64url without padding of exactly n bytes, in its one form.
func decode64(s string, n int) ([]byte, error) {
	if len(s) > 2*n+4 {
		return nil, fmt.Errorf("not %d bytes", n)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != n || base64.RawURLEncoding.EncodeToString(b) != s {
		return nil, fmt.Errorf("not %d bytes in base64url", n)
	}
	return b, nil
}
