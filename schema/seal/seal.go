// Package seal makes and opens the values of sealed columns: ciphertext wherever they lie. It is pure: keys are handed
// to it, and it reads no clock, file or randomness.
//
// Sealing is deterministic: one value in one cell under one key is always the same bytes, so that replicas converge and
// two people who typed the same have no conflict. The same value in two rows has nothing in common, so that nobody
// without the key can tell who shares one; for finding doubles there is Match, under a key of its own.
package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/doorstep-sync/doorstep/schema"
)

// Key is one key of one column.
type Key struct {
	Table, Column string
	ID            uint32   // names it in what it sealed; of a column's keys the greatest seals
	Match         bool     // for Match of a hash_of column rather than for sealing
	Secret        [32]byte //
}

// String tells which key it is, and never the secret.
func (k Key) String() string { return "key of " + k.Table + "." + k.Column }

// GoString is String, for what prints whole structures.
func (k Key) GoString() string { return k.String() }

// The ways in which a value is not sealed or opened.
var (
	ErrNoKey  = errors.New("seal: the key is not here")
	ErrForged = errors.New("seal: not sealed for this place, or damaged")
)

// Ring holds keys. Immutable; the zero value and nil hold none.
type Ring struct {
	keys    []Key
	seals   map[name]map[uint32]*box
	current map[name]uint32
	matches map[name][32]byte
}

type name struct{ table, column string }

type box struct {
	aead  cipher.AEAD
	nonce []byte // key of the synthetic nonce
}

// NewRing makes a ring.
func NewRing(keys []Key) *Ring {
	r := &Ring{keys: keys, seals: map[name]map[uint32]*box{}, current: map[name]uint32{}, matches: map[name][32]byte{}}
	last := map[name]uint32{}
	for _, k := range keys {
		n := name{k.Table, k.Column}
		if k.Match {
			if _, had := r.matches[n]; !had || k.ID >= last[n] {
				r.matches[n], last[n] = k.Secret, k.ID
			}
			continue
		}
		if r.seals[n] == nil {
			r.seals[n] = map[uint32]*box{}
		}
		r.seals[n][k.ID] = newBox(k.Secret)
		r.current[n] = max(r.current[n], k.ID)
	}
	return r
}

// newBox derives the two keys of one secret: for the text, and for its nonce.
func newBox(secret [32]byte) *box {
	aead, err := chacha20poly1305.NewX(derive(secret, "doorstep.seal.text.v1"))
	if err != nil {
		panic("bug: " + err.Error()) // 32 bytes are right
	}
	return &box{aead, derive(secret, "doorstep.seal.nonce.v1")}
}

func derive(secret [32]byte, purpose string) []byte {
	h := hmac.New(sha256.New, secret[:])
	h.Write([]byte(purpose))
	return h.Sum(nil)
}

// Keys gives them back.
func (r *Ring) Keys() []Key {
	if r == nil {
		return nil
	}
	return r.keys
}

// Has tells whether a column's values can be sealed.
func (r *Ring) Has(table, column string) bool {
	return r != nil && r.current[name{table, column}] != 0
}

// Knows tells whether a column has a key of that id.
func (r *Ring) Knows(table, column string, id uint32) bool {
	return r != nil && r.seals[name{table, column}][id] != nil
}

// place is what a value is bound to: it opens nowhere else.
func place(table, column, row string) []byte {
	var b []byte
	for _, s := range []string{table, column, row} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// Seal gives a text's ciphertext for its place.
func (r *Ring) Seal(table, column, row, text string) ([]byte, error) {
	if !r.Has(table, column) {
		return nil, ErrNoKey
	}
	n := name{table, column}
	id := r.current[n]
	return r.seals[n][id].seal(id, place(table, column, row), text), nil
}

func (b *box) seal(id uint32, at []byte, text string) []byte {
	padded := pad(text)
	out := append([]byte(schema.SealMagic), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(out[len(schema.SealMagic):], id)
	nonce := b.nonceOf(at, padded)
	out = append(out, nonce...)
	return b.aead.Seal(out, nonce, padded, at)
}

func (b *box) nonceOf(at, padded []byte) []byte {
	h := hmac.New(sha256.New, b.nonce)
	h.Write(at)
	h.Write(padded)
	return h.Sum(nil)[:chacha20poly1305.NonceSizeX]
}

// pad fills a text up to a multiple of 16 bytes, so that the length tells little.
func pad(text string) []byte {
	b := append([]byte(text), 0x80)
	return append(b, make([]byte, -len(b)&(schema.SealBlock-1))...)
}

func unpad(b []byte) (string, bool) {
	i := bytes.LastIndexByte(b, 0x80)
	if i < 0 || len(b)-i > schema.SealBlock || bytes.Trim(b[i+1:], "\x00") != nil && len(bytes.Trim(b[i+1:], "\x00")) > 0 {
		return "", false
	}
	return string(b[:i]), true
}

// Open gives the text of what was sealed for this place, by any of the column's keys.
func (r *Ring) Open(table, column, row string, sealed []byte) (string, error) {
	id, ok := schema.SealedForm(sealed)
	if !ok {
		return "", ErrForged
	}
	if !r.Knows(table, column, id) {
		return "", ErrNoKey
	}
	b, at := r.seals[name{table, column}][id], place(table, column, row)
	head := len(schema.SealMagic) + 4
	nonce, text := sealed[head:head+chacha20poly1305.NonceSizeX], sealed[head+chacha20poly1305.NonceSizeX:]
	padded, err := b.aead.Open(nil, nonce, text, at)
	if err != nil || !hmac.Equal(nonce, b.nonceOf(at, padded)) {
		return "", ErrForged
	}
	out, ok := unpad(padded)
	if !ok {
		return "", ErrForged
	}
	return out, nil
}

// Match gives the keyed hash of a text for a column that finds doubles: the same for the same text, however it is
// spaced, in every row of the county; 64 characters of hexadecimal.
func (r *Ring) Match(table, column, text string) (string, error) {
	if r == nil {
		return "", ErrNoKey
	}
	secret, ok := r.matches[name{table, column}]
	if !ok {
		return "", ErrNoKey
	}
	h := hmac.New(sha256.New, secret[:])
	h.Write(place(table, column, normal(text)))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// normal takes out what people write differently.
func normal(text string) string {
	return strings.NewReplacer(" ", "", "-", "", "\t", "", "　", "").Replace(strings.ToUpper(text))
}
