// Package trust decides whom a client talks to: one rule for the REST interface, the WebSocket and signing in.
//
// A centre with an authority of its own is known by its pin, which came with the enrolment code; no other is taken,
// whoever vouches for it. A centre without a pin must be vouched for by the authorities that the machine knows. Plain
// text goes over loopback only, unless somebody said so.
package trust

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Trust is whom a client takes for its centre. The zero value takes a publicly trusted one.
type Trust struct {
	Pins  []string `json:"pins,omitempty"`  // in hexadecimal, or a fingerprint: its beginning; any one suffices
	Plain bool     `json:"plain,omitempty"` // plain text is taken over any network: somebody said so
}

// The ways in which a centre is not taken.
var (
	// ErrForeign says that who answered cannot prove to be the centre that was pinned.
	ErrForeign = errors.New("the other side is not the centre that this device knows")
	// ErrPlainText says that everything would travel for all to read.
	ErrPlainText = errors.New("the address is one for plain text")
)

// CheckURL tells whether an address may be talked to at all. A centre that is known by its pin is never spoken to in
// plain text.
func (t Trust) CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	switch {
	case u.Scheme == "https" || u.Scheme == "wss":
		return nil
	case len(t.Pins) > 0:
		return fmt.Errorf("%w, but the centre has a certificate: use https", ErrPlainText)
	case t.Plain || Loopback(u.Hostname()):
		return nil
	}
	return ErrPlainText
}

// Loopback tells whether a host is this machine itself.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// verify wants a chain from the leaf to a certificate whose key is pinned, and gives that pin.
func (t Trust) verify(chain []*x509.Certificate) (string, error) {
	if len(chain) == 0 {
		return "", ErrForeign
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	pins := map[string]string{}
	for _, c := range chain {
		if pin := pinOf(c); t.matches(pin) {
			roots.AddCert(c)
			pins[string(c.Raw)] = pin
		} else {
			others.AddCert(c)
		}
	}
	if len(pins) == 0 {
		return "", ErrForeign
	}
	found, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: chain[0].NotBefore})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return pins[string(found[0][len(found[0])-1].Raw)], nil
}

func pinOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

func (t Trust) matches(pin string) bool {
	for _, p := range t.Pins {
		if p == pin || len(p) == fingerprintLength && p == fingerprint(pin) {
			return true
		}
	}
	return false
}

// Foreign tells whether an error says that the other side is not the centre: a wrong pin, or a certificate that nobody
// whom this machine knows vouches for.
func Foreign(err error) bool {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var cert *tls.CertificateVerificationError
	return errors.Is(err, ErrForeign) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &cert) ||
		err != nil && strings.Contains(err.Error(), ErrForeign.Error()) // some layers keep only the text
}
