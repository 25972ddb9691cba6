package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// makeSigner makes an authority and has it on the disk, whole or not at all.
func makeSigner(path string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Doorstep authority"}, NotBefore: now.Add(-before), NotAfter: now.Add(authorityLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	return durable.WriteFile(path, text)
}

// readSigner reads an authority. A file that others may read is refused.
func readSigner(path string) (*signer, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	s := &signer{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			s.cert, err = x509.ParseCertificate(block.Bytes)
		case "PRIVATE KEY":
			var key any
			if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
				s.key, _ = key.(*ecdsa.PrivateKey)
			}
		}
		if err != nil {
			break
		}
	}
	if err != nil || s.cert == nil || s.key == nil || !s.key.PublicKey.Equal(s.cert.PublicKey) {
		return nil, fmt.Errorf("the authority in %s cannot be used; restore the file from a backup: phones trust no other", path)
	}
	return s, nil
}

// readPrivate reads a file that holds a key. One that others may read is refused.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key in %s may be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return os.ReadFile(path)
}
