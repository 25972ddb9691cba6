package device

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Enrolment is what a person gives to make a device known.
type Enrolment struct {
	Centre string       // address, such as https://centre.example
	Code   string       // as typed
	Label  string       // what people call the device
	Client *http.Client // nil = one that waits 20 s
	Lang   string       // language of the centre's refusals; "" = zh-CN
}

// Enrol makes this replica a device of the centre: it makes a key beside the file, proves it to the centre with the
// one-time code, and keeps the identity that the centre gives. A refusal leaves the replica as it was; the key stays
// and serves the next try.
func (r *Replica) Enrol(ctx context.Context, e Enrolment) (Identity, error) {
	if id, err := r.Identity(ctx); err != nil {
		return id, err
	} else if id.Device != "" {
		return id, say(CodeEnrolled, nil)
	}
	u, err := centreURL(e.Centre)
	if err != nil {
		return Identity{}, err
	}
	key, err := makeKey(KeyPath(r.path), r.opts.Rand)
	if err != nil {
		return Identity{}, err
	}
	public := base64url(key.Public().(ed25519.PublicKey))
	code := normalCode(e.Code)
	in := map[string]string{
		"code": e.Code, "public_key": public, "label": e.Label, "app": r.opts.App,
		"proof": base64url(ed25519.Sign(key, []byte("doorstep-enrol-v1\n"+code+"\n"+public+"\n"))),
	}
	var out struct {
		Device  string `json:"device"`
		Account string `json:"account"`
	}
	rest := rest{base: strings.TrimSuffix(u.String(), "/"), client: e.Client, lang: e.Lang}
	if err := rest.post(ctx, "/v1/enrol", in, &out); err != nil {
		if CodeOf(err) == CodeUnauthorised {
			return Identity{}, recode(CodeCodeRefused, err)
		}
		return Identity{}, err
	}
	id := Identity{Device: out.Device, Account: out.Account, Centre: e.Centre}
	return id, r.Identify(ctx, id)
}

// normalCode gives the one form of a typed code, which is what is signed: upper case, without separators, O as 0, I
// and L as 1.
func normalCode(typed string) string {
	return strings.NewReplacer("-", "", " ", "", "\t", "", "\r", "", "\n", "", "_", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
}

// Tokens gives what proves to the centre who calls.
type Tokens interface {
	// Token gives a token that holds for a while. It may ask the centre for one.
	Token(ctx context.Context) (string, error)
}

// TokenText is a token that somebody else got.
type TokenText string

// Token gives it.
func (t TokenText) Token(context.Context) (string, error) { return string(t), nil }

// KeyTokens gets tokens by signing challenges with the key beside the replica. client may be nil.
func (r *Replica) KeyTokens(ctx context.Context, client *http.Client) (Tokens, error) {
	id, err := r.Identity(ctx)
	if err != nil {
		return nil, err
	}
	if id.Device == "" {
		return nil, say(CodeNotEnrolled, nil)
	}
	u, err := centreURL(id.Centre)
	if err != nil {
		return nil, err
	}
	key, err := readKey(KeyPath(r.path))
	if err != nil {
		return nil, err
	}
	return &keyTokens{device: id.Device, key: key, clock: r.opts.Clock, rest: rest{base: strings.TrimSuffix(u.String(), "/"), client: client}}, nil
}

// tokenFor is how long a token is used before a new one is asked for; the centre's last 15 minutes. It is measured on
// this device's monotonic clock: its wall clock may be years off.
const tokenFor = 10 * time.Minute

type keyTokens struct {
	device string
	key    ed25519.PrivateKey
	clock  Clock
	rest   rest

	mu    sync.Mutex
	token string
	boot  string
	until int64 // mono, ms
}

// Token gives the one it has, or a new one.
func (k *keyTokens) Token(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock.Read()
	if k.token != "" && k.boot == now.Boot && now.Mono < k.until {
		return k.token, nil
	}
	var challenge struct {
		Challenge string `json:"challenge"`
	}
	if err := k.rest.post(ctx, "/v1/token/challenge", map[string]string{"device": k.device}, &challenge); err != nil {
		return "", err
	}
	sig := ed25519.Sign(k.key, []byte("doorstep-token-v1\n"+k.device+"\n"+challenge.Challenge+"\n"))
	var token struct {
		Token string `json:"token"`
	}
	in := map[string]string{"device": k.device, "challenge": challenge.Challenge, "signature": base64url(sig)}
	if err := k.rest.post(ctx, "/v1/token", in, &token); err != nil {
		return "", err
	}
	k.token, k.boot, k.until = token.Token, now.Boot, now.Mono+tokenFor.Milliseconds()
	return k.token, nil
}

// Refresh forgets the token.
func (k *keyTokens) Refresh() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token = ""
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// rest calls the centre's REST interface.
type rest struct {
	base   string
	client *http.Client
	lang   string
}

const maxAnswer = 1 << 20

func (c *rest) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.lang != "" {
		req.Header.Set("Accept-Language", c.lang)
	}
	client := c.client
	if client == nil {
		client = &http.Client{Timeout: dialFor}
	}
	resp, err := client.Do(req)
	if err != nil {
		return say(CodeOffline, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return say(CodeOffline, err)
	}
	if resp.StatusCode/100 != 2 {
		return refused(path, resp, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return say(CodeProtocol, fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

// refused gives a refusal of the REST interface (RFC 9457) its sentence: the centre's own where it has one.
func refused(path string, resp *http.Response, text []byte) error {
	var problem struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal(text, &problem)
	cause := errors.New(path + ": " + resp.Status + " " + problem.Type)
	code := CodeRefused
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		code = CodeUnauthorised
	case resp.StatusCode == http.StatusForbidden:
		code = CodeRevoked
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		code = CodeStopping
	case resp.StatusCode >= 500:
		code = CodeCentre
	}
	e := say(code, cause)
	if code == CodeRefused && problem.Detail != "" {
		e.Label.ZH, e.Label.EN = problem.Detail, problem.Detail
	}
	return e
}

// recode gives an error another sentence.
func recode(code Code, err error) error {
	return say(code, err)
}
