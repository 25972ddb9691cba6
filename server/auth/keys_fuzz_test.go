package auth

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzKeys reads any bytes as the file of signing keys, and as the stored hash of a password. The keys that are taken
// can be used, the first of them signs, and they are written and read again as the same; a hash asks for no more memory
// and time than a password may cost, and has one spelling.
func FuzzKeys(f *testing.F) {
	var keys []signingKey
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i := range 2 {
		k, err := newSigningKey(rand.New(rand.NewSource(int64(i))), at)
		require.NoError(f, err)
		if i > 0 {
			k.retired = at.Add(time.Hour)
		}
		keys = append(keys, k)
		text, err := encodeKeys(keys)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nCreated: x\n\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
	f.Add([]byte("$argon2id$v=19$m=8,t=1,p=1x$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if a, _, _, ok := parseHash(string(text)); ok {
			form := fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$", a.Memory, a.Time, a.Threads)
			if a.Memory > 1<<20 || a.Time > 16 || !bytes.HasPrefix(text, []byte(form)) {
				t.Fatalf("%q is read as %+v", text, a)
			}
		}
		keys, err := parseKeys(text)
		if err != nil {
			return
		}
		if !keys[0].retired.IsZero() {
			t.Fatal("the key that signs is retired")
		}
		one, err := encodeKeys(keys)
		require.NoError(t, err)
		again, err := parseKeys(one)
		require.NoError(t, err)
		require.Len(t, again, len(keys))
		for i, k := range again {
			if k.kid != keys[i].kid || !k.created.Equal(keys[i].created.Truncate(time.Second)) || !k.retired.Equal(keys[i].retired.Truncate(time.Second)) {
				t.Fatalf("%d: %+v, %+v", i, k, keys[i])
			}
			if !ed25519.Verify(k.private.Public().(ed25519.PublicKey), text, ed25519.Sign(keys[i].private, text)) {
				t.Fatal("another key")
			}
		}
	})
}
