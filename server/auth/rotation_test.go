package auth_test

import (
	"encoding/hex"
	"encoding/json"
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// A key that was retired verifies what it signed until the longest life of a token is over, and nothing that claims to
// be younger than its retirement; codes and challenges of before hold as long as they would have.
func TestKeyRotation(t *testing.T) {
	c := open(t)
	wang := c.account("wang")
	phone := newPhone(1)
	c.enrol(phone, wang.ID)
	code, err := c.NewCode(ctx, wang.ID, "")
	require.NoError(t, err)
	challenge, err := c.Challenge(phone.id)
	require.NoError(t, err)
	token, err := c.token(phone)
	require.NoError(t, err)
	person, _, err := c.Login(ctx, "a", "wang", "correct horse battery")
	require.NoError(t, err)
	old := newForge(t, c, token.Text)

	c.Advance(time.Minute / 2)
	kid, err := auth.RotateKeys(c.keyFile, c.Now(), rand.New(rand.NewSource(7)))
	require.NoError(t, err)
	changed, err := c.keys.Reload()
	require.NoError(t, err)
	require.True(t, changed)
	again, err := c.keys.Reload()
	require.NoError(t, err)
	require.False(t, again)
	fresh, err := c.token(phone)
	require.NoError(t, err)
	require.Contains(t, header(t, fresh.Text), kid)
	require.NotContains(t, header(t, token.Text), kid)
	for _, text := range []string{token.Text, fresh.Text} {
		_, err = c.Device(ctx, text)
		require.NoError(t, err)
	}
	_, err = c.DeviceToken(ctx, phone.id, challenge.Text, phone.answer(challenge.Text))
	require.NoError(t, err, "a challenge of before")
	second := newPhone(2)
	_, err = c.Enrol(ctx, "10.0.0.1", second.enrolment(code.Text))
	require.NoError(t, err, "a code of before")

	// Somebody who stole the retired key makes himself tokens with it.
	c.Advance(time.Minute)
	forged := old.edit(t, `"iat":`, `"iat":`+unix(c.Now())+`,"x":`)
	_, err = c.Device(ctx, forged)
	refused(t, err, messages.TokenBad)
	young := old.claims
	for _, name := range []string{"iat", "nbf"} {
		young = strings.Replace(young, `"`+name+`":`+unix(c.Now().Add(-90*time.Second)), `"`+name+`":`+unix(c.Now()), 1)
	}
	require.NotEqual(t, old.claims, young)
	_, err = c.Device(ctx, old.sign(old.with(nil), young))
	refused(t, err, messages.TokenBad)

	// At the end of the longest life nothing of it is left, in the file neither.
	c.Advance(8*time.Hour - 2*time.Minute)
	_, err = c.Console(ctx, person.Text)
	require.NoError(t, err)
	c.Advance(time.Minute + 11*time.Second)
	_, err = c.Console(ctx, person.Text)
	refused(t, err, messages.TokenBad)
	c.Advance(18 * time.Hour)
	require.NoError(t, c.keys.Rotate(c.Now()))
	require.NoError(t, c.keys.Rotate(c.Now()))
	require.Zero(t, c.keys.Age(c.Now()))
	text, err := os.ReadFile(c.keyFile)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(text), "BEGIN PRIVATE KEY"), "the first is gone")
	require.NoError(t, os.WriteFile(c.keyFile, []byte("half"), 0o600))
	_, err = c.keys.Reload()
	require.ErrorContains(t, err, "restore the file from a backup")
	_, err = c.token(phone)
	require.NoError(t, err, "what was read before stays in use")
}

func header(t *testing.T, token string) string {
	t.Helper()
	var h map[string]any
	require.NoError(t, json.Unmarshal(unb64(t, strings.Split(token, ".")[0]), &h))
	return h["kid"].(string)
}

// The bootstrap code holds over a rotation too.
func TestBootstrapCodeHoldsOverRotation(t *testing.T) {
	c := open(t)
	code, err := c.BootstrapCode(ctx)
	require.NoError(t, err)
	require.NoError(t, c.keys.Rotate(c.Now()))
	_, err = c.Bootstrap(ctx, "10.0.0.1", code, "root", "管理员", "correct horse battery")
	require.NoError(t, err)
}

// What a kid says opens no file, asks no database and no network: all of them are one answer, as fast as another.
func TestHostileKids(t *testing.T) {
	c := open(t)
	phone := newPhone(1)
	c.enrol(phone, c.account("wang").ID)
	token, err := c.token(phone)
	require.NoError(t, err)
	f := newForge(t, c, token.Text)
	own := f.header["kid"].(string)
	raw, err := hex.DecodeString(own)
	require.NoError(t, err)
	for name, kid := range map[string]any{
		"the key file": c.keyFile, "a file URL": "file://" + c.keyFile, "up": "../" + own, "dot": "./" + own, "query": own + "?x", "fragment": own + "#",
		"UNION": own + "' UNION SELECT public_key FROM device --", "wildcard": "%", "glob": "*", "regexp": ".*", "LDAP": "*)(kid=*", "template": "{{.Key}}", "shell": "$(id)",
		"URL": "http://169.254.169.254/" + own, "data URL": "data:application/json,{}", "JWK thumbprint": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		"null": nil, "true": true, "an object": map[string]any{"kid": own}, "nested": []any{[]any{own}}, "float": 1e300, "space": own + " ", "tab": "\t" + own,
		"bytes": string(raw), "one short": own[1:], "one long": own + "0", "full width": "０" + own[1:], "zero width": own + "\u200b", "prefix": "", "newline": own + "\n", "a megabyte": strings.Repeat(own, 1<<16),
	} {
		change := map[string]any{"kid": kid}
		_, err := c.Device(ctx, f.sign(f.with(change), f.claims))
		refused(t, err, messages.TokenBad)
		require.NotContains(t, err.Error(), c.keyFile, name)
	}
	twice := strings.Replace(f.with(nil), `"kid":"`+own+`"`, `"kid":"x","kid":"`+own+`"`, 1)
	for name, h := range map[string]string{"kid twice, ours last": twice, "Kid": strings.Replace(f.with(nil), `"kid"`, `"Kid"`, 1)} {
		_, err := c.Device(ctx, f.sign(h, f.claims))
		refused(t, err, messages.TokenBad)
		require.Error(t, err, name)
	}
}

// A challenge answered, and a code used, work once: whoever recorded them gets nothing.
func TestReplays(t *testing.T) {
	c := open(t)
	wang := c.account("wang")
	phone := newPhone(1)
	c.enrol(phone, wang.ID)
	ch, err := c.Challenge(phone.id)
	require.NoError(t, err)
	_, err = c.DeviceToken(ctx, phone.id, ch.Text, phone.answer(ch.Text))
	require.NoError(t, err)
	_, err = c.DeviceToken(ctx, phone.id, ch.Text, phone.answer(ch.Text))
	refused(t, err, messages.ChallengeWrong)
	require.NoError(t, c.keys.Rotate(c.Now()))
	_, err = c.DeviceToken(ctx, phone.id, ch.Text, phone.answer(ch.Text))
	refused(t, err, messages.ChallengeWrong)
	code, err := c.NewCode(ctx, wang.ID, "")
	require.NoError(t, err)
	_, err = c.Enrol(ctx, "10.0.0.1", newPhone(2).enrolment(code.Text))
	require.NoError(t, err)
	_, err = c.Enrol(ctx, "10.0.0.1", newPhone(3).enrolment(code.Text))
	refused(t, err, messages.CodeWrong)
}
