package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
	before        = 24 * time.Hour // how far back certificates begin, for clocks that are behind
)

// Authority is the centre's own. Its key lies in a file of mode 0600 in the data folder. The leaf that serves
// connections lives in memory alone: a new one is made at each start and before it ends.
type Authority struct {
	folder string
	names  []string
	now    func() time.Time

	mu      sync.Mutex
	current *signer
	next    *signer // announced to devices, and not signing yet; nil for none
	leaf    *tls.Certificate
	until   time.Time // when the leaf is to be renewed
}

type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func currentFile(folder string) string { return filepath.Join(folder, "tls-authority.pem") }
func nextFile(folder string) string    { return filepath.Join(folder, "tls-authority-next.pem") }

// OpenAuthority reads the authority of a data folder, or makes one. names are the host names and addresses that its
// certificates are for.
func OpenAuthority(folder string, names []string, now func() time.Time) (*Authority, error) {
	a := &Authority{folder: folder, names: names, now: now}
	if _, err := os.Stat(currentFile(folder)); errors.Is(err, fs.ErrNotExist) {
		if err := makeSigner(currentFile(folder), now()); err != nil {
			return nil, fmt.Errorf("make the centre's authority: %w", err)
		}
	}
	return a, a.Reload()
}

// Folder is where its files lie.
func (a *Authority) Folder() string { return a.folder }

// Reload reads the files again; connections that are open stay.
func (a *Authority) Reload() error {
	current, err := readSigner(currentFile(a.folder))
	if err != nil {
		return err
	}
	next, err := readSigner(nextFile(a.folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || !a.current.cert.Equal(current.cert) {
		a.leaf = nil
	}
	a.current, a.next = current, next
	return nil
}

// Pins gives that of the authority that signs, and of the next.
func (a *Authority) Pins() []Pin {
	a.mu.Lock()
	defer a.mu.Unlock()
	pins := []Pin{PinOf(a.current.cert)}
	if a.next != nil {
		pins = append(pins, PinOf(a.next.cert))
	}
	return pins
}

// Certificate gives a leaf that has a while to live, with the authority's own certificate behind it.
func (a *Authority) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.now(); a.leaf == nil || !now.Before(a.until) {
		leaf, err := a.current.issue(a.names, now)
		if err != nil {
			return nil, fmt.Errorf("make the centre's certificate: %w", err)
		}
		a.leaf, a.until = leaf, now.Add(leafLife-renewBefore)
	}
	return a.leaf, nil
}

// issue makes a key and a certificate for it.
func (s *signer) issue(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	begin := now.Add(-before)
	if begin.Before(s.cert.NotBefore) {
		begin = s.cert.NotBefore
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Doorstep centre"}, NotBefore: begin, NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.cert, key.Public(), s.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der, s.cert.Raw}, PrivateKey: key, Leaf: leaf}, err
}

// Announce makes the authority that is to sign next, if there is none yet, and gives its pin. Devices hear of it with
// their next token; SwitchOver is for when all of them have.
func Announce(folder string, now time.Time) (Pin, error) {
	if _, err := readSigner(currentFile(folder)); err != nil {
		return Pin{}, err
	}
	s, err := readSigner(nextFile(folder))
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeSigner(nextFile(folder), now); err != nil {
			return Pin{}, fmt.Errorf("make the next authority: %w", err)
		}
		s, err = readSigner(nextFile(folder))
	}
	if err != nil {
		return Pin{}, err
	}
	return PinOf(s.cert), nil
}

// ErrNotAnnounced says that there is no next authority to switch to.
var ErrNotAnnounced = errors.New("no next authority has been announced; run 'doorstepd tls announce' first, and wait until all devices have synchronised")

// SwitchOver makes the announced authority the one that signs. The key of the one before is gone.
func SwitchOver(folder string) (Pin, error) {
	s, err := readSigner(nextFile(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return Pin{}, ErrNotAnnounced
	}
	if err != nil {
		return Pin{}, err
	}
	if err := os.Rename(nextFile(folder), currentFile(folder)); err != nil {
		return Pin{}, err
	}
	return PinOf(s.cert), durable.SyncFolder(folder)
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}
