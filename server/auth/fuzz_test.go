package auth_test

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/internal/tape"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// FuzzToken shows a centre texts of any kind, and its own tokens taken apart and put together otherwise. What it takes
// is, byte for byte, a token that it issued for that door; all others get the one sentence.
func FuzzToken(f *testing.F) {
	c := open(f)
	phones := []*phone{newPhone(1), newPhone(2)}
	for _, p := range phones {
		c.enrol(p, c.account("p"+p.public()[:6]).ID)
	}
	var tokens []string
	sync, console := map[string]bool{}, map[string]bool{}
	for _, p := range phones {
		tok, err := c.token(p)
		require.NoError(f, err)
		tokens, sync[tok.Text] = append(tokens, tok.Text), true
	}
	c.account("wang")
	person, _, err := c.Login(ctx, "10.0.0.2", "wang", "correct horse battery")
	require.NoError(f, err)
	tokens, console[person.Text] = append(tokens, person.Text), true
	for i := range tokens {
		f.Add([]byte{byte(i), 0})
		f.Add(append([]byte{255, byte(i)}, tokens[i]...))
		f.Add(append([]byte{255, byte(i)}, tokens[i]+"\n"...))
		f.Add(append([]byte{255, byte(i)}, strings.Replace(tokens[i], ".", "\n.", 1)...))
	}
	f.Add([]byte("\x00\x03eyJhbGciOiJub25lIn0.e30."))
	f.Add([]byte("\x01\x02\x01\x01\x00\x02\x03\x04\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text := token(tape.New(b), tokens, b)
		p, err := c.Device(ctx, text)
		taken(t, text, err, sync)
		if err == nil && p.Device != phones[0].id && p.Device != phones[1].id {
			t.Fatalf("%q stands for %+v", text, p)
		}
		_, err = c.Console(ctx, text)
		taken(t, text, err, console)
	})
}

func taken(t *testing.T, text string, err error, issued map[string]bool) {
	switch {
	case err == nil && !issued[text]:
		t.Fatalf("%q was never issued", text)
	case err != nil && issued[text]:
		t.Fatalf("%q was issued: %v", text, err)
	case err != nil && !messages.Is(err, messages.TokenBad):
		t.Fatalf("%q gives an error of its own: %v", text, err)
	case err != nil && len(text) > 20 && strings.Contains(err.Error(), text):
		t.Fatalf("the error quotes the token")
	}
}

// token makes a text: as it comes, or of the parts of real tokens, with some bytes and bits changed, or decoded,
// changed and encoded again.
func token(in *tape.Tape, tokens []string, b []byte) string {
	first := in.Byte()
	if first == 255 {
		return string(b[min(2, len(b)):])
	}
	if int(first) < len(tokens) && !in.More() {
		return tokens[first]
	}
	var parts []string
	for i := range 3 {
		part := strings.Split(tokens[in.Below(len(tokens))], ".")[i]
		for range in.Below(3) {
			part = spoil(in, part)
		}
		parts = append(parts, part)
	}
	switch in.Below(6) {
	case 1:
		parts = append(parts, in.Text())
	case 2:
		parts = parts[:2]
	case 3:
		return in.Text(" ", "\n") + strings.Join(parts, ".") + in.Text("", "=", "\n")
	}
	return strings.Join(parts, ".")
}

func spoil(in *tape.Tape, part string) string {
	i := 0
	if len(part) > 0 {
		i = int(in.Byte()) % len(part)
	}
	switch in.Below(5) {
	case 0:
		return part[:i] + in.Text("A", "=", "_", "-", "") + part[min(i+1, len(part)):]
	case 1:
		return part[:i] + in.Text(" ", "\n", "=", "\r\n") + part[i:]
	case 2:
		return part[:i]
	case 3:
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(raw) == 0 {
			return part
		}
		raw[int(in.Byte())%len(raw)] ^= 1 << in.Below(8)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || len(raw) < 2 {
		return part
	}
	more := in.Text(`,"alg":"none"`, ` `, `,"aud":"console"`, `,"sub":"x"`, `,"exp":99999999999`)
	return base64.RawURLEncoding.EncodeToString([]byte(string(raw[:len(raw)-1]) + more + string(raw[len(raw)-1:])))
}

// FuzzCredentials shows a centre any challenge, signature, code, proof and Authorization header. Nothing of it opens
// anything: whoever has not the device's key and a code that was given to him gets a refusal that is one of the catalogue.
func FuzzCredentials(f *testing.F) {
	c := open(f)
	p := newPhone(1)
	c.enrol(p, c.account("li").ID)
	ch, err := c.Challenge(p.id)
	require.NoError(f, err)
	other := newPhone(9).answer(ch.Text)
	f.Add(p.id, ch.Text, other, "Bearer x")
	f.Add(p.id, ch.Text[:len(ch.Text)-1]+"A", p.answer("another"), "bearer  y")
	f.Add(p.id, "abcde-fghjk-ol234-56789-ABCDE FGHJK", "", "Bearer")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, device, challenge, signature, header string) {
		if _, err := c.DeviceToken(ctx, device, challenge, signature); err == nil || messages.Of(err).Key == "" || messages.Of(err).Key == messages.Unexpected {
			t.Fatalf("%q %q %q: %v", device, challenge, signature, err)
		}
		if one := auth.NormalCode(challenge); one != "" {
			if typed, _ := trust.SplitCode(challenge); typed != one || auth.NormalCode(one) != one {
				t.Fatalf("%q is %q for the centre and %q for the device, which signs it", challenge, one, typed)
			}
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{header}
		if tok, err := auth.Bearer(r); err == nil && tok != "" && !strings.HasSuffix(strings.TrimSpace(header), tok) {
			t.Fatalf("%q is taken out of %q", tok, header)
		}
	})
}
