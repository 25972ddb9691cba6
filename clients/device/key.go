package device

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// KeyPath is where a replica's key lies: beside it, so that who copies one notices the other.
func KeyPath(replica string) string { return replica + ".key" }

const keyBlock = "DOORSTEP DEVICE KEY"

// readKey reads a device's key. A file that others may read is refused: the key is the device.
func readKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, say(CodeKey, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, say(CodeKey, fmt.Errorf("%s may be read by others; run chmod 600 on it", path))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, say(CodeKey, err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyBlock || len(block.Bytes) != ed25519.SeedSize {
		return nil, say(CodeKey, fmt.Errorf("%s is no device key", path))
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// makeKey gives the key at path, or makes one and has it on the disk before it is used: a key that the centre knows
// and the device lost would be a device lost.
func makeKey(path string, random io.Reader) (ed25519.PrivateKey, error) {
	switch info, err := os.Stat(path); {
	case err == nil && info.Size() == 0: // we were killed before the key was in it: nobody knows that key
		if err := os.Remove(path); err != nil {
			return nil, say(CodeKey, err)
		}
	case !errors.Is(err, os.ErrNotExist):
		return readKey(path)
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("make device key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, say(CodeKey, err)
	}
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: seed}))
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = durable.SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, say(CodeKey, errors.Join(err, os.Remove(path)))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
