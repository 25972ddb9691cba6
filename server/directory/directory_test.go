package directory_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/directory/directorytest"
	"github.com/doorstep-sync/doorstep/server/messages"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/directory", "server/api", "server/auth", "server/store", "server/gateway", "clients", "net/http",
		"github.com/rs/zerolog", "github.com/mattn/go-sqlite3")
}

var ctx = context.Background()

type clock struct{ at time.Time }

func (c *clock) Now() time.Time          { return c.at }
func (c *clock) Advance(d time.Duration) { c.at = c.at.Add(d) }

var roles = map[string]*schema.Role{
	"admin":       {Name: "admin", Admin: true, Console: true},
	"supervisor":  {Name: "supervisor", Console: true},
	"grid_worker": {Name: "grid_worker"},
	"steward":     {Name: "steward", Doors: true},
}

func open(t testing.TB) (*directory.Directory, *clock, *directorytest.DB) {
	t.Helper()
	c := &clock{time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	db := directorytest.Open(t)
	return directory.New(directory.Config{DB: db, County: 1, Roles: roles, Now: c.Now, Random: rand.New(rand.NewSource(1))}), c, db
}

func divisions(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../../data/divisions.csv")
	require.NoError(t, err)
	return data
}

const wanghe = "370115003239" // 王河

func withDivisions(t testing.TB) (*directory.Directory, *clock, *directorytest.DB) {
	t.Helper()
	d, c, db := open(t)
	grids := "\n" + wanghe + "001,王河第一网格,grid," + wanghe + "\n" + wanghe + "002,王河第二网格,grid," + wanghe + "\n"
	r, err := d.ImportOrg(ctx, bytes.NewReader(append(divisions(t), grids...)), false)
	require.NoError(t, err)
	require.Zero(t, r.Errors, r.Findings)
	return d, c, db
}

// dump reads a table whole, to see that nothing was written.
func dump(t testing.TB, db *directorytest.DB, table string) string {
	t.Helper()
	rows, err := db.Reader().Query(`SELECT * FROM ` + table + ` ORDER BY 1, 2`)
	require.NoError(t, err)
	defer rows.Close()
	cols, err := rows.Columns()
	require.NoError(t, err)
	var b strings.Builder
	for rows.Next() {
		cells := make([]any, len(cols))
		for i := range cells {
			cells[i] = new(any)
		}
		require.NoError(t, rows.Scan(cells...))
		for _, c := range cells {
			fmt.Fprintf(&b, "%v|", *c.(*any))
		}
		b.WriteByte('\n')
	}
	require.NoError(t, rows.Err())
	return b.String()
}

func TestImportOfRealDivisions(t *testing.T) {
	d, _, db := open(t)
	data := divisions(t)

	r, err := d.ImportOrg(ctx, bytes.NewReader(data), true)
	require.NoError(t, err)
	require.Equal(t, 2559, r.New)
	require.True(t, r.DryRun)
	require.Empty(t, dump(t, db, "org_unit"), "a dry run writes nothing")

	r, err = d.ImportOrg(ctx, bytes.NewReader(data), false)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2559, 0, 0}, []int{r.Errors, r.New, r.Changed, r.Unchanged})
	require.Equal(t, map[directory.Level]int{"province": 2, "city": 5, "county": 5, "street": 62, "community": 2485}, r.Levels)
	require.Empty(t, r.Hints)
	before := dump(t, db, "org_unit")
	require.Equal(t, 2559, strings.Count(before, "\n"))

	r, err = d.ImportOrg(ctx, bytes.NewReader(append([]byte("\xef\xbb\xbf"), data...)), false)
	require.NoError(t, err)
	require.Equal(t, []int{0, 0, 0, 2559}, []int{r.Errors, r.New, r.Changed, r.Unchanged}, "again, with a BOM")
	require.Equal(t, before, dump(t, db, "org_unit"))

	gbk, err := simplifiedchinese.GB18030.NewEncoder().Bytes(bytes.Replace(data, []byte("王河村"), []byte("王河新村"), 1))
	require.NoError(t, err)
	r, err = d.ImportOrg(ctx, bytes.NewReader(gbk), false)
	require.NoError(t, err)
	require.Equal(t, "GB18030", r.Encoding)
	require.Equal(t, []int{0, 0, 1, 2558}, []int{r.Errors, r.New, r.Changed, r.Unchanged}, "as Chinese Excel writes it")
	u, err := d.Unit(ctx, wanghe)
	require.NoError(t, err)
	require.Equal(t, "王河新村村民委员会", u.Name)
	require.Equal(t, directory.Community, u.Level)
}

