package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Fuzzing: no input makes decoding panic, and what is taken is written and read back as the same. The corpus is
// testdata/fuzz and the message vectors. Run for longer: go test -tags sqlite_fts5 -fuzz FuzzJSON ./syncengine/wire
func FuzzBinary(f *testing.F) {
	seeds(f, func(binary, _ []byte) { f.Add(binary) })
	f.Fuzz(func(t *testing.T, b []byte) { readable(t, b, Binary) })
}

func FuzzJSON(f *testing.F) {
	seeds(f, func(_, text []byte) { f.Add(text) })
	f.Fuzz(func(t *testing.T, b []byte) { readable(t, b, JSON) })
}

// FuzzChangeset reads what a store might hold after its file was damaged.
func FuzzChangeset(f *testing.F) {
	_, list := changesets()
	for _, cs := range list {
		b, err := MarshalChangeset(cs)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cs, err := UnmarshalChangeset(b)
		if err != nil {
			return
		}
		again, err := MarshalChangeset(cs)
		require.NoError(t, err)
		back, err := UnmarshalChangeset(again)
		require.NoError(t, err)
		require.Equal(t, cs.Canonical(), back.Canonical())
	})
}

func seeds(f *testing.F, add func(binary, text []byte)) {
	b, err := os.ReadFile(filepath.Join("testdata", "vectors", "messages.json"))
	require.NoError(f, err)
	var list []struct {
		Binary string
		JSON   json.RawMessage
	}
	require.NoError(f, json.Unmarshal(b, &list))
	require.NotEmpty(f, list)
	for _, v := range list {
		if len(v.Binary) > 4000 {
			continue // too long to be varied well: below in parts
		}
		binary, err := base64.StdEncoding.DecodeString(v.Binary)
		require.NoError(f, err)
		add(binary, v.JSON)
	}
	_, sets := changesets()
	for _, cs := range sets {
		m := &session.Push{Changesets: []*se.Changeset{cs}}
		binary, err := Marshal(m, Binary)
		require.NoError(f, err)
		text, err := Marshal(m, JSON)
		require.NoError(f, err)
		add(binary, text)
	}
}

func readable(t *testing.T, b []byte, f Format) {
	m, err := Unmarshal(b, f, se.Limits{MaxFrame: 1 << 20, MaxChanges: 1000, MaxChangeset: 1 << 20, Window: 64})
	if err != nil {
		e := &Error{}
		require.True(t, errors.As(err, &e), "%T %v", err, err)
		require.NotEmpty(t, e.Problem)
		return
	}
	for _, f := range []Format{Binary, JSON} {
		again, err := Marshal(m, f)
		require.NoError(t, err)
		back, err := Unmarshal(again, f, se.DefaultLimits)
		require.NoError(t, err, "%s", again)
		require.Equal(t, m, back)
	}
}
