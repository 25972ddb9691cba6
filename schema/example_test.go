package schema_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
)

func folder(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// The example in schema/README.md, read as it stands there.
func TestExampleInTheREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	files := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)```yaml ([a-z_/]+\\.yaml)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		files[block[1]] = block[2]
	}
	require.Len(t, files, 4)
	s, err := load.Load(folder(files))
	require.NoError(t, err)
	require.Equal(t, 3, s.Version)
	lamp := s.Table("lamp")
	require.Equal(t, []string{"broken", "ordered", "repaired"}, lamp.Column("state").Rank)
	require.Equal(t, schema.PolicyReview, lamp.Column("place").Policy, "what a column gets that names no policy")
	electrician := lamp.Access("electrician")
	require.True(t, electrician.MayUpdate(lamp.Cell("state")))
	require.False(t, electrician.Right.Insert)
	mask, shown := electrician.Shows("reporter_phone")
	require.Equal(t, []any{schema.MaskPhone, true}, []any{mask, shown})
	require.Nil(t, lamp.Access("steward"), "no view, no row")
	require.Nil(t, s.Table("building").Access("electrician"))
	files["records/building.yaml"] = "extends: building\nviews: {electrician: {rows: all}}\n" // as the text says
	s, err = load.Load(folder(files))
	require.NoError(t, err)
	require.NotNil(t, s.Table("building").Access("electrician"))

	files["records/lamp.yaml"] = strings.NewReplacer("level: grid", "level: village", "type: text, max_len: 200", "type: text, policy: newest, max_len: 200").Replace(files["records/lamp.yaml"])
	_, err = load.Load(folder(files))
	require.Error(t, err)
	for _, line := range strings.Split(err.Error(), "\n") {
		require.Contains(t, string(text), "    "+line+"\n", "the mistakes that it shows are told so")
	}
}
