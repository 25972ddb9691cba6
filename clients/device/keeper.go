package device

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// KeyKeeper keeps the keys of sealed columns on the device, outside the replica. An app gives one over the keystore of
// its system; FileKeeper is for where there is none. Several programs may use one keeper.
type KeyKeeper interface {
	// Load gives what was stored, nil if nothing is.
	Load() ([]byte, error)
	// Store replaces it, durably.
	Store(secret []byte) error
	// Forget destroys it as well as the storage can. It is no error that there is nothing.
	Forget() error
}

// SealPath is where FileKeeper keeps a replica's keys: beside it.
func SealPath(replica string) string { return replica + ".seal" }

// FileKeeper keeps them in a file of mode 0600; with a PIN, wrapped by it. Without a PIN whoever copies the files of the
// device can open what it could open.
type FileKeeper struct {
	Path string
	PIN  string // "" = not wrapped

	mu    sync.Mutex
	raw   []byte // the wrapped file that was opened last: a PIN is slow on purpose
	plain []byte
}

// ErrPIN says that the PIN does not fit.
var ErrPIN = errors.New("device: wrong PIN")

// wrapped is a file under a PIN: Argon2id makes the key, so that guessing costs 64 MiB and about 0.1 s each.
type wrapped struct {
	Salt  []byte `json:"salt"`
	Nonce []byte `json:"nonce"`
	Text  []byte `json:"wrapped"`
}

const wrapTime, wrapMemory, wrapThreads = 3, 64 << 10, 1

func wrapKey(pin string, salt []byte) []byte {
	return argon2.IDKey([]byte(pin), salt, wrapTime, wrapMemory, wrapThreads, chacha20poly1305.KeySize)
}

// Load gives the keys. A file that others may read is refused.
func (k *FileKeeper) Load() ([]byte, error) {
	info, err := os.Stat(k.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("device: %s may be read by others; run chmod 600 on it", k.Path)
	}
	text, err := os.ReadFile(k.Path)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	var w wrapped
	if err := json.Unmarshal(text, &w); err != nil || len(w.Text) == 0 {
		return text, nil
	}
	if plain := k.remembered(text); plain != nil {
		return plain, nil
	}
	aead, err := chacha20poly1305.NewX(wrapKey(k.PIN, w.Salt))
	if err != nil {
		return nil, err
	}
	if len(w.Nonce) != aead.NonceSize() {
		return nil, ErrPIN
	}
	out, err := aead.Open(nil, w.Nonce, w.Text, []byte(wrapPurpose))
	if err != nil {
		return nil, ErrPIN
	}
	k.remember(text, out)
	return out, nil
}

func (k *FileKeeper) remember(raw, plain []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.plain)
	k.raw, k.plain = raw, bytes.Clone(plain)
}

func (k *FileKeeper) remembered(raw []byte) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.plain == nil || !bytes.Equal(raw, k.raw) {
		return nil
	}
	return bytes.Clone(k.plain)
}

const wrapPurpose = "doorstep.keys.v1"

// Wrapped tells whether the file is under a PIN.
func (k *FileKeeper) Wrapped() (bool, error) {
	text, err := os.ReadFile(k.Path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	var w wrapped
	return err == nil && json.Unmarshal(text, &w) == nil && len(w.Text) > 0, err
}

// Store writes a new file and destroys the old one. Without a PIN it replaces none that is under one: ErrPIN.
func (k *FileKeeper) Store(secret []byte) error {
	if under, err := k.Wrapped(); err != nil || under && k.PIN == "" {
		return errors.Join(err, ErrPIN)
	}
	if k.PIN != "" {
		w := wrapped{Salt: make([]byte, 16), Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
		rand.Read(w.Salt)
		rand.Read(w.Nonce)
		aead, err := chacha20poly1305.NewX(wrapKey(k.PIN, w.Salt))
		if err != nil {
			return err
		}
		w.Text = aead.Seal(nil, w.Nonce, secret, []byte(wrapPurpose))
		if secret, err = json.Marshal(w); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(k.Path), filepath.Base(k.Path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		old, _ := os.OpenFile(k.Path, os.O_WRONLY, 0)
		if err = os.Rename(f.Name(), k.Path); err == nil && old != nil {
			_ = wipe(old)
		}
		if old != nil {
			_ = old.Close()
		}
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return durable.SyncFolder(filepath.Dir(k.Path))
}

// Forget overwrites the file before it removes it. Flash storage may keep the old blocks for a while all the same: a
// system's keystore does better.
func (k *FileKeeper) Forget() error {
	k.remember(nil, nil)
	f, err := os.OpenFile(k.Path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(wipe(f), f.Close(), os.Remove(k.Path)); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(k.Path))
}
