package trust

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Centre is what one program knows of its centre. Everything that connects there takes its settings from here, and
// hears at once of a pin that is announced. It may be used by several goroutines.
type Centre struct {
	mu    sync.Mutex
	trust Trust
	met   string // the whole pin that the last handshake showed
}

// NewCentre starts with what is kept.
func NewCentre(t Trust) *Centre { return &Centre{trust: t} }

// Trust gives what is known now.
func (c *Centre) Trust() Trust { c.mu.Lock(); defer c.mu.Unlock(); return c.trust }

// Met gives the whole pin that the last handshake showed, "" without pins.
func (c *Centre) Met() string { c.mu.Lock(); defer c.mu.Unlock(); return c.met }

// TLS gives the settings of connections to the centre.
//
// Where a pin decides, neither the name in the certificate nor the device's clock has a say: only the holder of the
// pinned key can make a certificate, for one centre, whatever address it has today; and the clock of a phone may be
// years off.
func (c *Centre) TLS() *tls.Config {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(c.Trust().Pins) == 0 {
		return conf
	}
	conf.InsecureSkipVerify = true // by Go; VerifyConnection, which is always called, is stricter
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		pin, err := c.Trust().verify(s.PeerCertificates)
		if err == nil {
			c.mu.Lock()
			c.met = pin
			c.mu.Unlock()
		}
		return err
	}
	return conf
}

// Client makes an HTTP client for the centre. It follows no redirects: a centre gives none, and one to plain text would
// be followed with everything in it.
func (c *Centre) Client(timeout time.Duration) *http.Client {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.TLSClientConfig = c.TLS()
	return &http.Client{
		Timeout: timeout, Transport: guarded{c, tr},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// guarded refuses plain text where it must not go, whoever made the request.
type guarded struct {
	centre *Centre
	next   *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.centre.Trust().CheckURL(r.URL.String()); err != nil {
		return nil, err
	}
	return g.next.RoundTrip(r)
}

// CloseIdleConnections gives the sockets back.
func (g guarded) CloseIdleConnections() { g.next.CloseIdleConnections() }

// Announced takes over the pins that the centre tells of over a connection that was proved. It gives what is to be kept,
// and whether that is new. A list without the pin that was just proved is not believed: it would lock the device out.
func (c *Centre) Announced(list []string) (Trust, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var pins []string
	for _, p := range list {
		if ValidPin(p) && len(pins) < maxPins {
			pins = append(pins, p)
		}
	}
	if c.met == "" || !slices.Contains(pins, c.met) || strings.Join(pins, " ") == strings.Join(c.trust.Pins, " ") {
		return c.trust, false
	}
	c.trust.Pins = pins
	return c.trust, true
}

const maxPins = 4
