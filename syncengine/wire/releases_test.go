package wire_test

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// TestFramesOfReleases: what any released version sent is read for ever, with the same meaning, in both subprotocols.
// Written again it says the same: nothing of it was passed over.
func TestFramesOfReleases(t *testing.T) {
	files, err := filepath.Glob("../../testdata/fixtures/*/frames.jsonl.gz")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			kinds := map[string]int{}
			for _, f := range readFrames(t, name) {
				kinds[f.Kind]++
				text, err := base64.StdEncoding.DecodeString(f.Binary)
				require.NoError(t, err)
				m, err := wire.Unmarshal(text, wire.Binary, se.DefaultLimits)
				require.NoError(t, err, "%s", f.JSON)
				same, err := wire.Unmarshal(f.JSON, wire.JSON, se.DefaultLimits)
				require.NoError(t, err, "%s", f.JSON)
				require.Equal(t, same, m)
				again, err := wire.Marshal(m, wire.JSON)
				require.NoError(t, err)
				require.JSONEq(t, string(f.JSON), string(again))
				again, err = wire.Marshal(m, wire.Binary)
				require.NoError(t, err)
				m, err = wire.Unmarshal(again, wire.Binary, se.DefaultLimits)
				require.NoError(t, err)
				require.Equal(t, same, m)
				if p, ok := m.(*session.Push); ok {
					chained(t, p, f.Hashes)
				}
			}
			for _, kind := range []string{"hello", "welcome", "push", "verdicts", "delta", "inbox", "seen", "notice"} {
				require.Positive(t, kinds[kind], kind)
			}
		})
	}
}

// chained: the hash of a changeset is over bytes that no later version makes otherwise.
func chained(t *testing.T, p *session.Push, hashes []string) {
	t.Helper()
	require.Len(t, hashes, len(p.Changesets))
	for i, cs := range p.Changesets {
		require.Equal(t, hashes[i], cs.Hash().String())
	}
}

type releasedFrame struct {
	Kind   string          `json:"kind"`
	From   string          `json:"from"`
	Binary string          `json:"binary"`
	JSON   json.RawMessage `json:"json"`
	Hashes []string        `json:"hashes"` // of the changesets of a push, as that version computed them
}

func readFrames(t *testing.T, name string) (out []releasedFrame) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x releasedFrame
		require.NoError(t, json.Unmarshal(lines.Bytes(), &x))
		out = append(out, x)
	}
	require.NoError(t, lines.Err())
	return out
}
