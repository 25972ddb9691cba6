package auth

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Keys are the centre's signing keys: the first signs, all verify. They live in a file of mode 0600, never in the
// database, so that neither a backup of the data nor somebody who reads it can make tokens. Immutable.
type Keys struct {
	signing ed25519.PrivateKey
	kid     string
	public  map[string]ed25519.PublicKey // by kid
}

const pemType = "PRIVATE KEY"

// OpenKeys reads the key file, or makes it with a new key if there is none. A file that others may read is refused.
func OpenKeys(path string, random io.Reader) (*Keys, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKeyFile(path, random); err != nil {
			return nil, fmt.Errorf("make signing key: %w", err)
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open signing keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing keys in %s may be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open signing keys: %w", err)
	}
	k, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("the signing keys in %s cannot be used: %w; restore the file from a backup, or move it away to start with a new key (everybody signs in anew)", path, err)
	}
	return k, nil
}

// makeKeyFile writes a new key durably: first under another name, so that a crash leaves no half file.
func makeKeyFile(path string, random io.Reader) error {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: pemType, Bytes: der}); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func parseKeys(text []byte) (*Keys, error) {
	k := &Keys{public: map[string]ed25519.PublicKey{}}
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		private, ok := parsed.(ed25519.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("it holds a key that is not Ed25519")
		}
		public := private.Public().(ed25519.PublicKey)
		sum := sha256.Sum256(public)
		kid := hex.EncodeToString(sum[:8])
		k.public[kid] = public
		if k.signing == nil {
			k.signing, k.kid = private, kid
		}
	}
	if k.signing == nil {
		return nil, errors.New("it holds no key")
	}
	return k, nil
}

// mac derives a keyed hash for a purpose from the signing key.
func (k *Keys) mac(purpose, text string) []byte {
	h := hmac.New(sha256.New, k.signing.Seed())
	fmt.Fprintf(h, "doorstep.%s.v1\n%s", purpose, text)
	return h.Sum(nil)
}
