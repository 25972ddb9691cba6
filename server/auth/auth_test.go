package auth_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/rand"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/directory/directorytest"
	"github.com/doorstep-sync/doorstep/server/messages"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/auth", "server/api", "server/store", "server/gateway", "clients", "github.com/rs/zerolog", "github.com/mattn/go-sqlite3")
}

var ctx = context.Background()

// centre is an auth.Service with a clock moved by hand.
type centre struct {
	*auth.Service
	t       testing.TB
	dir     *directory.Directory
	db      *directorytest.DB
	keyFile string
	keys    *auth.Keys

	mu sync.Mutex
	at time.Time
}

func (c *centre) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *centre) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var cheap = auth.Argon{Memory: 8, Time: 1, Threads: 1}

func open(t testing.TB) *centre {
	t.Helper()
	c := &centre{t: t, at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), keyFile: filepath.Join(t.TempDir(), "keys.pem")}
	roles := map[string]*schema.Role{"admin": {Name: "admin", Admin: true, Console: true}}
	c.db = directorytest.Open(t)
	c.dir = directory.New(directory.Config{DB: c.db, County: 1, Roles: roles, Now: c.Now, Random: rand.New(rand.NewSource(1))})
	c.restart()
	return c
}

// restart makes the Service anew, as a new process does.
func (c *centre) restart() {
	c.t.Helper()
	var err error
	c.keys, err = auth.OpenKeys(c.keyFile, rand.New(rand.NewSource(2)))
	require.NoError(c.t, err)
	c.Service, err = auth.New(auth.Config{Directory: c.dir, Keys: c.keys, County: 1, Now: c.Now, Random: rand.New(rand.NewSource(c.Now().UnixNano())), Argon: cheap})
	require.NoError(c.t, err)
}

func (c *centre) account(login string) directory.Account {
	c.t.Helper()
	hash, err := c.Hash(ctx, login, "correct horse battery")
	require.NoError(c.t, err)
	a, err := c.dir.CreateAccount(ctx, login, "王丽", hash)
	require.NoError(c.t, err)
	return a
}

// phone is a device's side.
type phone struct {
	key ed25519.PrivateKey
	id  string
}

var b64 = base64.RawURLEncoding.EncodeToString

func newPhone(seed byte) *phone {
	return &phone{key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed + 1}, 32))}
}

func (p *phone) public() string { return b64(p.key.Public().(ed25519.PublicKey)) }

func (p *phone) enrolment(code string) auth.Enrolment {
	return auth.Enrolment{Code: code, PublicKey: p.public(), Label: "手机", App: "test/1",
		Proof: b64(ed25519.Sign(p.key, auth.ProofText(auth.NormalCode(code), p.public())))}
}

func (c *centre) enrol(p *phone, account string) {
	c.t.Helper()
	code, err := c.NewCode(ctx, account, "")
	require.NoError(c.t, err)
	v, err := c.Enrol(ctx, "10.0.0.1", p.enrolment(code.Text))
	require.NoError(c.t, err)
	p.id = v.ID
}

func (c *centre) token(p *phone) (auth.Token, error) {
	c.t.Helper()
	ch, err := c.Challenge(p.id)
	require.NoError(c.t, err)
	return c.DeviceToken(ctx, p.id, ch.Text, p.answer(ch.Text))
}

// answer signs a challenge.
func (p *phone) answer(challenge string) string {
	return b64(ed25519.Sign(p.key, auth.SignedText(p.id, challenge)))
}

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	require.NoError(t, err)
	return b
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func refused(t testing.TB, err error, key messages.Key) {
	t.Helper()
	require.True(t, messages.Is(err, key), "want %s, got %v", key, err)
}

