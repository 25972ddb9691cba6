package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// CipherPath is where a program without a keystore keeps the key of an encrypted replica, under its person's PIN: beside
// it, with FileKeeper. The PIN is all that protects a replica whose files were copied: it is worth being long.
func CipherPath(replica string) string { return replica + ".cipher" }

// nextCipher is where a new key lies until the replica is under it.
func nextCipher(replica string) string { return CipherPath(replica) + ".next" }

// NeedsCipher tells whether a replica opens by a key only: it is encrypted, or was, and is damaged at its head. A file that
// is not there needs none.
func NeedsCipher(path string) (bool, error) {
	if err := resumeRekey(path); err != nil {
		return false, err
	}
	f, err := openRaw(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, say(CodeDisk, err)
	}
	defer f.release()
	head, err := f.head()
	if err != nil {
		return false, say(CodeDisk, err)
	}
	return headed(head) || len(head) > 0 && !inClear(head) && exists(CipherPath(path)), nil
}

// CipherOf gives the key of an encrypted replica that lies beside it under a PIN; nil for one that needs none. The wrong
// PIN is CodeWrongKey, no PIN or no key CodeEncrypted.
func CipherOf(path, pin string) ([]byte, error) {
	switch needed, err := NeedsCipher(path); {
	case err != nil || !needed:
		return nil, err
	case pin == "":
		return nil, say(CodeEncrypted, nil)
	}
	refused := say(CodeEncrypted, errors.New("its key is not beside it"))
	for _, name := range []string{CipherPath(path), nextCipher(path)} {
		key, err := (&FileKeeper{Path: name, PIN: pin}).Load()
		if err == nil && key == nil {
			continue
		}
		if err == nil && len(key) == cipherKey {
			err = fitting(path, key)
		}
		if err == nil && name != CipherPath(path) {
			err = adoptCipher(path)
		}
		if err == nil {
			return key, nil
		}
		if refused = say(CodeWrongKey, err); !errors.Is(err, ErrPIN) && CodeOf(err) != CodeWrongKey {
			return nil, say(CodeDisk, err)
		}
	}
	return nil, refused
}

// NewCipher makes the key of a replica that is to be made encrypted, and has it on the disk under the PIN.
func NewCipher(path, pin string, random io.Reader) ([]byte, error) {
	if exists(path) {
		return nil, say(CodeExists, nil)
	}
	return storeCipher(CipherPath(path), pin, random)
}

func storeCipher(name, pin string, random io.Reader) ([]byte, error) {
	if pin == "" {
		return nil, errors.New("device: a replica is not encrypted under an empty PIN")
	}
	key := make([]byte, cipherKey)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := (&FileKeeper{Path: name, PIN: pin}).Store(key); err != nil {
		return nil, say(CodeDisk, err)
	}
	return key, nil
}

// RekeyUnder is Rekey with a new key that is kept beside the replica, under the PIN. opts name the key of now.
func RekeyUnder(path string, opts Options, pin string) (left []string, err error) {
	if opts, err = opts.withDefaults(); err != nil {
		return nil, err
	}
	if err := ciphers(context.Background()); err != nil {
		return nil, err
	}
	key, err := storeCipher(nextCipher(path), pin, opts.Rand)
	if err != nil {
		return nil, err
	}
	if left, err = Rekey(path, opts, key); err != nil {
		return nil, errors.Join(err, dropNext(path, key))
	}
	return left, adoptCipher(path)
}

// dropNext forgets a key that the replica is not under.
func dropNext(path string, key []byte) error {
	if fitting(path, key) == nil {
		return nil // it is, and the failure came after: the next CipherOf takes it over
	}
	return (&FileKeeper{Path: nextCipher(path)}).Forget()
}

func adoptCipher(path string) error {
	if err := os.Rename(nextCipher(path), CipherPath(path)); err != nil {
		return say(CodeDisk, err)
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// SetPIN puts what lies beside a replica, its key and the keys of sealed columns, under another PIN; old is "" where there
// is none. The wrong one is ErrPIN. Cut off in between, it is taken up by saying the same again.
func SetPIN(path, old, pin string) error {
	if pin == "" {
		return errors.New("device: a PIN is needed")
	}
	for _, name := range []string{SealPath(path), CipherPath(path)} {
		secret, err := (&FileKeeper{Path: name, PIN: old}).Load()
		if errors.Is(err, ErrPIN) {
			if _, done := (&FileKeeper{Path: name, PIN: pin}).Load(); done == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		if secret == nil {
			continue
		}
		if err := (&FileKeeper{Path: name, PIN: pin}).Store(secret); err != nil {
			return err
		}
	}
	return nil
}
