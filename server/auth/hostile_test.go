package auth_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// forge holds everything of a good token, to make bad ones from. It even has the centre's private key.
type forge struct {
	key    ed25519.PrivateKey
	header map[string]any
	claims string // the one form, with %s for parts that tables replace
	good   string
}

func newForge(t *testing.T, c *centre, good string) *forge {
	t.Helper()
	text, err := os.ReadFile(c.keyFile)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	parts := strings.Split(good, ".")
	f := &forge{key: key.(ed25519.PrivateKey), good: good}
	h, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(h, &f.header))
	cl, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	f.claims = string(cl)
	return f
}

// sign makes a token of any header and claims with the centre's own key.
func (f *forge) sign(header, claims string) string {
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(ed25519.Sign(f.key, []byte(text)))
}

// with gives the good header as JSON with some names changed; nil removes.
func (f *forge) with(change map[string]any) string {
	h := maps.Clone(f.header)
	for k, v := range change {
		if v == nil {
			delete(h, k)
		} else {
			h[k] = v
		}
	}
	b, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (f *forge) hs256(secret []byte, header string) string {
	text := b64([]byte(header)) + "." + b64([]byte(f.claims))
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(text))
	return text + "." + b64(m.Sum(nil))
}

func (f *forge) rs256() string {
	key, err := rsa.GenerateKey(rand.New(rand.NewSource(9)), 2048)
	if err != nil {
		panic(err)
	}
	text := b64([]byte(f.with(map[string]any{"alg": "RS256"}))) + "." + b64([]byte(f.claims))
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + b64(sig)
}

// edit replaces in the good claims and signs again; it fails the test if there was nothing to replace.
func (f *forge) edit(t *testing.T, old, new string) string {
	t.Helper()
	require.Contains(t, f.claims, old)
	return f.sign(f.with(nil), strings.Replace(f.claims, old, new, 1))
}

