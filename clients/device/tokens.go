package device

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/clients/trust"
)

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
	if _, _, err := r.own(ctx); err != nil {
		return nil, err
	}
	known, err := r.Trust(ctx)
	if err != nil {
		return nil, err
	}
	centre := trust.NewCentre(known)
	if client == nil {
		client = centre.Client(dialFor)
	}
	return &keyTokens{
		own: r.own, clock: r.opts.Clock, rest: rest{base: strings.TrimSuffix(u.String(), "/"), client: client},
		centre: centre, announced: func(ctx context.Context, pins []string) { r.announced(ctx, centre, pins) },
	}, nil
}

// tokenFor is how long a token is used before a new one is asked for; the centre's last 15 minutes. It is measured on
// this device's monotonic clock: its wall clock may be years off.
const tokenFor = 10 * time.Minute

type keyTokens struct {
	own    func(context.Context) (device string, key ed25519.PrivateKey, err error) // as they are now: a copy becomes another device
	clock  Clock
	rest   rest
	centre *trust.Centre
	// announced hears the pins that came with a token.
	announced func(context.Context, []string)

	mu     sync.Mutex
	device string // that the token is for
	token  string
	boot   string
	until  int64 // mono, ms
}

// Token gives the one it has, or a new one.
func (k *keyTokens) Token(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock.Read()
	device, key, err := k.own(ctx)
	if err != nil {
		return "", err
	}
	if k.token != "" && k.device == device && k.boot == now.Boot && now.Mono < k.until {
		return k.token, nil
	}
	challenge, err := k.challenge(ctx, device)
	if err != nil {
		return "", err
	}
	sig := ed25519.Sign(key, []byte("doorstep-token-v1\n"+device+"\n"+challenge+"\n"))
	var token struct {
		Token string   `json:"token"`
		Pins  []string `json:"pins"`
	}
	in := map[string]string{"device": device, "challenge": challenge, "signature": base64url(sig)}
	if err := k.rest.post(ctx, "/v1/token", in, &token); err != nil {
		return "", err
	}
	k.announced(ctx, token.Pins)
	k.device, k.token, k.boot, k.until = device, token.Token, now.Boot, now.Mono+tokenFor.Milliseconds()
	return k.token, nil
}

// challenge gets something to sign.
func (k *keyTokens) challenge(ctx context.Context, device string) (string, error) {
	var out struct {
		Challenge string `json:"challenge"`
	}
	err := k.rest.post(ctx, "/v1/token/challenge", map[string]string{"device": device}, &out)
	return out.Challenge, err
}

// own gives the device that this replica is now, and its key.
func (r *Replica) own(ctx context.Context) (string, ed25519.PrivateKey, error) {
	if err := r.swapKey(ctx); err != nil {
		return "", nil, err
	}
	id, err := r.Identity(ctx)
	if err != nil {
		return "", nil, err
	}
	key, err := readKey(KeyPath(r.path))
	return id.Device, key, err
}

// Refresh forgets the token.
func (k *keyTokens) Refresh() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token = ""
}
