package trust

import (
	"encoding/hex"
	"strings"
)

const (
	codeLength        = 10 // characters of an enrolment code
	fingerprintLength = 20 // characters of the fingerprint behind it
	crockford         = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// Normal gives the one form of typed text: upper case, without separators, O as 0, I and L as 1.
func Normal(typed string) string {
	return strings.NewReplacer("-", "", " ", "", "\t", "", "\r", "", "\n", "", "_", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
}

// SplitCode takes an enrolment code apart: the code in its one form, and the fingerprint of the centre's authority, ""
// if it carries none.
func SplitCode(typed string) (code, fingerprint string) {
	n := Normal(typed)
	if len(n) == codeLength+fingerprintLength {
		return n[:codeLength], n[codeLength:]
	}
	return n, ""
}

// ParseFingerprint takes what a person typed: 20 characters, or the whole pin in hexadecimal.
func ParseFingerprint(typed string) (string, bool) {
	if b, err := hex.DecodeString(strings.ToLower(strings.TrimSpace(typed))); err == nil && len(b) == 32 {
		return hex.EncodeToString(b), true
	}
	n := Normal(typed)
	if len(n) != fingerprintLength || strings.Trim(n, crockford) != "" {
		return "", false
	}
	return n, true
}

// ValidPin tells whether a text is a whole pin.
func ValidPin(pin string) bool {
	b, err := hex.DecodeString(pin)
	return err == nil && len(b) == 32 && pin == strings.ToLower(pin)
}

// fingerprint gives the first 100 bits of a whole pin in 20 characters.
func fingerprint(pin string) string {
	b, err := hex.DecodeString(pin)
	if err != nil || len(b) < 13 {
		return ""
	}
	var out strings.Builder
	for i := range fingerprintLength {
		v := 0
		for bit := i * 5; bit < i*5+5; bit++ {
			v = v<<1 | int(b[bit/8]>>(7-bit%8)&1)
		}
		out.WriteByte(crockford[v])
	}
	return out.String()
}