func TestImportErrors(t *testing.T) {
	top := "code,name,level,parent,grid_type\n37,山东省,province,,\n3701,济南市,city,37,\n370115,济阳区,county,3701,\n370115003,崔寨街道,street,370115,\n370115003239,王河村,community,370115003,\n"
	for _, c := range []struct {
		name, file string
		line       int
		column     string
		key        messages.Key
		says       string // part of the sentence in zh or en
	}{
		{"nothing", "", 0, "", messages.FileEmpty, "code,name,level,parent"},
		{"nothing to see", "\xef\xbb\xbf \r\n\n", 0, "", messages.FileEmpty, "文件是空的"},
		{"only a header", "code,name,level,parent\n", 0, "", messages.FileNoLines, "表头"},
		{"not text", "code,name\x00\xff\xfe,level\n", 0, "", messages.FileBinary, "not a text file"},
		{"a spreadsheet's own format", "PK\x03\x04\x14\x00\x06\x00\x08\x00", 0, "", messages.FileBinary, "表格软件"},
		{"another encoding", "code,name\xff,level\n", 0, "", messages.FileEncoding, "GB18030"},
		{"UTF-16", "\xff\xfec\x00o\x00d\x00e\x00", 0, "", messages.FileEncoding, "CSV UTF-8"},
		{"semicolons", "code;name;level;parent\n", 1, "", messages.FileSeparator, "逗号"},
		{"no header", "37,山东省,province,\n370115,济阳区,county,37\n", 1, "", messages.FileHeader, "code,name,level,parent"},
		{"unknown column", "code,name,level,parent,colour\n37,山东省,province,,red\n", 1, "colour", messages.ColumnUnknown, "colour"},
		{"column twice", "code,name,level,parent,Name\n", 1, "Name", messages.ColumnTwice, "Name"},
		{"missing column", "code,name,level\n", 1, "parent", messages.ColumnMissing, "parent"},
		{"open quote", top + "370115003240,\"甲,community,370115003,\n", 7, "", messages.FileOpenQuote, "引号"},
		{"quote in the middle", top + "370115003240,甲\"乙\",community,370115003,\n", 7, "", messages.FileQuote, "写两遍"},
		{"text after a quote", top + "370115003240,\"甲\"乙,community,370115003,\n", 7, "", messages.FileOpenQuote, "in pairs"},
		{"too few cells", top + "370115003240,甲\n", 7, "", messages.CellsMissing, "2 格"},
		{"too many cells", top + "370115003240,甲,community,370115003,,x\n", 7, "", messages.CellsExtra, "6 格"},
		{"unknown level", top + "370115003240,甲,村,370115003,\n", 7, "level", messages.LevelUnknown, "province（省）、city（市）"},
		{"empty code", top + ",甲,community,370115003,\n", 7, "code", messages.CodeShape, "12 位"},
		{"short code", top + "37011500324,甲,community,370115003,\n", 7, "code", messages.CodeShape, "37011500324"},
		{"letters", top + "37011500324O,甲,community,370115003,\n", 7, "code", messages.CodeShape, "12 digits"},
		{"full-width digits", top + "３７０１１５００３２４０,甲,community,370115003,\n", 7, "code", messages.CodeShape, "12"},
		{"scientific", top + "3.70115E+11,甲,community,370115003,\n", 7, "code", messages.CodeScientific, "3.70115E+11"},
		{"duplicate", top + "370115003239,乙,community,370115003,\n", 7, "code", messages.CodeTwice, "第 6 行"},
		{"no name", top + "370115003240, ,community,370115003,\n", 7, "name", messages.NameEmpty, "370115003240"},
		{"control character", top + "370115003240,甲\x07,community,370115003,\n", 7, "name", messages.NameBad, "100"},
		{"long name", top + "370115003240," + strings.Repeat("长", 101) + ",community,370115003,\n", 7, "name", messages.NameBad, "…"},
		{"no parent", top + "370115003240,甲,community,,\n", 7, "parent", messages.ParentEmpty, "街道"},
		{"unknown parent", top + "370115003240,甲,community,370115009,\n", 7, "parent", messages.ParentMissing, "370115009"},
		{"parent of wrong level", top + "370115003240,甲,community,370115,\n", 7, "parent", messages.ParentLevel, "区县"},
		{"grid below a street", top + "370115003000001,甲,grid,370115003,\n", 7, "parent", messages.ParentLevel, "社区"},
		{"own parent", top + "370115003240,甲,community,370115003240,\n", 7, "parent", messages.ParentLevel, "370115003240"},
		{"grid of another community's code", top + "370115003999001,甲,grid,370115003239,\n", 7, "code", messages.GridPrefix, "370115003239"},
		{"province with a parent", top + "38,甲,province,37,\n", 7, "parent", messages.ParentNotEmpty, "37"},
		{"unknown grid type", top + "370115003239001,甲,grid,370115003239,huge\n", 7, "grid_type", messages.GridType, "base (base grid), dedicated (dedicated grid)"},
		{"grid type on a community", top + "370115003240,甲,community,370115003,base\n", 7, "grid_type", messages.GridTypeOnUnit, "base"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _, db := open(t)
			r, err := d.ImportOrg(ctx, strings.NewReader(c.file), false)
			require.NoError(t, err)
			require.Equal(t, 1, r.Errors, r.Findings)
			f := r.Findings[0]
			require.Equal(t, c.key, f.Text.Key)
			require.Equal(t, []any{c.line, c.column}, []any{f.Line, f.Column})
			require.Contains(t, f.Text.In(messages.ZH)+f.Text.In(messages.EN), c.says)
			require.NotContains(t, f.Text.In(messages.ZH)+f.Text.In(messages.EN), "%!")
			require.NotRegexp(t, `\[[a-z]|[a-z]{4,} [a-z]{3,}`, strings.NewReplacer("CSV UTF-8", "").Replace(f.Text.In(messages.ZH)), "no Go slices, and no English in Chinese")
			require.Empty(t, dump(t, db, "org_unit"), "never a partial import")
			dry, err := d.ImportOrg(ctx, strings.NewReader(c.file), true)
			require.NoError(t, err)
			require.Equal(t, r.Findings, dry.Findings, "a dry run finds the same")
		})
	}
}

