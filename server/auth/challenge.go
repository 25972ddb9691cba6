package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

const challengeLife = 60 * time.Second

// challenge: 16 random bytes, 8 bytes of expiry in ms, 32 bytes of MAC. Keeping no list of those given out, the
// centre cannot be filled up by callers who ask and never answer.
const challengeBytes = 16 + 8 + 32

// SignedText is what a device signs to get a token.
func SignedText(device, challenge string) []byte {
	return []byte("doorstep-token-v1\n" + device + "\n" + challenge + "\n")
}

// Challenge gives a device something to sign, for 60 seconds and one use. It is given for unknown ids too, so that
// the answer does not tell which exist.
func (s *Service) Challenge(device string) (Token, error) {
	if !directory.ValidUUID(device) {
		return Token{}, messages.Refuse(messages.SignatureWrong)
	}
	b := make([]byte, 16, challengeBytes)
	if err := s.read(b); err != nil {
		return Token{}, fmt.Errorf("make challenge: %w", err)
	}
	expires := s.now().Add(challengeLife)
	b = binary.BigEndian.AppendUint64(b, uint64(expires.UnixMilli()))
	b = append(b, s.keys.mac("challenge", s.challengeText(device, b))...)
	return Token{base64.RawURLEncoding.EncodeToString(b), expires}, nil
}

func (s *Service) challengeText(device string, b []byte) string {
	return string(s.started[:]) + device + "\n" + string(b)
}

// ours tells whether the centre made a challenge for a device, with this key or one of before.
func (s *Service) ours(device string, b []byte) bool {
	for _, mac := range s.keys.macs("challenge", s.challengeText(device, b[:24]), s.now()) {
		if hmac.Equal(mac, b[24:]) {
			return true
		}
	}
	return false
}

// DeviceToken gives a token for a signed challenge. A challenge is used up by a right signature only.
func (s *Service) DeviceToken(ctx context.Context, device, challenge, signature string) (Token, error) {
	expires, err := s.openChallenge(device, challenge)
	if err != nil {
		return Token{}, err
	}
	wrong := messages.Refuse(messages.SignatureWrong)
	sig, err := decode64(signature, ed25519.SignatureSize)
	if err != nil {
		return Token{}, wrong
	}
	v, err := s.dir.Device(ctx, device)
	if messages.Is(err, messages.NoDevice) {
		ed25519.Verify(make([]byte, ed25519.PublicKeySize), SignedText(device, challenge), sig) // take the same time
		return Token{}, wrong
	}
	if err != nil {
		return Token{}, err
	}
	if v.Console || len(v.PublicKey) != ed25519.PublicKeySize || !ed25519.Verify(v.PublicKey, SignedText(device, challenge), sig) {
		return Token{}, wrong
	}
	if !s.spend(challenge, expires) {
		return Token{}, messages.Refuse(messages.ChallengeWrong)
	}
	// A device that was revoked gets a token too: it opens nothing but the socket, to drain and to purge.
	if err := s.Check(ctx, Principal{Account: v.Account, Device: v.ID}); err != nil && !ended(err) {
		return Token{}, err
	}
	return s.issue(AudienceSync, v.Account, v.ID, 0, deviceLife)
}

// openChallenge checks that the challenge was made by this process for this device, and still holds.
func (s *Service) openChallenge(device, challenge string) (expires int64, err error) {
	b, err := decode64(challenge, challengeBytes)
	if err != nil || !directory.ValidUUID(device) || !s.ours(device, b) {
		return 0, messages.Refuse(messages.ChallengeWrong)
	}
	expires = int64(binary.BigEndian.Uint64(b[16:24]))
	if expires <= s.now().UnixMilli() {
		return 0, messages.Refuse(messages.ChallengeWrong)
	}
	return expires, nil
}

// spend marks a challenge used; false if it was. Expired marks are forgotten on the way.
func (s *Service) spend(challenge string, expires int64) bool {
	now := s.now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.used[challenge]; again {
		return false
	}
	if len(s.used) >= 1024 && len(s.used)&(len(s.used)-1) == 0 { // at powers of two: amortised
		for c, at := range s.used {
			if at <= now {
				delete(s.used, c)
			}
		}
	}
	s.used[challenge] = expires
	return true
}