func TestEnrolment(t *testing.T) {
	c := open(t)
	a := c.account("wang")
	code, err := c.NewCode(ctx, a.ID, "")
	require.NoError(t, err)
	require.Regexp(t, `^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$`, code.Text)
	require.Equal(t, c.Now().Add(15*time.Minute).UnixMilli(), code.Expires.UnixMilli())

	p, thief := newPhone(1), newPhone(2)
	for name, e := range map[string]auth.Enrolment{
		"another's proof":      {Code: code.Text, PublicKey: p.public(), Label: "x", Proof: thief.enrolment(code.Text).Proof},
		"proof of other code":  {Code: code.Text, PublicKey: p.public(), Label: "x", Proof: p.enrolment("00000-00000").Proof},
		"no proof":             {Code: code.Text, PublicKey: p.public(), Label: "x"},
		"short key":            {Code: code.Text, PublicKey: "AAAA", Label: "x", Proof: p.enrolment(code.Text).Proof},
		"padded key":           {Code: code.Text, PublicKey: p.public() + "=", Label: "x", Proof: p.enrolment(code.Text).Proof},
		"a code that is wrong": p.enrolment("00000-00000"),
		"no code":              p.enrolment(""),
		"a long code":          p.enrolment(strings.Repeat("A", 1<<20)),
	} {
		_, err := c.Enrol(ctx, "10.0.0.1", e)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), code.Text)
	}
	typed := " " + strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(code.Text, "1", "l"), "0", "o")) + " "
	_, err = c.Enrol(ctx, "10.0.0.1", p.enrolment(typed))
	require.NoError(t, err, "as people type it; failed tries did not use it up")
	_, err = c.Enrol(ctx, "10.0.0.1", thief.enrolment(code.Text))
	refused(t, err, messages.CodeWrong)

	first, err := c.Enrol(ctx, "10.0.0.1", p.enrolment(code.Text))
	require.NoError(t, err, "the answer was lost: the same key asks again")
	again, err := c.Enrol(ctx, "10.0.0.1", p.enrolment(code.Text))
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	list, err := c.dir.Devices(ctx, a.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = c.dir.RevokeDevice(ctx, first.ID)
	require.NoError(t, err)
	_, err = c.Enrol(ctx, "10.0.0.1", p.enrolment(code.Text))
	refused(t, err, messages.CodeWrong)
}

func TestEnrolmentIsNotRepeatedForEver(t *testing.T) {
	c := open(t)
	code, err := c.NewCode(ctx, c.account("wang").ID, "")
	require.NoError(t, err)
	_, err = c.Enrol(ctx, "10.0.0.1", newPhone(1).enrolment(code.Text))
	require.NoError(t, err)
	c.Advance(15 * time.Minute)
	_, err = c.Enrol(ctx, "10.0.0.1", newPhone(1).enrolment(code.Text))
	refused(t, err, messages.CodeWrong)
}

// A token lives as long as the password it was issued under; a device's is another matter.
func TestNewPasswordVoidsTokens(t *testing.T) {
	c := open(t)
	a := c.account("wang")
	p := newPhone(1)
	c.enrol(p, a.ID)
	device, err := c.token(p)
	require.NoError(t, err)
	old, _, err := c.Login(ctx, "10.0.0.1", "wang", "correct horse battery")
	require.NoError(t, err)
	held, err := c.Console(ctx, old.Text)
	require.NoError(t, err)
	require.NoError(t, c.SetPassword(ctx, a, "correct horse battery")) // even the same word, in the same second
	_, err = c.Console(ctx, old.Text)
	refused(t, err, messages.TokenBad)
	refused(t, c.Check(ctx, held), messages.TokenBad)
	_, err = c.Device(ctx, device.Text)
	require.NoError(t, err)
	fresh, _, err := c.Login(ctx, "10.0.0.1", "wang", "correct horse battery")
	require.NoError(t, err)
	_, err = c.Console(ctx, fresh.Text)
	require.NoError(t, err)
}

func TestEnrolmentUnderParallelTries(t *testing.T) {
	c := open(t)
	code, err := c.NewCode(ctx, c.account("wang").ID, "")
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, err := c.Enrol(ctx, "10.0.0."+string(rune('0'+i)), newPhone(byte(i)).enrolment(code.Text))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !messages.Is(err, messages.CodeWrong) {
				t.Errorf("unexpected: %v", err)
			}
		}()
	}
	wg.Wait()
	require.Equal(t, 1, won)
}

// Everybody with IPv6 has more addresses than there are tries: his network counts as one.
func TestTriesOfOneNetworkAreLimited(t *testing.T) {
	c := open(t)
	slow := 0
	for i := range 100 {
		if _, err := c.Enrol(ctx, fmt.Sprintf("2001:db8:0:1::%x", i), newPhone(1).enrolment("00000-00000")); messages.Is(err, messages.SlowDown) {
			slow++
		}
	}
	require.Equal(t, 60, slow)
	_, err := c.Enrol(ctx, "2001:db8:0:2::1", newPhone(1).enrolment("00000-00000"))
	refused(t, err, messages.CodeWrong)
}

