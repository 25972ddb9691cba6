// Package transport is what the centre proves itself with on the network: a certificate that an administrator gave, or
// one of an authority of the centre's own, whose fingerprint people carry to the phones inside the enrolment code.
//
// It reads files and makes keys; it opens no sockets.
package transport

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"strings"
)

// Identity is the certificate of a centre, for as long as it runs. It may be used by several goroutines.
type Identity interface {
	// Certificate gives the one for a handshake. It is renewed or read anew as that becomes due.
	Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Pins are what devices are told to expect: of the authority that signs now, then of the one that will sign next.
	// There is none for a certificate that the public authorities vouch for.
	Pins() []Pin
	// Reload looks again at what lies in the files. What is wrong there is told, and the old stays in use.
	Reload() error
}

// Config gives the settings of a listener that serves id. HTTP/2 is left out: WebSockets come over HTTP/1.1.
func Config(id Identity) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: id.Certificate, NextProtos: []string{"http/1.1"}}
}

// Pin is the SHA-256 of an authority's public key (SubjectPublicKeyInfo). It stays when the certificate is made anew
// with the same key.
type Pin [sha256.Size]byte

// PinOf gives the pin of a certificate.
func PinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String gives the pin whole, in hexadecimal.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }

// crockford is base32 without I, L, O and U, which people misread.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// fingerprintLength is how many characters of it people carry: 100 bits, beyond anybody's search for another key with
// the same beginning.
const fingerprintLength = 20

// Fingerprint is the part of a pin that an enrolment code carries: 20 characters in groups of five.
func (p Pin) Fingerprint() string {
	var b strings.Builder
	for i := range fingerprintLength {
		if i > 0 && i%5 == 0 {
			b.WriteByte('-')
		}
		v := 0
		for bit := i * 5; bit < i*5+5; bit++ {
			v = v<<1 | int(p[bit/8]>>(7-bit%8)&1)
		}
		b.WriteByte(crockford[v])
	}
	return b.String()
}

// Strings gives pins as text.
func Strings(pins []Pin) []string {
	out := make([]string, len(pins))
	for i, p := range pins {
		out[i] = p.String()
	}
	return out
}