func TestImportFindsAllErrorsAtOnce(t *testing.T) {
	d, _, db := open(t)
	var b strings.Builder
	b.WriteString("code,name,level,parent\n37,山东省,province,\n\n,,,\n")
	for i := range 300 {
		fmt.Fprintf(&b, "%04d,,city,99\n", 3700+i) // no name, no parent
	}
	r, err := d.ImportOrg(ctx, strings.NewReader(b.String()), false)
	require.NoError(t, err)
	require.Equal(t, 600, r.Errors)
	require.Len(t, r.Findings, 200)
	require.True(t, slices.IsSortedFunc(r.Findings, func(a, b directory.Finding) int { return a.Line - b.Line }), "in order of lines")
	require.Equal(t, []int{5, 5, 104}, []int{r.Findings[0].Line, r.Findings[1].Line, r.Findings[199].Line}, "blank lines count as lines, not as rows")
	require.Equal(t, 301, r.Rows)
	require.Empty(t, dump(t, db, "org_unit"))
}

func TestImportKeepsEndedCodes(t *testing.T) {
	d, _, db := withDivisions(t)
	_, err := db.Reader().Exec(`UPDATE org_unit SET valid_to = 1 WHERE code = ?`, wanghe+"002")
	require.NoError(t, err)
	line := "code,name,level,parent\n" + wanghe + "002,新网格,grid," + wanghe + "\n"
	r, err := d.ImportOrg(ctx, strings.NewReader(line), false)
	require.NoError(t, err)
	require.Equal(t, messages.CodeEnded, r.Findings[0].Text.Key)

	r, err = d.ImportOrg(ctx, strings.NewReader("级别,编码,上级,名称\nGrid,"+wanghe+"003,"+wanghe+",三网格\nstreet,370115700,370115,开发区\n"), false)
	require.NoError(t, err)
	require.Zero(t, r.Errors, "Chinese headings, other order, parents imported before")
	require.Len(t, r.Hints, 1)
	require.Equal(t, messages.StreetRange, r.Hints[0].Text.Key)
}

