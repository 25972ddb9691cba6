package transport

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"sync"
	"time"
)

// lookEvery is how often the files of a given certificate are looked at.
const lookEvery = time.Minute

// Given is a certificate that an administrator keeps in files. It is read anew when they change, without dropping
// connections; if what they hold does not work, the one before stays in use.
type Given struct {
	cert, key, authority string
	now                  func() time.Time
	failed               func(error)

	mu     sync.Mutex
	leaf   *tls.Certificate
	pins   []Pin
	stamp  [3]string // of the files as they were read
	looked time.Time
}

// OpenGiven reads a certificate with its chain, and its key. authority names a file with the authority's certificate if
// devices shall pin it; "" = the public authorities vouch for it. failed hears why changed files cannot be used.
func OpenGiven(cert, key, authority string, now func() time.Time, failed func(error)) (*Given, error) {
	g := &Given{cert: cert, key: key, authority: authority, now: now, failed: failed, looked: now()}
	return g, g.Reload()
}

// Reload reads the files.
func (g *Given) Reload() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reload()
}

func (g *Given) reload() error {
	stamp := g.stamps()
	keyText, err := readPrivate(g.key)
	if err != nil {
		return fmt.Errorf("read the key of the certificate: %w", err)
	}
	chain, err := os.ReadFile(g.cert)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	leaf, err := tls.X509KeyPair(chain, keyText)
	if err != nil {
		return fmt.Errorf("the certificate in %s and the key in %s cannot be used together: %w", g.cert, g.key, err)
	}
	var pins []Pin
	if g.authority != "" {
		ca, err := readCertificate(g.authority)
		if err != nil {
			return err
		}
		pins = []Pin{PinOf(ca)}
		leaf.Certificate = withAuthority(leaf.Certificate, ca)
	}
	g.leaf, g.pins, g.stamp = &leaf, pins, stamp
	return nil
}

// withAuthority puts the authority at the end of the chain, where a device finds what it has pinned.
func withAuthority(chain [][]byte, ca *x509.Certificate) [][]byte {
	for _, der := range chain {
		if string(der) == string(ca.Raw) {
			return chain
		}
	}
	return append(chain, ca.Raw)
}

func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

func (g *Given) stamps() (out [3]string) {
	for i, path := range []string{g.cert, g.key, g.authority} {
		if info, err := os.Stat(path); err == nil {
			out[i] = fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size())
		}
	}
	return out
}

// Certificate gives the one in the files; they are looked at once a minute at most.
func (g *Given) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now(); now.Sub(g.looked) >= lookEvery || now.Before(g.looked) {
		g.looked = now
		if g.stamps() != g.stamp {
			if err := g.reload(); err != nil {
				g.failed(err)
			}
		}
	}
	return g.leaf, nil
}

// Pins gives that of the authority, if one was named.
func (g *Given) Pins() []Pin {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pins
}
