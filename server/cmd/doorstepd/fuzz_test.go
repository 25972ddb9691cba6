package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
	"github.com/stretchr/testify/require"
)

// FuzzConfig reads any text as the file with doorstepd's settings. What is taken is within its bounds; all else is
// refused in a sentence of both languages that names the file or the setting.
func FuzzConfig(f *testing.F) {
	f.Add(defaults)
	for _, s := range []string{"", "listen: :8737", "listen: 1", "county: -1", "county: 1e3", "log: {level: loud}", "log: x", "log: [a]", "origins: x", "origins: [1, {a: b}]", "tls: {cert: a, key: b}",
		"stop_within: 20s\nstop_within: 30s", "1: 2", "{", "a: &a [*a]", "? [a]\n: b", "quotas: {refused: 0x10}", "keys: {rotate_after: -1h}", "listen: null", "log.level: warn", "data: \"\\0\"", "---\n---\n", "!!binary x", "listen: !!map {}"} {
		f.Add([]byte(s))
	}
	base := koanf.New(".")
	require.NoError(f, base.Load(raw(defaults), yaml.Parser()))
	known := base.Keys()
	f.Fuzz(func(t *testing.T, text []byte) {
		s := &source{base.Copy(), map[string]string{}}
		err := s.merge("c.yaml", text, known)
		var c config
		if err == nil {
			c, err = s.check()
		}
		var u *usageError
		switch {
		case err == nil:
			bounded(t, &c)
		case !errors.As(err, &u):
			t.Fatalf("an error for programmers: %v", err)
		default:
			zh, en := words("zh-CN", err), words("en", err)
			if zh == "" || en == "" || strings.Contains(en+zh, "%!") && !strings.Contains(string(text), "%") {
				t.Fatalf("%q, %q", zh, en)
			}
		}
	})
}

func bounded(t *testing.T, c *config) {
	within := func(least, n, most int64) bool { return least <= n && n <= most }
	q := c.Quotas
	if c.County < 1 || c.Data == "" || !validAddress(c.Listen) || !within(1, int64(c.MaxConnections), 1_000_000) || !within(0, int64(c.Retention), int64(36500*24*time.Hour)) ||
		!within(1<<20, int64(c.SnapshotBytes), 65536<<20) || !within(8<<20, int64(c.HeavyBytes), 65536<<20) || !within(1, c.AnchorEvery, 1_000_000) ||
		!within(int64(time.Second), int64(c.StopWithin), int64(10*time.Minute)) || !within(int64(time.Minute), int64(c.CodeLife), int64(24*time.Hour)) || c.RotateAfter < 0 ||
		q.Refused < 0 || q.RefusedBytes < 0 || q.ScopeRows < 0 || q.Candidates < 0 {
		t.Fatalf("%+v", *c)
	}
}
