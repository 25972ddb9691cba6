package auth

import (
	"bytes"
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
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// Keys are the centre's signing keys: one signs, those that were retired a short while ago still verify. They live in a
// file of mode 0600, never in the database, so that neither a backup of the data nor somebody who reads it can make
// tokens. Safe for use by several goroutines.
type Keys struct {
	path   string
	random io.Reader
	set    atomic.Pointer[keySet]
}

// keySet is what the file held, the key that signs first. Immutable.
type keySet struct {
	keys  []signingKey
	stamp string // of the file
}

type signingKey struct {
	kid     string
	private ed25519.PrivateKey
	created time.Time // zero: before that was noted
	retired time.Time // zero: it signs
}

// longestLife is how long what a key signed or hashed may still be shown: console tokens live 8 hours, codes up to a day.
const longestLife = 25 * time.Hour

// verifies tells whether the key's signatures still hold: until the longest life of a token is over.
func (k *signingKey) verifies(now time.Time) bool {
	return k.retired.IsZero() || now.Before(k.retired.Add(consoleLife+clockLeeway))
}

// hashes tells whether the key's keyed hashes of codes still hold.
func (k *signingKey) hashes(now time.Time) bool {
	return k.retired.IsZero() || now.Before(k.retired.Add(longestLife))
}

const pemType = "PRIVATE KEY"

// OpenKeys reads the key file, or makes it with a new key if there is none. A file that others may read is refused.
func OpenKeys(path string, random io.Reader) (*Keys, error) {
	k := &Keys{path: path, random: random}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		key, err := newSigningKey(random, time.Time{})
		if err == nil {
			err = writeKeys(path, []signingKey{key})
		}
		if err != nil {
			return nil, fmt.Errorf("make signing key: %w", err)
		}
	}
	_, err := k.Reload()
	return k, err
}

// Reload reads the file again if it has changed. If it cannot be used, what was read before stays in use.
func (k *Keys) Reload() (changed bool, err error) {
	info, err := os.Stat(k.path)
	if err != nil {
		return false, fmt.Errorf("open signing keys: %w", err)
	}
	stamp := fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), " ", info.Mode())
	if old := k.set.Load(); old != nil && old.stamp == stamp {
		return false, nil
	}
	keys, err := readKeys(k.path)
	if err != nil {
		return false, err
	}
	k.set.Store(&keySet{keys, stamp})
	return true, nil
}

// Rotate makes a new key that signs from now on, retires the one before, and drops those whose time is over.
func (k *Keys) Rotate(now time.Time) error {
	if _, err := RotateKeys(k.path, now, k.random); err != nil {
		return err
	}
	_, err := k.Reload()
	return err
}

// Age is how long the present key has been signing, as far as the file tells.
func (k *Keys) Age(now time.Time) time.Duration {
	created := k.set.Load().keys[0].created
	if created.IsZero() {
		info, err := os.Stat(k.path)
		if err != nil {
			return 0
		}
		created = info.ModTime()
	}
	return now.Sub(created)
}

// RotateKeys is Rotate for a file that a running centre may have open: it takes it over by Reload. It gives the new kid.
func RotateKeys(path string, now time.Time, random io.Reader) (kid string, err error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("lock signing keys: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock signing keys: %w", err)
	}
	keys, err := readKeys(path)
	if err != nil {
		return "", err
	}
	fresh, err := newSigningKey(random, now)
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	next := []signingKey{fresh}
	for _, old := range keys {
		if old.retired.IsZero() {
			old.retired = now
		}
		if old.hashes(now) {
			next = append(next, old)
		}
	}
	if err := writeKeys(path, next); err != nil {
		return "", fmt.Errorf("write signing keys: %w", err)
	}
	return fresh.kid, nil
}

func newSigningKey(random io.Reader, now time.Time) (signingKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return signingKey{}, err
	}
	private := ed25519.NewKeyFromSeed(seed)
	return signingKey{kid: kidOf(private), private: private, created: now}, nil
}

func kidOf(private ed25519.PrivateKey) string {
	sum := sha256.Sum256(private.Public().(ed25519.PublicKey))
	return hex.EncodeToString(sum[:8])
}

// Names of the PEM headers.
const (
	headerCreated = "Created"
	headerRetired = "Retired"
)

// writeKeys replaces the file durably, whole or not at all.
func writeKeys(path string, keys []signingKey) error {
	text, err := encodeKeys(keys)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text)
}

// encodeKeys is the inverse of parseKeys.
func encodeKeys(keys []signingKey) ([]byte, error) {
	var text bytes.Buffer
	for _, k := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, err
		}
		block := &pem.Block{Type: pemType, Bytes: der, Headers: map[string]string{}}
		for name, at := range map[string]time.Time{headerCreated: k.created, headerRetired: k.retired} {
			if !at.IsZero() {
				block.Headers[name] = at.UTC().Format(time.RFC3339)
			}
		}
		if err := pem.Encode(&text, block); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// readKeys reads the file, which nobody else may read.
func readKeys(path string) ([]signingKey, error) {
	info, err := os.Stat(path)
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
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("the signing keys in %s cannot be used: %w; restore the file from a backup, or move it away to start with a new key (everybody signs in anew)", path, err)
	}
	return keys, nil
}

func parseKeys(text []byte) ([]signingKey, error) {
	var keys []signingKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		private, ok := parsed.(ed25519.PrivateKey)
		if !ok {
			return nil, errors.New("it holds a key that is not Ed25519")
		}
		k := signingKey{kid: kidOf(private), private: private}
		for name, at := range map[string]*time.Time{headerCreated: &k.created, headerRetired: &k.retired} {
			if text := block.Headers[name]; text != "" {
				if *at, err = time.Parse(time.RFC3339, text); err != nil {
					return nil, fmt.Errorf("the time %s of a key is no RFC 3339", name)
				}
			}
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key")
	}
	if !keys[0].retired.IsZero() {
		return nil, errors.New("its first key, which signs, is marked as retired")
	}
	return keys, nil
}

// signing gives the key that signs.
func (k *Keys) signing() *signingKey { return &k.set.Load().keys[0] }

// verifying gives the key of a kid that still verifies at now, nil for none. It is a look-up in what the centre made
// itself; a kid is never a path, a name or an address of anything.
func (k *Keys) verifying(kid string, now time.Time) *signingKey {
	keys := k.set.Load().keys
	for i := range keys {
		if keys[i].kid == kid && keys[i].verifies(now) {
			return &keys[i]
		}
	}
	return nil
}

// mac derives a keyed hash for a purpose from the key that signs.
func (k *Keys) mac(purpose, text string) []byte { return k.signing().mac(purpose, text) }

// macs gives mac under every key that may have made it, the present one first.
func (k *Keys) macs(purpose, text string, now time.Time) [][]byte {
	var out [][]byte
	keys := k.set.Load().keys
	for i := range keys {
		if keys[i].hashes(now) {
			out = append(out, keys[i].mac(purpose, text))
		}
	}
	return out
}

func (k *signingKey) mac(purpose, text string) []byte {
	h := hmac.New(sha256.New, k.private.Seed())
	fmt.Fprintf(h, "doorstep.%s.v1\n%s", purpose, text)
	return h.Sum(nil)
}
