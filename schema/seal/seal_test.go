package seal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
)

func TestImports(t *testing.T) {
	imports.Check(t, "schema/seal", "syncengine", "server", "clients", "os", "net", "crypto/rand", "log", "database/sql")
}

func key(column string, id uint32, secret byte) seal.Key {
	k := seal.Key{Table: "resident", Column: column, ID: id}
	k.Secret[0] = secret
	return k
}

const row, other = "0190163d-8694-739b-aea5-966c26f8ad90", "0190163d-8694-739b-aea5-966c26f8ad91"

// One value in one cell is one ciphertext, on every device; in another row, column or under another key it is another,
// and opens nowhere but in its place.
func TestSeal(t *testing.T) {
	r := seal.NewRing([]seal.Key{key("a", 1, 1), key("b", 1, 1)})
	again := seal.NewRing([]seal.Key{key("b", 1, 1), key("a", 1, 1)})
	sealed := func(r *seal.Ring, column, row, text string) string {
		b, err := r.Seal("resident", column, row, text)
		require.NoError(t, err)
		return string(b)
	}
	one := sealed(r, "a", row, "37010219800101123X")
	require.Equal(t, one, sealed(again, "a", row, "37010219800101123X"))
	seen := map[string]bool{one: true}
	for _, x := range []string{sealed(r, "a", row, "37010219800101123x"), sealed(r, "a", other, "37010219800101123X"), sealed(r, "b", row, "37010219800101123X")} {
		require.False(t, seen[x])
		require.Equal(t, len(one), len(x))
		require.NotEqual(t, one[7:39], x[7:39], "no common beginning: nobody sees who shares a number")
		seen[x] = true
	}
	text, err := r.Open("resident", "a", row, []byte(one))
	require.NoError(t, err)
	require.Equal(t, "37010219800101123X", text)
	for name, open := range map[string]func() (string, error){
		"another row":    func() (string, error) { return r.Open("resident", "a", other, []byte(one)) },
		"another column": func() (string, error) { return r.Open("resident", "b", row, []byte(one)) },
	} {
		_, err := open()
		require.ErrorIs(t, err, seal.ErrForged, name)
	}
	for i := range one {
		b := []byte(one)
		b[i] ^= 1
		_, err := r.Open("resident", "a", row, b)
		require.Error(t, err, "byte %d", i)
	}
	_, err = (*seal.Ring)(nil).Open("resident", "a", row, []byte(one))
	require.ErrorIs(t, err, seal.ErrNoKey)
	_, err = (*seal.Ring)(nil).Seal("resident", "a", row, "x")
	require.ErrorIs(t, err, seal.ErrNoKey)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", key("a", 1, 7), key("a", 1, 7), key("a", 1, 7), key("a", 1, 7)), "7")
}

// After a rotation the new key seals and the old one opens.
func TestRotation(t *testing.T) {
	old := seal.NewRing([]seal.Key{key("a", 5, 1)})
	b, err := old.Seal("resident", "a", row, "x")
	require.NoError(t, err)
	r := seal.NewRing([]seal.Key{key("a", 9, 2), key("a", 5, 1)})
	c, err := r.Seal("resident", "a", row, "x")
	require.NoError(t, err)
	require.NotEqual(t, b, c)
	id, ok := schema.SealedForm(c)
	require.True(t, ok)
	require.Equal(t, uint32(9), id)
	for _, sealed := range [][]byte{b, c} {
		text, err := r.Open("resident", "a", row, sealed)
		require.NoError(t, err)
		require.Equal(t, "x", text)
	}
	_, err = old.Open("resident", "a", row, c)
	require.ErrorIs(t, err, seal.ErrNoKey)
}

func TestMatch(t *testing.T) {
	k := key("hash", 1, 3)
	k.Match = true
	r := seal.NewRing([]seal.Key{k, key("a", 1, 1)})
	one, err := r.Match("resident", "hash", "370102 1980 0101 123x")
	require.NoError(t, err)
	two, err := r.Match("resident", "hash", "37010219800101123X")
	require.NoError(t, err)
	require.Equal(t, one, two)
	require.Len(t, one, 64)
	_, err = r.Match("resident", "a", "x")
	require.ErrorIs(t, err, seal.ErrNoKey, "a key that seals makes no hashes")
	_, err = r.Seal("resident", "hash", row, "x")
	require.ErrorIs(t, err, seal.ErrNoKey, "and the other way round")
}

// Whatever is sealed opens again, has the form that everybody checks, and fits where CheckPlain said it would.
func TestRoundTrip(t *testing.T) {
	r := seal.NewRing([]seal.Key{key("a", 1, 1)})
	col := &schema.Column{Name: "a", Type: schema.TypeSealed, MaxLen: 200}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		b, err := r.Seal("resident", "a", row, text)
		require.NoError(t, err)
		back, err := r.Open("resident", "a", row, b)
		require.NoError(t, err)
		require.Equal(t, text, back)
		_, ok := schema.SealedForm(b)
		require.True(t, ok)
		require.Equal(t, len(text) <= col.SealedRoom(), len(b) <= col.MaxLen, "%d bytes", len(text))
	})
	for _, text := range []string{"", "\x80", strings.Repeat("\x80\x00", 20), strings.Repeat("\x00", 16)} {
		b, err := r.Seal("resident", "a", row, text)
		require.NoError(t, err)
		back, err := r.Open("resident", "a", row, b)
		require.NoError(t, err)
		require.Equal(t, text, back)
	}
}