func TestTree(t *testing.T) {
	d, _, _ := withDivisions(t)
	chain, err := d.Chain(ctx, wanghe+"001")
	require.NoError(t, err)
	var codes []string
	for _, u := range chain {
		codes = append(codes, u.Code)
	}
	require.Equal(t, []string{wanghe + "001", wanghe, "370115003", "370115", "3701", "37"}, codes)
	below, err := d.Below(ctx, wanghe)
	require.NoError(t, err)
	require.Equal(t, []string{wanghe, wanghe + "001", wanghe + "002"}, below)
	units, err := d.Units(ctx, directory.UnitFilter{Level: directory.Street, Parent: "370115", Limit: 3, After: "370115001"})
	require.NoError(t, err)
	require.Len(t, units, 3)
	_, err = d.Units(ctx, directory.UnitFilter{Level: "village"})
	require.True(t, messages.Is(err, messages.BadLevel))
	_, err = d.Unit(ctx, "99")
	require.True(t, messages.Is(err, messages.NoUnit))
}

func TestStaffing(t *testing.T) {
	d, _, _ := withDivisions(t)
	count := func(n1, n2 int) directory.Households {
		return func(context.Context) (map[string]int, error) {
			return map[string]int{wanghe + "001": n1, wanghe + "002": n2}, nil
		}
	}
	for _, c := range []struct {
		n  int
		ok bool
	}{{0, false}, {250, false}, {299, false}, {300, true}, {500, true}, {501, false}} {
		list, err := d.Staffing(ctx, "370115003", count(c.n, 400))
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, c.ok, list[0].OK, "%d households", c.n)
		require.True(t, list[1].OK)
		if !c.ok {
			require.Contains(t, list[0].Text.In(messages.EN), fmt.Sprint(c.n, " households"))
		}
	}
	list, err := d.Staffing(ctx, "370115001", count(1, 1))
	require.NoError(t, err)
	require.Empty(t, list, "another street")
}