func TestTriesAreLimited(t *testing.T) {
	c := open(t)
	slow := 0
	for range 100 {
		if _, err := c.Enrol(ctx, "10.0.0.1", newPhone(1).enrolment("00000-00000")); messages.Is(err, messages.SlowDown) {
			slow++
			require.Contains(t, messages.Of(err).In(messages.EN), "1 seconds")
		}
	}
	require.Equal(t, 60, slow)
	_, err := c.Enrol(ctx, "10.0.0.2", newPhone(1).enrolment("00000-00000"))
	refused(t, err, messages.CodeWrong) // another address goes on
	c.Advance(time.Second)
	_, err = c.Enrol(ctx, "10.0.0.1", newPhone(1).enrolment("00000-00000"))
	refused(t, err, messages.CodeWrong)
}

func TestDeviceToken(t *testing.T) {
	c := open(t)
	a := c.account("wang")
	p, other := newPhone(1), newPhone(2)
	c.enrol(p, a.ID)
	c.enrol(other, c.account("li").ID)

	tok, err := c.token(p)
	require.NoError(t, err)
	require.Equal(t, 15*time.Minute, tok.Expires.Sub(c.Now()))
	who, err := c.Device(ctx, tok.Text)
	require.NoError(t, err)
	require.Equal(t, auth.Principal{Account: a.ID, Device: p.id, Expires: tok.Expires.Local()}, who)
	_, err = c.Console(ctx, tok.Text)
	refused(t, err, messages.TokenBad) // a device's token is not a person's

	ch, err := c.Challenge(p.id)
	require.NoError(t, err)
	sign := func(p *phone, device, challenge string) string {
		return b64(ed25519.Sign(p.key, auth.SignedText(device, challenge)))
	}
	good := sign(p, p.id, ch.Text)
	for name, f := range map[string]func() (auth.Token, error){
		"another's signature": func() (auth.Token, error) { return c.DeviceToken(ctx, p.id, ch.Text, sign(other, p.id, ch.Text)) },
		"another's challenge": func() (auth.Token, error) {
			return c.DeviceToken(ctx, other.id, ch.Text, sign(other, other.id, ch.Text))
		},
		"unknown device": func() (auth.Token, error) {
			return c.DeviceToken(ctx, "0190163d-8694-739b-aea5-966c26f8ad90", ch.Text, good)
		},
		"invented challenge": func() (auth.Token, error) { return c.DeviceToken(ctx, p.id, b64(make([]byte, 56)), good) },
		"garbage":            func() (auth.Token, error) { return c.DeviceToken(ctx, p.id, "?", "?") },
		"no signature":       func() (auth.Token, error) { return c.DeviceToken(ctx, p.id, ch.Text, "") },
		"a megabyte":         func() (auth.Token, error) { return c.DeviceToken(ctx, p.id, strings.Repeat("A", 1<<20), good) },
		"signature of enrolment": func() (auth.Token, error) {
			return c.DeviceToken(ctx, p.id, ch.Text, b64(ed25519.Sign(p.key, auth.ProofText(p.id, ch.Text))))
		},
	} {
		_, err := f()
		require.Error(t, err, name)
	}
	_, err = c.DeviceToken(ctx, p.id, ch.Text, good)
	require.NoError(t, err, "wrong tries did not use the challenge up")
	_, err = c.DeviceToken(ctx, p.id, ch.Text, good)
	refused(t, err, messages.ChallengeWrong) // replay

	ch, err = c.Challenge(p.id)
	require.NoError(t, err)
	c.Advance(60 * time.Second)
	_, err = c.DeviceToken(ctx, p.id, ch.Text, sign(p, p.id, ch.Text))
	refused(t, err, messages.ChallengeWrong) // a minute later

	ch, err = c.Challenge(p.id)
	require.NoError(t, err)
	c.restart()
	_, err = c.DeviceToken(ctx, p.id, ch.Text, sign(p, p.id, ch.Text))
	refused(t, err, messages.ChallengeWrong) // a challenge of another process
	_, err = c.Device(ctx, tok.Text)
	require.NoError(t, err, "a token outlives a restart: the key is kept")

	c.Advance(15 * time.Minute)
	_, err = c.Device(ctx, tok.Text)
	refused(t, err, messages.TokenBad)
}