func TestHostileTokens(t *testing.T) {
	c := open(t)
	a := c.account("wang")
	p := newPhone(1)
	c.enrol(p, a.ID)
	tok, err := c.token(p)
	require.NoError(t, err)
	console, _, err := c.Login(ctx, "a", "wang", "correct horse battery")
	require.NoError(t, err)
	f := newForge(t, c, tok.Text)
	_, err = c.Device(ctx, f.sign(f.with(nil), f.claims))
	require.NoError(t, err, "the forge makes good tokens too, so each bad one is bad for its own reason")

	now := c.Now().Unix()
	iat, exp := fmt.Sprintf(`"iat":%d`, now), fmt.Sprintf(`"exp":%d`, now+900)
	nbf := fmt.Sprintf(`"nbf":%d`, now)
	parts := strings.Split(f.good, ".")
	public := f.key.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	stranger := ed25519.NewKeyFromSeed(make([]byte, 32))
	kid := func(v any) string { return f.sign(f.with(map[string]any{"kid": v}), f.claims) }
	head := func(k string, v any) string { return f.sign(f.with(map[string]any{k: v}), f.claims) }
	flip := func(i int) string { // one bit of the signature
		sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
		sig[i] ^= 1
		return parts[0] + "." + parts[1] + "." + b64(sig)
	}

	tokens := map[string]string{
		"empty": "", "a dot": ".", "two dots": "..", "three dots": "...", "words": "not a token", "NUL": "\x00", "newline": f.good + "\n", "space before": " " + f.good,
		"one part": parts[0], "two parts": parts[0] + "." + parts[1], "four parts": f.good + ".x", "five parts (JWE)": f.good + ".x.y",
		"no signature": parts[0] + "." + parts[1] + ".", "no header": "." + parts[1] + "." + parts[2], "no claims": parts[0] + ".." + parts[2],
		"padding": f.good + "=", "standard base64": strings.ReplaceAll(strings.ReplaceAll(f.good, "-", "+"), "_", "/") + "+", "quoted": `"` + f.good + `"`,
		"a megabyte of dots": strings.Repeat(".", 1<<20), "a megabyte of A": strings.Repeat("A", 1<<20), "one byte too long": strings.Repeat("A", 4097),
		"JSON serialisation": `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,

		"alg none": b64([]byte(f.with(map[string]any{"alg": "none"}))) + "." + parts[1] + ".", "alg None": b64([]byte(f.with(map[string]any{"alg": "None"}))) + "." + parts[1] + ".",
		"alg nONE": b64([]byte(f.with(map[string]any{"alg": "nONE"}))) + "." + parts[1] + ".", "alg none, signed": head("alg", "none"), "alg empty": head("alg", ""),
		"alg missing": head("alg", nil), "alg a number": head("alg", 1), "alg a list": head("alg", []string{"EdDSA"}), "alg eddsa": head("alg", "eddsa"), "alg Ed25519": head("alg", "Ed25519"), "alg ES256": head("alg", "ES256"),
		"HS256 with the public key":          f.hs256(public, f.with(map[string]any{"alg": "HS256"})),
		"HS256 with the public key as PEM":   f.hs256(publicPEM, f.with(map[string]any{"alg": "HS256"})),
		"HS256 with the public key, base64":  f.hs256([]byte(b64(public)), f.with(map[string]any{"alg": "HS256"})),
		"HS256 with nothing":                 f.hs256(nil, f.with(map[string]any{"alg": "HS256"})),
		"HS256 signature under an EdDSA alg": f.hs256(public, f.with(nil)),
		"RS256":                              f.rs256(),

		"kid missing": head("kid", nil), "kid empty": kid(""), "kid a number": kid(0), "kid a list": kid([]string{f.header["kid"].(string)}), "kid a path": kid("../../../dev/null"),
		"kid SQL": kid("' OR 1=1 --"), "kid URL": kid("https://evil.example/key"), "kid of 3 kB": kid(strings.Repeat("k", 2048)), "kid upper case": kid(strings.ToUpper(f.header["kid"].(string) + "a")),
		"kid with NUL": kid(f.header["kid"].(string) + "\x00"), "another's key under our kid": (&forge{key: stranger}).sign(f.with(nil), f.claims),
		"jwk in the header": (&forge{key: stranger}).sign(f.with(map[string]any{"jwk": map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64(stranger.Public().(ed25519.PublicKey))}}), f.claims),
		"jku":               head("jku", "https://evil.example/keys"), "x5u": head("x5u", "https://evil.example/cert"), "x5c": head("x5c", []string{"AAAA"}),
		"crit": head("crit", []string{"exp"}), "b64 false": head("b64", false), "zip": head("zip", "DEF"), "cty": head("cty", "JWT"),
		"typ JWT": head("typ", "JWT"), "typ missing": head("typ", nil), "typ upper case": head("typ", "DOORSTEP+JWT"), "typ a number": head("typ", 1),
		"header not an object": f.sign(`["EdDSA"]`, f.claims), "header cut": f.sign(`{"alg":"EdDSA"`, f.claims), "header null": f.sign(`null`, f.claims), "deep header": f.sign(strings.Repeat("[", 3000), f.claims),

		"first bit of the signature": flip(0), "last bit of the signature": flip(63), "claims changed": parts[0] + "." + b64([]byte(strings.Replace(f.claims, `"cty":1`, `"cty":2`, 1))) + "." + parts[2],
		"long signature": f.good + "AAAA", "signature of zeros": parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),

		"exp missing": f.edit(t, ","+exp, ""), "exp a string": f.edit(t, exp, fmt.Sprintf(`"exp":"%d"`, now+900)), "exp past": f.edit(t, exp, fmt.Sprintf(`"exp":%d`, now-11)), "exp zero": f.edit(t, exp, `"exp":0`),
		"exp negative": f.edit(t, exp, `"exp":-1`), "exp null": f.edit(t, exp, `"exp":null`), "exp with a fraction": f.edit(t, exp, fmt.Sprintf(`"exp":%d.5`, now+900)), "exp 1e300": f.edit(t, exp, `"exp":1e300`), "exp twice": f.edit(t, exp, `"exp":1,`+exp), "EXP": f.edit(t, exp, strings.ToUpper(exp)),
		"nbf in the future": f.edit(t, nbf, fmt.Sprintf(`"nbf":%d`, now+11)), "iat in the future": f.edit(t, iat, fmt.Sprintf(`"iat":%d`, now+11)), "iat missing": f.edit(t, iat+",", ""), "nbf missing": f.edit(t, nbf+",", ""),
		"aud missing": f.edit(t, `"aud":"sync",`, ""), "aud a list": f.edit(t, `"aud":"sync"`, `"aud":["sync"]`), "aud two": f.edit(t, `"aud":"sync"`, `"aud":["sync","console"]`), "aud other": f.edit(t, `"aud":"sync"`, `"aud":"console"`), "aud SYNC": f.edit(t, `"aud":"sync"`, `"aud":"SYNC"`), "aud with a space": f.edit(t, `"aud":"sync"`, `"aud":"sync "`),
		"iss missing": f.edit(t, `"iss":"doorstep:1",`, ""), "iss of another centre": f.edit(t, `"doorstep:1"`, `"doorstep:2"`), "county of another": f.edit(t, `"cty":1`, `"cty":2`), "county a string": f.edit(t, `"cty":1`, `"cty":"1"`),
		"sub missing": f.edit(t, `"sub":"`+a.ID+`",`, ""), "sub empty": f.edit(t, `"sub":"`+a.ID+`"`, `"sub":""`), "sub of nobody": f.edit(t, a.ID, "0190163d-8694-739b-aea5-966c26f8ad90"),
		"no device": f.edit(t, `"dev":"`+p.id+`",`, ""), "device of nobody": f.edit(t, p.id, "0190163d-8694-739b-aea5-966c26f8ad90"),
		"jti missing": f.edit(t, `"jti":"`, `"x":"`), "a role claimed": f.edit(t, `"cty":1`, `"cty":1,"role":"admin"`), "claims a list": f.sign(f.with(nil), `[]`), "claims null": f.sign(f.with(nil), `null`), "claims with spaces": f.sign(f.with(nil), " "+f.claims), "claims and more": f.sign(f.with(nil), f.claims+"{}"),
		"a person's token": console.Text,
	}
	require.Greater(t, len(tokens), 90)
	for name, bad := range tokens {
		t.Run(name, func(t *testing.T) {
			_, err := c.Device(ctx, bad)
			refused(t, err, messages.TokenBad)
			if len(bad) > 10 {
				require.NotContains(t, err.Error(), bad, "a token in an error ends up in a log")
			}
			_, err = c.Console(ctx, bad)
			if name != "a person's token" {
				refused(t, err, messages.TokenBad)
			}
		})
	}
	for name, large := range map[string]string{
		"a megabyte of dots": tokens["a megabyte of dots"], "a megabyte of A": tokens["a megabyte of A"],
		"a megabyte of claims": f.sign(f.with(nil), strings.Replace(f.claims, `"jti":"`, `"jti":"`+strings.Repeat("x", 1<<20), 1)),
	} {
		require.Less(t, allocated(func() { _, _ = c.Device(ctx, large) }), uint64(64<<10), name)
	}
}

// lax is a signing method that takes anything, as a plugged-in library might bring one.
type lax struct{}

func (lax) Alg() string                            { return "lax" }
func (lax) Sign(string, any) ([]byte, error)       { return nil, nil }
func (lax) Verify(_ string, _ []byte, _ any) error { return nil }

func TestOnlyEdDSA(t *testing.T) {
	jwt.RegisterSigningMethod("lax", func() jwt.SigningMethod { return lax{} })
	c := open(t)
	p := newPhone(1)
	c.enrol(p, c.account("wang").ID)
	tok, err := c.token(p)
	require.NoError(t, err)
	f := newForge(t, c, tok.Text)
	_, err = c.Device(ctx, b64([]byte(f.with(map[string]any{"alg": "lax"})))+"."+b64([]byte(f.claims))+".x")
	refused(t, err, messages.TokenBad)
	_, err = c.Device(ctx, b64([]byte(f.with(map[string]any{"alg": "lax"})))+"."+b64([]byte(f.claims))+".")
	refused(t, err, messages.TokenBad)
}

// A token's times have a leeway of ten seconds, for the nodes of one centre.
func TestLeeway(t *testing.T) {
	c := open(t)
	p := newPhone(1)
	c.enrol(p, c.account("wang").ID)
	tok, err := c.token(p)
	require.NoError(t, err)
	c.Advance(15*time.Minute + 9*time.Second)
	_, err = c.Device(ctx, tok.Text)
	require.NoError(t, err)
	c.Advance(2 * time.Second)
	_, err = c.Device(ctx, tok.Text)
	refused(t, err, messages.TokenBad)
}

// allocated counts the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
