package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// Copy is a copied replica's asking to be a device of its own.
type Copy struct {
	Device    string // that it was until now
	Challenge string
	Signature string // base64url over ForkText, with the key that it has as that device
	PublicKey string // base64url of 32 bytes: of a key that no other copy has
	Proof     string // base64url over ForkText, with that key
	App       string
}

// ForkText is what a copy signs with its old key and with its new one.
func ForkText(device, challenge, publicKey string) []byte {
	return []byte("doorstep-fork-v1\n" + device + "\n" + challenge + "\n" + publicKey + "\n")
}

// Fork makes a device of a copy of another one's replica. Whoever holds the key of a device may ask: he could speak for
// it anyway. The device, and the account, must be in use. The same new key gets the same device again.
func (s *Service) Fork(ctx context.Context, from string, c Copy) (directory.Device, error) {
	if err := s.tries.allow("fork", from); err != nil {
		return directory.Device{}, err
	}
	expires, err := s.openChallenge(c.Device, c.Challenge)
	if err != nil {
		return directory.Device{}, err
	}
	key, err := decode64(c.PublicKey, ed25519.PublicKeySize)
	if err != nil {
		return directory.Device{}, messages.Refuse(messages.BadPublicKey)
	}
	text := ForkText(c.Device, c.Challenge, c.PublicKey)
	proof, err := decode64(c.Proof, ed25519.SignatureSize)
	if err != nil || !ed25519.Verify(key, text, proof) {
		return directory.Device{}, messages.Refuse(messages.BadProof)
	}
	wrong := messages.Refuse(messages.SignatureWrong)
	sig, err := decode64(c.Signature, ed25519.SignatureSize)
	if err != nil {
		return directory.Device{}, wrong
	}
	parent, err := s.dir.Device(ctx, c.Device)
	if messages.Is(err, messages.NoDevice) {
		return directory.Device{}, wrong
	}
	if err != nil {
		return directory.Device{}, err
	}
	if parent.Console || len(parent.PublicKey) != ed25519.PublicKeySize || !ed25519.Verify(parent.PublicKey, text, sig) {
		return directory.Device{}, wrong
	}
	if bytes.Equal(parent.PublicKey, key) {
		return directory.Device{}, messages.Refuse(messages.BadPublicKey)
	}
	if !s.spend(c.Challenge, expires) {
		return directory.Device{}, messages.Refuse(messages.ChallengeWrong)
	}
	if err := s.Check(ctx, Principal{Account: parent.Account, Device: parent.ID}); err != nil {
		return directory.Device{}, err
	}
	return s.dir.Fork(directory.By(ctx, parent.Account), parent, key, c.App)
}