func TestOneChallengeManyTries(t *testing.T) {
	c := open(t)
	p := newPhone(1)
	c.enrol(p, c.account("wang").ID)
	ch, err := c.Challenge(p.id)
	require.NoError(t, err)
	sig := b64(ed25519.Sign(p.key, auth.SignedText(p.id, ch.Text)))
	var wg sync.WaitGroup
	won := make(chan struct{}, 50)
	for range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := c.DeviceToken(ctx, p.id, ch.Text, sig); err == nil {
				won <- struct{}{}
			}
		}()
	}
	wg.Wait()
	require.Len(t, won, 1)
}

func TestRowsDecideNotTokens(t *testing.T) {
	c := open(t)
	a := c.account("wang")
	p := newPhone(1)
	c.enrol(p, a.ID)
	tok, err := c.token(p)
	require.NoError(t, err)
	console, _, err := c.Login(ctx, "10.0.0.1", "wang", "correct horse battery")
	require.NoError(t, err)

	_, err = c.dir.RevokeDevice(ctx, p.id)
	require.NoError(t, err)
	_, err = c.Device(ctx, tok.Text)
	refused(t, err, messages.DeviceRevoked)
	last, err := c.token(p)
	require.NoError(t, err, "it proves its key still, to drain and to purge")
	_, err = c.Device(ctx, last.Text)
	refused(t, err, messages.DeviceRevoked)
	who, err := c.Socket(ctx, last.Text)
	require.NoError(t, err)
	require.Equal(t, p.id, who.Device)
	_, err = c.Console(ctx, console.Text)
	require.NoError(t, err)
	require.NoError(t, c.dir.DisableAccount(ctx, a.ID))
	_, err = c.Console(ctx, console.Text)
	refused(t, err, messages.AccountOff)
	_, _, err = c.Login(ctx, "10.0.0.1", "wang", "correct horse battery")
	refused(t, err, messages.LoginWrong)
}

func TestOneAnswerForAllFailures(t *testing.T) {
	c := open(t)
	c.account("wang")
	_, err := c.dir.CreateAccount(ctx, "nopassword", "李强", "")
	require.NoError(t, err)
	var texts []string
	for _, try := range [][2]string{{"wang", "wrong"}, {"nobody", "wrong"}, {"nopassword", ""}, {"nopassword", "nobody's password"}, {"no such login!", "x"}, {"wang", strings.Repeat("x", 1<<20)}} {
		_, _, err := c.Login(ctx, "10.0.0.1", try[0], try[1])
		refused(t, err, messages.LoginWrong)
		texts = append(texts, messages.Of(err).In(messages.ZH))
	}
	for _, text := range texts {
		require.Equal(t, texts[0], text)
	}
}

func TestPasswords(t *testing.T) {
	c := open(t)
	a := c.account("wang-li-2026")
	for _, bad := range []struct {
		password string
		key      messages.Key
	}{{"short", messages.PasswordShort}, {strings.Repeat("长", 129), messages.PasswordLong}, {strings.Repeat("x", 1<<20), messages.PasswordLong}, {"WANG-LI-2026", messages.PasswordIsLogin}} {
		refused(t, c.SetPassword(ctx, a, bad.password), bad.key)
	}
	refused(t, c.ChangePassword(ctx, "10.0.0.1", a, "wrong old one", "a new password"), messages.LoginWrong)
	require.NoError(t, c.ChangePassword(ctx, "10.0.0.1", a, "correct horse battery", "十个汉字也是一个密码"))
	_, _, err := c.Login(ctx, "10.0.0.1", "wang-li-2026", "十个汉字也是一个密码")
	require.NoError(t, err)
}

// A start hashes nothing: it would take 50 ms and the 19 MiB of a hash. What unknown logins are checked against is of the
// same cost as any hash all the same.
func TestNewHashesNothing(t *testing.T) {
	c := open(t)
	keys, err := auth.OpenKeys(c.keyFile, nil)
	require.NoError(t, err)
	var before, made, checked runtime.MemStats
	runtime.ReadMemStats(&before)
	real, err := auth.New(auth.Config{Directory: c.dir, Keys: keys, County: 1, Now: c.Now, Random: rand.New(rand.NewSource(3))})
	require.NoError(t, err)
	runtime.ReadMemStats(&made)
	const hash = 19 << 20
	require.Less(t, made.TotalAlloc-before.TotalAlloc, uint64(hash/2))
	_, _, err = real.Login(ctx, "a", "nobody", "correct horse battery")
	require.Error(t, err)
	runtime.ReadMemStats(&checked)
	require.Greater(t, checked.TotalAlloc-made.TotalAlloc, uint64(hash/2), "an unknown login is told by its time")
}

