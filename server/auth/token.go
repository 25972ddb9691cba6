package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Audiences. A token for one is refused by the other.
const (
	AudienceSync    = "sync"    // devices: the WebSocket and what a device may read over REST
	AudienceConsole = "console" // people: the REST API
)

const (
	tokenType    = "doorstep+jwt"
	maxToken     = 4 << 10
	clockLeeway  = 10 * time.Second // between nodes of one centre
	deviceLife   = 15 * time.Minute
	consoleLife  = 8 * time.Hour // a working day; rights are read anew at every call
	issuerPrefix = "doorstep:"
)

// claims is exactly what a token holds, in its one form: verify refuses another order, other or repeated names, other
// types and stray spaces. Tokens are made here alone, so the one form is enough.
type claims struct {
	Issuer    string `json:"iss"`
	Audience  string `json:"aud"`
	Subject   string `json:"sub"`           // account
	Device    string `json:"dev,omitempty"` // sync only
	Passwords int64  `json:"pwd,omitempty"` // console only: the count of passwords it was issued under
	County    int64  `json:"cty"`
	ID        string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
}

func date(unix int64) (*jwt.NumericDate, error) {
	if unix <= 0 {
		return nil, nil
	}
	return jwt.NewNumericDate(time.Unix(unix, 0)), nil
}

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.Expires) }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return date(c.IssuedAt) }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return date(c.NotBefore) }
func (c *claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.Audience}, nil }

// Token is a token and when it ends. Whoever has the text is taken for its subject.
type Token struct {
	Text    string
	Expires time.Time
}

func (s *Service) issue(audience, account, device string, passwords int64, life time.Duration) (Token, error) {
	var id [16]byte
	if err := s.read(id[:]); err != nil {
		return Token{}, fmt.Errorf("make token: %w", err)
	}
	now := s.now().Truncate(time.Second)
	c := &claims{
		Issuer: s.issuer, Audience: audience, Subject: account, Device: device, Passwords: passwords, County: s.county,
		ID: base64.RawURLEncoding.EncodeToString(id[:]), IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(life).Unix(),
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	key := s.keys.signing()
	t.Header["typ"], t.Header["kid"] = tokenType, key.kid
	text, err := t.SignedString(key.private)
	if err != nil {
		return Token{}, fmt.Errorf("sign token: %w", err)
	}
	return Token{text, now.Add(life)}, nil
}

// verify checks a token whole and gives its claims: length, form, header (alg EdDSA, typ, one of the centre's own
// kids, nothing else), signature, issuer, audience, county, times. Every failure is the one Problem TokenBad.
func (s *Service) verify(text, audience string) (*claims, error) {
	bad := messages.Refuse(messages.TokenBad)
	if len(text) > maxToken {
		return nil, bad.Because(errors.New("token is too long"))
	}
	if strings.ContainsAny(text, "\r\n") { // Go's base64 passes over them
		return nil, bad.Because(errors.New("token has line ends"))
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(), jwt.WithIssuer(s.issuer), jwt.WithAudience(audience), jwt.WithLeeway(clockLeeway), jwt.WithTimeFunc(s.now))
	var c claims
	if _, err := parser.ParseWithClaims(text, &c, s.key); err != nil {
		return nil, bad.Because(errors.New("token does not verify")) // the library's error may quote the token
	}
	one, err := json.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("encode claims: %w", err)
	}
	switch {
	case strings.Split(text, ".")[1] != base64.RawURLEncoding.EncodeToString(one):
		return nil, bad.Because(errors.New("claims are not in the one form"))
	case c.County != s.county, c.Subject == "", c.ID == "", c.NotBefore == 0, c.IssuedAt == 0:
		return nil, bad.Because(errors.New("token lacks a claim"))
	case (c.Device != "") != (audience == AudienceSync):
		return nil, bad.Because(errors.New("token's device does not fit its audience"))
	}
	return &c, nil
}

// key finds the verifying key by the header, which must be the one that the centre itself writes for that key, byte for
// byte. A retired key does not verify what claims to have been made after it was retired.
func (s *Service) key(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	k := s.keys.verifying(kid, s.now())
	if k == nil {
		return nil, errors.New("unknown key")
	}
	one, err := json.Marshal(map[string]string{"alg": "EdDSA", "kid": k.kid, "typ": tokenType})
	if err != nil {
		return nil, err
	}
	if head, _, _ := strings.Cut(t.Raw, "."); head != base64.RawURLEncoding.EncodeToString(one) {
		return nil, errors.New("header is not ours")
	}
	c, ok := t.Claims.(*claims)
	if !ok || !k.retired.IsZero() && time.Unix(c.IssuedAt, 0).After(k.retired.Add(clockLeeway)) {
		return nil, errors.New("made after its key was retired")
	}
	return k.private.Public(), nil
}

// read fills b with randomness.
func (s *Service) read(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := io.ReadFull(s.random, b)
	return err
}