func TestAccountsAndAssignments(t *testing.T) {
	d, c, _ := withDivisions(t)
	a, err := d.CreateAccount(ctx, " Wang.Li ", "王丽", "")
	require.NoError(t, err)
	require.Equal(t, "wang.li", a.Login)
	require.True(t, directory.ValidUUID(a.ID), a.ID)
	for _, bad := range []struct {
		login, name string
		key         messages.Key
	}{
		{"wang.li", "x", messages.LoginTaken}, {"w", "x", messages.LoginShape}, {"a b", "x", messages.LoginShape}, {"ok", "", messages.BadText},
		{"ok", "a\nb", messages.BadText}, {"ok", strings.Repeat("长", 101), messages.BadText}, {"ok", "\u202egro.exe", messages.BadText}, {"ok", "\xff", messages.BadText},
	} {
		_, err := d.CreateAccount(ctx, bad.login, bad.name, "")
		require.True(t, messages.Is(err, bad.key), "%+v: %v", bad, err)
	}

	door := "0190163d-8694-739b-aea5-966c26f8ad90"
	for _, bad := range []struct {
		a   directory.Assignment
		key messages.Key
	}{
		{directory.Assignment{Account: "nobody", Role: "steward", Scope: wanghe}, messages.NoAccount},
		{directory.Assignment{Account: a.ID, Role: "king", Scope: wanghe}, messages.NoRole},
		{directory.Assignment{Account: a.ID, Role: "steward"}, messages.ScopeMissing},
		{directory.Assignment{Account: a.ID, Role: "steward", Scope: "123"}, messages.NoUnit},
		{directory.Assignment{Account: a.ID, Role: "steward", Scope: "3701"}, messages.ScopeAbove},
		{directory.Assignment{Account: a.ID, Role: "admin", Scope: "370115"}, messages.AdminScope},
		{directory.Assignment{Account: a.ID, Role: "supervisor", Scope: wanghe, Doors: []string{door}}, messages.RoleNoDoors},
		{directory.Assignment{Account: a.ID, Role: "steward", Scope: wanghe, Doors: []string{"1-2-301"}}, messages.BadDoor},
		{directory.Assignment{Account: a.ID, Role: "steward", Scope: wanghe, Doors: make([]string, 1001)}, messages.TooManyDoors},
		{directory.Assignment{Account: a.ID, Role: "steward", Scope: wanghe, From: 5, To: 5}, messages.SpanInverted},
	} {
		_, err := d.Assign(ctx, bad.a)
		require.True(t, messages.Is(err, bad.key), "%+v: %v", bad.a, err)
		require.NotContains(t, messages.Of(err).In(messages.EN), "%!")
	}

	s, err := d.Assign(ctx, directory.Assignment{Account: a.ID, Role: "steward", Scope: wanghe + "001", Doors: []string{door, door}})
	require.NoError(t, err)
	require.Equal(t, []string{door}, s.Doors)
	_, err = d.Assign(ctx, directory.Assignment{Account: a.ID, Role: "supervisor", Scope: wanghe})
	require.NoError(t, err)
	_, err = d.Assign(ctx, directory.Assignment{Account: a.ID, Role: "supervisor", Scope: wanghe})
	require.True(t, messages.Is(err, messages.AssignedBefore))

	r, err := d.Rights(ctx, a.ID)
	require.NoError(t, err)
	require.Equal(t, []any{false, true, 2}, []any{r.Admin, r.Console, len(r.Assignments)})
	scopes, err := d.ConsoleScopes(ctx, r)
	require.NoError(t, err)
	require.Equal(t, []string{wanghe, wanghe + "001", wanghe + "002"}, scopes)
	at, err := d.At(ctx, r, wanghe+"002")
	require.NoError(t, err)
	require.Len(t, at, 1, "the steward's grid is another one")
	require.True(t, d.ConsoleAt(at))

	c.Advance(time.Hour)
	_, err = d.EndAssignment(ctx, s.ID)
	require.NoError(t, err)
	_, err = d.EndAssignment(ctx, s.ID)
	require.True(t, messages.Is(err, messages.AssignmentOver))
	_, err = d.EndAssignment(ctx, "none")
	require.True(t, messages.Is(err, messages.NoAssignment))
	r, err = d.Rights(ctx, a.ID)
	require.NoError(t, err)
	require.Len(t, r.Assignments, 1, "an ended assignment gives nothing")
	require.NoError(t, d.DisableAccount(ctx, a.ID))
	_, err = d.Rights(ctx, a.ID)
	require.True(t, messages.Is(err, messages.AccountOff))
}

func TestLastAdminStays(t *testing.T) {
	d, c, _ := open(t)
	yes := func(*sql.Tx) error { return nil }
	no := func(*sql.Tx) error { return messages.Refuse(messages.BootstrapWrong) }
	_, err := d.CreateFirstAdmin(ctx, "root", "管理员", "hash", no)
	require.True(t, messages.Is(err, messages.BootstrapWrong))
	has, err := d.HasAdmin(ctx)
	require.NoError(t, err)
	require.False(t, has)
	first, err := d.CreateFirstAdmin(ctx, "root", "管理员", "hash", yes)
	require.NoError(t, err)
	_, err = d.CreateFirstAdmin(ctx, "root2", "管理员", "hash", yes)
	require.True(t, messages.Is(err, messages.BootstrapDone))
	mine, err := d.Assignments(ctx, first.ID)
	require.NoError(t, err)
	require.True(t, messages.Is(d.DisableAccount(ctx, first.ID), messages.LastAdmin))
	_, err = d.EndAssignment(ctx, mine[0].ID)
	require.True(t, messages.Is(err, messages.LastAdmin))

	second, err := d.CreateAccount(ctx, "second", "副管理员", "")
	require.NoError(t, err)
	_, err = d.Assign(ctx, directory.Assignment{Account: second.ID, Role: "admin"})
	require.NoError(t, err)
	c.Advance(time.Minute)
	_, err = d.EndAssignment(ctx, mine[0].ID)
	require.NoError(t, err, "there is another one now")
	require.True(t, messages.Is(d.DisableAccount(ctx, second.ID), messages.LastAdmin))
}