// The parameters of the real thing, once: stored with the hash, so that they can be raised later.
func TestArgonParameters(t *testing.T) {
	c := open(t)
	keys, err := auth.OpenKeys(c.keyFile, nil)
	require.NoError(t, err)
	real, err := auth.New(auth.Config{Directory: c.dir, Keys: keys, County: 1, Now: c.Now, Random: rand.New(rand.NewSource(3))})
	require.NoError(t, err)
	hash, err := real.Hash(ctx, "x", "correct horse battery")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
	_, err = c.dir.CreateAccount(ctx, "strong", "王", hash)
	require.NoError(t, err)
	_, _, err = c.Login(ctx, "a", "strong", "correct horse battery")
	require.NoError(t, err, "another service's parameters are read from the hash")
}

func TestBootstrap(t *testing.T) {
	c := open(t)
	first, err := c.BootstrapCode(ctx)
	require.NoError(t, err)
	code, err := c.BootstrapCode(ctx)
	require.NoError(t, err)
	for _, bad := range []string{"", "x", first, "00000-00000"} {
		_, err := c.Bootstrap(ctx, "10.0.0.1", bad, "root", "管理员", "correct horse battery")
		refused(t, err, messages.BootstrapWrong)
	}
	_, err = c.Bootstrap(ctx, "10.0.0.1", code, "root", "管理员", "short")
	refused(t, err, messages.PasswordShort)
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if a, err := c.Bootstrap(ctx, "10.0.0.2", code, "root"+string(rune('a'+i)), "管理员", "correct horse battery"); err == nil {
				won <- a.ID
			}
		}()
	}
	wg.Wait()
	require.Len(t, won, 1)
	rights, err := c.dir.Rights(ctx, <-won)
	require.NoError(t, err)
	require.True(t, rights.Admin)
	code, err = c.BootstrapCode(ctx)
	require.NoError(t, err)
	require.Empty(t, code)
}

func TestKeyFile(t *testing.T) {
	c := open(t)
	info, err := os.Stat(c.keyFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.Chmod(c.keyFile, 0o640))
	_, err = auth.OpenKeys(c.keyFile, nil)
	require.ErrorContains(t, err, "chmod 600")
	for _, text := range []string{"", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		require.NoError(t, os.WriteFile(c.keyFile, []byte(text), 0o600))
		require.NoError(t, os.Chmod(c.keyFile, 0o600))
		_, err = auth.OpenKeys(c.keyFile, nil)
		require.ErrorContains(t, err, "cannot be used", "a broken file is never replaced silently")
	}
}

func TestBearer(t *testing.T) {
	jwt := "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln"
	for _, c := range []struct {
		url, header string
		key         messages.Key
	}{
		{"/v1/me", "Bearer " + jwt, ""},
		{"/v1/me?after=x", "bearer " + jwt, ""},
		{"/v1/me", "", messages.TokenMissing},
		{"/v1/me", "Basic dTpw", messages.TokenMissing},
		{"/v1/me", "Bearer ", messages.TokenMissing},
		{"/v1/me?token=x", "", messages.TokenInURL},
		{"/v1/me?access_token=" + jwt, "Bearer " + jwt, messages.TokenInURL},
		{"/v1/me?Token=" + jwt, "", messages.TokenInURL},
		{"/v1/me?q=" + jwt, "", messages.TokenInURL},
		{"/v1/me?" + jwt, "", messages.TokenInURL},
		{"/v1/me?q=%65%79%4ahbGci.x", "", messages.TokenInURL},
		{"/v1/me?password=x", "", messages.TokenInURL},
		{"/v1/me?a=1;token=x", "", messages.TokenInURL},
		{"/v1/" + jwt, "", messages.TokenInURL},
	} {
		r := httptest.NewRequest("GET", c.url, nil)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		got, err := auth.Bearer(r)
		if c.key == "" {
			require.NoError(t, err, c.url)
			require.Equal(t, jwt, got)
			continue
		}
		refused(t, err, c.key)
	}
	r := httptest.NewRequest("GET", "/v1/me", nil)
	r.Header["Authorization"] = []string{"Bearer " + jwt, "Bearer other"}
	_, err := auth.Bearer(r)
	refused(t, err, messages.TokenMissing)
}
