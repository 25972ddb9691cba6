package schema_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
)

const inUse = `name: thing
zh: 东西
en: Thing
level: grid
columns:
  name: {zh: 名, en: Name, type: text, max_len: 20}
  kind: {zh: 类, en: Kind, type: code, code: size, policy: lww}
  tags: {zh: 标, en: Tags, type: set, policy: union}
  place: {zh: 地, en: Place, type: ref, ref: building, policy: lww}
  home: {zh: 家, en: Home, type: ref, ref: household, policy: lww}
  lat: {zh: 纬, en: Lat, type: real, group: pos}
  lon: {zh: 经, en: Lon, type: real, group: pos, max: 180}
`

const sizes = "name: size\nzh: 大小\nen: Size\ncodes:\n  s: {zh: 小, en: Small}\n  l: {zh: 大, en: Large}\n"

func declared(t *testing.T, version, thing, codes, roles string) *schema.Schema {
	t.Helper()
	fsys := fstest.MapFS{"version.yaml": {Data: []byte("version: " + version)}, "codes/size.yaml": {Data: []byte(codes)}, "roles.yaml": {Data: []byte(roles)}}
	if thing != "" {
		fsys["records/thing.yaml"] = &fstest.MapFile{Data: []byte(thing)}
	}
	s, err := load.Load(fsys)
	require.NoError(t, err)
	return s
}

// What a new declaration may do to the one in use, while phones of the old one are out in the field.
func TestCheck(t *testing.T) {
	const roles = "roles:\n  guard: {zh: 保安, en: Guard}\n"
	for _, c := range []struct {
		name, from, to string
		want           string
	}{
		{"same", "", "", ""},
		{"new column", "  name:", "  more: {zh: 多, en: More, type: int, policy: add}\n  name:", ""},
		{"longer", "max_len: 20", "max_len: 30", ""},
		{"lww for review", "type: text, max", "type: text, policy: lww, max", ""},
		{"code retired", "l: {zh: 大, en: Large}", "l: {zh: 大, en: Large, retired: true}", ""},
		{"column removed", "  name: {zh: 名, en: Name, type: text, max_len: 20}\n", "", "column name of thing is removed; keep it; hide it in the views"},
		{"column renamed", "  name:", "  title:", "column name of thing is removed"},
		{"type", "type: real, group: pos}", "type: int, group: pos}", "column lat of thing changes its type from real to int; declare a new column beside it"},
		{"ref", "ref: building", "ref: dwelling", "refers to dwelling instead of building"},
		{"policy", "type: set, policy: union", "type: set, policy: lww", "changes its policy from union to lww, which travel in different ways"},
		{"central", "type: text, max", "type: text, policy: central, max", "changes its policy from review to central"},
		{"ungrouped", "group: pos}\n  lon: {zh: 经, en: Lon, type: real, group: pos, ", "}\n  lon: {zh: 经, en: Lon, type: real, ", "changes its group from pos to none"},
		{"joins a group", "  lat:", "  alt: {zh: 高, en: Alt, type: real, group: pos}\n  lat:", "column alt of thing joins group pos, of which older phones send less"},
		{"required", "max_len: 20", "max_len: 20, required: true", ""},
		{"new and required", "  name:", "  more: {zh: 多, en: More, type: int, required: true}\n  name:", ""},
		{"shorter", "max_len: 20", "max_len: 19", "is limited more than before"},
		{"pattern", "max_len: 20", "max_len: 20, pattern: '^a$'", "is limited more than before"},
		{"maximum", "max: 180", "max: 90", "is limited more than before"},
		{"view", "tags: {zh: 标", "tags: {sensitivity: 1, zh: 标", ""},
		{"door", "level: grid", "level: grid\ndoor: home", "record type thing changes its door from none to home"},
		{"append", "level: grid", "level: grid\nappend: true", "record type thing changes append"},
		{"level", "level: grid", "level: street", "moves from level grid to street"},
		{"record removed", inUse, "", "record type thing is removed"},
		{"code removed", "  l: {zh: 大, en: Large}\n", "", "code l of size is removed, but records hold it; keep it with retired: true"},
		{"other codes", "code: size", "code: risk_level", "code s of risk_level is removed"},
		{"role removed", "guard:", "guardian:", "role guard is removed"},
		{"doors", "en: Guard", "en: Guard, doors: true", "role guard changes doors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := func(s string) string { return strings.Replace(s, c.from, c.to, 1) }
			prev := declared(t, "1", inUse, sizes, roles)
			next := declared(t, "2", now(inUse), now(sizes), now(roles))
			err := schema.Check(prev, next).Err()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			same := schema.Check(prev, declared(t, "1", now(inUse), now(sizes), now(roles)))
			require.ErrorContains(t, same.Err(), "the declarations differ but the version is still")
		})
	}
	prev := declared(t, "2", inUse, sizes, roles)
	require.ErrorContains(t, schema.Check(prev, declared(t, "1", inUse, sizes, roles)).Err(), "is below")
	require.ErrorContains(t, schema.Check(prev, declared(t, "2", strings.Replace(inUse, "max_len: 20", "max_len: 30", 1), sizes, roles)).Err(), "count it up in version.yaml")
}