func TestEnrolmentCodeIsUsedOnce(t *testing.T) {
	d, c, _ := withDivisions(t)
	a, err := d.CreateAccount(ctx, "wang", "王丽", "")
	require.NoError(t, err)
	hash := sha256.Sum256([]byte("code"))
	_, err = d.PutCode(ctx, hash[:], a.ID, "", 15*time.Minute)
	require.NoError(t, err)

	var wg sync.WaitGroup
	won := make(chan directory.Device, 50)
	for i := range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			v, err := d.Enrol(ctx, hash[:], bytes.Repeat([]byte{byte(i)}, 32), "phone", "test")
			if err == nil {
				won <- v
			} else if !messages.Is(err, messages.CodeWrong) {
				t.Errorf("unexpected: %v", err)
			}
		}()
	}
	wg.Wait()
	close(won)
	require.Len(t, won, 1)
	winner := <-won
	require.Equal(t, a.ID, winner.Account)
	devices, err := d.Devices(ctx, a.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, devices, 1, "losers leave no device")

	late := sha256.Sum256([]byte("late"))
	_, err = d.PutCode(ctx, late[:], a.ID, "", 15*time.Minute)
	require.NoError(t, err)
	c.Advance(15 * time.Minute)
	_, err = d.Enrol(ctx, late[:], make([]byte, 32), "phone", "")
	require.True(t, messages.Is(err, messages.CodeWrong), "expired")

	_, err = d.RevokeDevice(ctx, winner.ID)
	require.NoError(t, err)
	_, err = d.RevokeDevice(ctx, winner.ID)
	require.True(t, messages.Is(err, messages.DeviceOver))
	_, err = d.RevokeDevice(ctx, "none")
	require.True(t, messages.Is(err, messages.NoDevice))
}

func TestConsoleDeviceIsMadeOnce(t *testing.T) {
	d, _, _ := withDivisions(t)
	a, err := d.CreateAccount(ctx, "wang", "王丽", "")
	require.NoError(t, err)
	ids := make([]string, 20)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Add(1)
		go func() {
			defer wg.Done()
			v, err := d.ConsoleDevice(ctx, a.ID)
			if err != nil || !v.Console {
				t.Errorf("console device: %v", err)
			}
			ids[i] = v.ID
		}()
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.NoError(t, d.Contact(ctx, ids[0], -120, "doorstep/1", 3))
	v, err := d.Device(ctx, ids[0])
	require.NoError(t, err)
	require.Equal(t, []any{int64(-120), "doorstep/1", 3}, []any{v.Offset, v.App, v.Schema})
}

func TestImportAccounts(t *testing.T) {
	d, _, db := withDivisions(t)
	file := "login,name,role,scope\nwang,王丽,grid_worker," + wanghe + "001\nwang,王丽,grid_worker," + wanghe + "002\nli,李强,supervisor," + wanghe + "\n"
	r, err := d.ImportAccounts(ctx, strings.NewReader(file), "", true)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2, 1}, []int{r.Errors, r.New, r.Changed}, r.Findings)
	require.Empty(t, dump(t, db, "account"))
	_, err = d.ImportAccounts(ctx, strings.NewReader(file), "", false)
	require.NoError(t, err)
	before := dump(t, db, "account") + dump(t, db, "assignment")
	r, err = d.ImportAccounts(ctx, strings.NewReader(file), "", false)
	require.NoError(t, err)
	require.Equal(t, []int{0, 0, 0, 3}, []int{r.Errors, r.New, r.Changed, r.Unchanged})
	require.Equal(t, before, dump(t, db, "account")+dump(t, db, "assignment"))

	bad := "login,name,role,scope\nzhao,赵,grid_worker," + wanghe + "001\nzhao,赵四,grid_worker," + wanghe + "002\n!,x,grid_worker,1\nsun,孙,king," + wanghe + "\nqian,,supervisor," + wanghe + "\nzhou,周,supervisor,9\n"
	r, err = d.ImportAccounts(ctx, strings.NewReader(bad), "", false)
	require.NoError(t, err)
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprint(f.Line, " ", f.Column, " ", f.Text.Key))
	}
	require.Equal(t, []string{"3 login account_login_twice", "4 login login_shape", "5 role role_unknown", "6 name text_invalid", "7 scope unit_not_found"}, got)
	require.Equal(t, before, dump(t, db, "account")+dump(t, db, "assignment"), "never a partial import")
}
