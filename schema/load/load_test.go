package load

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
)

func TestDefaultLoads(t *testing.T) {
	s, err := Default()
	require.NoError(t, err)
	var names []string
	for _, table := range s.Tables {
		names = append(names, table.Name)
		require.Equal(t, schema.LevelGrid, table.Level)
	}
	require.Equal(t, strings.Fields("building dispute dwelling hazard household mediation_session patrol patrol_finding residency resident visit wish wish_claim"), names)
	require.NoError(t, schema.Check(s, s).Err())
}

// What domain.md and the acceptance scenarios decide about who sees what.
func TestWhoSeesWhat(t *testing.T) {
	s, err := Default()
	require.NoError(t, err)
	for _, table := range s.Tables {
		require.Nil(t, table.Access("admin"), "an administrator sees no field records")
		a := table.Access("steward")
		for _, c := range table.Columns {
			if a == nil {
				continue
			}
			mask, shown := a.Shows(c.Name)
			require.False(t, shown && mask == schema.MaskNone && c.Sensitivity == 3, "a steward sees %s.%s", table.Name, c.Name)
			require.False(t, shown && strings.HasPrefix(c.Name, "id_no"), "no identity numbers at all")
		}
	}
	resident := s.Table("resident")
	steward := resident.Access("steward")
	mask, _ := steward.Shows("phone")
	require.Equal(t, schema.MaskPhone, mask)
	require.False(t, steward.MayUpdate(resident.Cell("name")), "a change of tenant is a report, not an edit of the register")
	mask, shown := s.Table("household").Access("steward").Shows("phone")
	require.True(t, shown)
	require.Equal(t, schema.MaskNone, mask, "he calls his own doors")
	require.Nil(t, s.Table("mediation_session").Access("steward"))
	require.True(t, resident.Access("grid_worker").MayUpdate(resident.Cell("identity")))
}

func TestPolicies(t *testing.T) {
	s, err := Default()
	require.NoError(t, err)
	for cell, want := range map[string]schema.Policy{
		"resident.identity": schema.PolicyReview, "resident.status_change": schema.PolicyReview, "resident.phone": schema.PolicyLWW, "resident.tags": schema.PolicyUnion,
		"household.head_resident_id": schema.PolicyReview, "household.phone": schema.PolicyLWW, "household.tags": schema.PolicyUnion, "household.last_visit_at": schema.PolicyCentral,
		"dispute.parties": schema.PolicyUnion, "dispute.risk_level": schema.PolicyMax, "dispute.result": schema.PolicyReview, "hazard.risk_level": schema.PolicyMax,
		"hazard.closure": schema.PolicyReview, "visit.outcome": schema.PolicyAppend, "visit.void": schema.PolicyReview, "visit.place": schema.PolicyAppend,
		"patrol.members": schema.PolicyUnion, "patrol.ending": schema.PolicyLWW, "wish.title": schema.PolicyLWW, "wish.supporters": schema.PolicyAdd,
		"wish.state": schema.PolicyCentral, "wish_claim.number": schema.PolicyCentral, "wish_claim.step": schema.PolicyAppend,
	} {
		table, name, _ := strings.Cut(cell, ".")
		c := s.Table(table).Cell(name)
		require.NotNil(t, c, cell)
		require.Equal(t, want, c.Policy, cell)
	}
	require.True(t, s.Table("dispute").Cell("risk_level").Queue)
	require.False(t, s.Table("hazard").Cell("risk_level").Queue)
	require.Same(t, s.Table("wish_claim"), s.Table("wish").StepsBy)
	require.Equal(t, []string{"confirmed"}, s.Table("wish_claim").Steps.Moves["close"].From, "closure without confirmation is refused")
}

// county is a folder on top of the built-in declarations.
func county(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestACountyExtends(t *testing.T) {
	s, err := Load(county(map[string]string{
		"version.yaml":           "version: 3",
		"roles.yaml":             "roles:\n  nurse: {zh: 家庭医生, en: Family doctor}\n",
		"codes/wish.yaml":        "extends: wish_category\ncodes:\n  pets: {zh: 宠物, en: Pets}\n  other: {zh: 其它, en: Others, retired: true}\n",
		"codes/patrol_kind.yaml": "name: patrol_kind\nzh: 巡防\nen: Patrols\ncodes:\n  night: {zh: 夜巡, en: Night}\n",
		"records/visit.yaml":     "extends: visit\nviews:\n  supervisor: {shown: [lat, lon, accuracy_m]}\n",
		"records/resident.yaml": "extends: resident\ncolumns:\n  wechat: {zh: 微信, en: WeChat, type: text, policy: lww, sensitivity: 2}\n" +
			"views:\n  grid_worker: {shown: [wechat]}\n  steward: {masked: {wechat: all}, hidden: [phone]}\n  supervisor: {shown: [wechat]}\n  nurse: {rows: own, shown: [wechat, phone, birth_date], hidden: [id_type, id_no_sealed, id_no_hash, ethnic_code, political_code, tags, notes]}\n" +
			"rights:\n  nurse: {update: [phone]}\n",
	}))
	require.NoError(t, err)
	require.Equal(t, 5, s.Version)
	require.Len(t, s.Codes["patrol_kind"].Codes, 1)
	require.True(t, s.Codes["wish_category"].Codes[5].Retired)
	require.Equal(t, "pets", s.Codes["wish_category"].Codes[6].Code)
	resident := s.Table("resident")
	require.Equal(t, "wechat", resident.Columns[len(resident.Columns)-1].Name)
	_, shown := resident.Access("steward").Shows("phone")
	require.False(t, shown, "what an extension says about a column replaces what was said")
	require.True(t, s.Table("visit").Access("supervisor").Reads(s.Table("visit").Cell("place")))
	require.True(t, resident.Access("nurse").MayUpdate(resident.Cell("phone")))
	require.True(t, resident.Access("grid_worker").MayUpdate(resident.Cell("wechat")))
}

func TestLoadDir(t *testing.T) {
	_, err := LoadDir("")
	require.NoError(t, err)
	_, err = LoadDir("no-such-folder")
	require.EqualError(t, err, "there is no folder of declarations no-such-folder; give one that exists, or none for the built-in ones")
	_, err = LoadDir("load.go")
	require.ErrorContains(t, err, "not a folder")
	_, err = LoadDir("testdata/county")
	require.ErrorContains(t, err, `testdata/county/records/bad.yaml:7: column size of bad has type "huge"; use one of: `)
}
