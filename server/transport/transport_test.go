package transport

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/transport", "server/", "clients", "schema", "syncengine", "net/http", "database/sql", "log")
}

type hand struct{ at time.Time }

func (h *hand) now() time.Time { return h.at }

func clock() *hand { return &hand{time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)} }

// The two sides cut the same characters out of a pin; clients/trust has the same line.
func TestFingerprint(t *testing.T) {
	b, err := hex.DecodeString("00443214c74254b635cf84653a56d7c675be77df0000000000000000000000ff")
	require.NoError(t, err)
	require.Equal(t, "01234-56789-ABCDE-FGHJK", Pin(b).Fingerprint())
}

// The authority stays through restarts, its key is its owner's alone, and the leaf is renewed before it ends.
func TestAuthority(t *testing.T) {
	dir, c := t.TempDir(), clock()
	a, err := OpenAuthority(dir, []string{"centre.example", "192.0.2.7"}, c.now)
	require.NoError(t, err)
	info, err := os.Stat(currentFile(dir))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := OpenAuthority(dir, nil, c.now)
	require.NoError(t, err)
	require.Equal(t, a.Pins(), again.Pins())

	first, err := a.Certificate(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"centre.example"}, first.Leaf.DNSNames)
	require.Equal(t, "192.0.2.7", first.Leaf.IPAddresses[0].String())
	roots := x509.NewCertPool()
	ca, err := x509.ParseCertificate(first.Certificate[1])
	require.NoError(t, err)
	roots.AddCert(ca)
	_, err = first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "centre.example", CurrentTime: c.at})
	require.NoError(t, err)

	c.at = c.at.Add(leafLife - renewBefore - time.Second)
	same, err := a.Certificate(nil)
	require.NoError(t, err)
	require.Equal(t, first.Leaf.Raw, same.Leaf.Raw)
	c.at = c.at.Add(time.Second)
	renewed, err := a.Certificate(nil)
	require.NoError(t, err)
	require.NotEqual(t, first.Leaf.Raw, renewed.Leaf.Raw)
	require.True(t, renewed.Leaf.NotAfter.After(first.Leaf.NotAfter))

	require.NoError(t, os.Chmod(currentFile(dir), 0o640))
	_, err = OpenAuthority(dir, nil, c.now)
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(currentFile(dir), 0o600))
	require.NoError(t, os.WriteFile(currentFile(dir), []byte("half a file"), 0o600))
	_, err = OpenAuthority(dir, nil, c.now)
	require.ErrorContains(t, err, "restore the file from a backup", "a new authority in silence would lock all phones out")
	require.NoError(t, a.usable(t))
}

// usable: a reload fails on the broken file and leaves what was there in use.
func (a *Authority) usable(t *testing.T) error {
	require.Error(t, a.Reload())
	_, err := a.Certificate(nil)
	return err
}

// A given certificate is taken over when its files change; one that does not work leaves the old in use, with a word.
func TestGivenCertificateIsReadAgain(t *testing.T) {
	dir, c := t.TempDir(), clock()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func() *x509.Certificate {
		require.NoError(t, makeSigner(filepath.Join(dir, "both"), c.at))
		text, err := os.ReadFile(filepath.Join(dir, "both"))
		require.NoError(t, err)
		block, rest := pem.Decode(text)
		require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(block), 0o644))
		require.NoError(t, os.WriteFile(key, rest, 0o600))
		x, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		return x
	}
	one := write()
	var failures []error
	g, err := OpenGiven(cert, key, cert, c.now, func(err error) { failures = append(failures, err) })
	require.NoError(t, err)
	serves := func() []byte {
		x, err := g.Certificate(&tls.ClientHelloInfo{})
		require.NoError(t, err)
		return x.Certificate[0]
	}
	require.Equal(t, one.Raw, serves())
	require.Equal(t, []Pin{PinOf(one)}, g.Pins())
	two := write()
	require.Equal(t, one.Raw, serves(), "looked at a moment ago")
	c.at = c.at.Add(lookEvery)
	require.Equal(t, two.Raw, serves())
	require.NoError(t, os.WriteFile(key, []byte("nonsense"), 0o600))
	c.at = c.at.Add(lookEvery)
	require.Equal(t, two.Raw, serves())
	require.Len(t, failures, 1)
	require.Error(t, g.Reload())
	require.NoError(t, os.Chmod(key, 0o644))
	require.ErrorContains(t, g.Reload(), "chmod 600")
}
