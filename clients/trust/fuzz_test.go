package trust

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzTrust reads any text as what people type and what addresses are: a code, a fingerprint, a pin, an address. Each
// has one form. An address that may be talked to is one of a known kind, and plain text leaves the machine only where
// somebody said so.
func FuzzTrust(f *testing.F) {
	for _, s := range []string{pin, "01234-56789-ABCDE-FGHJK", "abcde-fghjk-ol234-56789-ABCDE FGHJK", "", "O0I1lL", "https://centre.example", "http://127.0.0.1:1", "http://[::1]:1",
		"http://127.0.0.1@evil.example", "ws://localhost.evil.example", "http://LOCALHOST", "//x", "http://[::ffff:127.0.0.1]", "http://2130706433", "\u017f", "\u0131"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		one := Normal(s)
		if Normal(one) != one {
			t.Fatalf("%q has the forms %q and %q", s, one, Normal(one))
		}
		code, print := SplitCode(s)
		if code+print != one || len(print) != 0 && len(print) != fingerprintLength {
			t.Fatalf("%q is taken apart as %q and %q", s, code, print)
		}
		if form, ok := ParseFingerprint(s); ok {
			if again, ok := ParseFingerprint(form); !ok || again != form {
				t.Fatalf("%q has the forms %q and %q", s, form, again)
			}
			if len(form) == 64 && (!ValidPin(form) || len(fingerprint(form)) != fingerprintLength) {
				t.Fatalf("%q is no pin", form)
			}
		}
		if ValidPin(s) && !(Trust{Pins: []string{fingerprint(s)}}).matches(s) {
			t.Fatalf("%q does not fit its own fingerprint", s)
		}
		plain, open, pinned := Trust{}.CheckURL(s), Trust{Plain: true}.CheckURL(s), Trust{Plain: true, Pins: []string{pin}}.CheckURL(s)
		if open != nil && plain == nil || plain != nil && pinned == nil {
			t.Fatalf("%q: %v, %v, %v", s, plain, open, pinned)
		}
		u, err := url.Parse(s)
		if plain != nil || err != nil {
			return
		}
		if scheme := strings.ToLower(u.Scheme); scheme != "https" && scheme != "wss" && !Loopback(u.Hostname()) {
			t.Fatalf("%q would be talked to in plain text", s)
		}
	})
}
