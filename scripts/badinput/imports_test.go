package badinput

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// file is one that an administrator imports, with one thing wrong.
type file struct {
	class, name, path string
	text              string
	line              int
	column            string
	key               messages.Key
}

const (
	orgPath    = "/v1/org/import"
	peoplePath = "/v1/accounts/import"
	orgHead    = "code,name,level,parent,grid_type\n"
	peopleHead = "login,name,role,scope\n"
)

// odd texts that no spreadsheet should make a cell of, and people do.
func odd(n int) []string {
	return []string{"x", "三七", "37O115003239009", "３７０１１５", "-1", "3.7E+14", "0x37", strings.Repeat("9", n+1), strings.Repeat("9", max(1, n-1)), "=1+1", "<b>37</b>", "'37'", "37 01", "null", "NaN"}
}

func files() (out []file) {
	org := func(class, name, text string, line int, column string, key messages.Key) {
		out = append(out, file{class, name, orgPath, text, line, column, key})
	}
	people := func(class, name, text string, line int, column string, key messages.Key) {
		out = append(out, file{class, name, peoplePath, text, line, column, key})
	}
	good, person := "370115003239009,好网格,grid,"+community+",base\n", "zhao,赵,grid_worker,"+grid1+"\n"
	for _, f := range []struct {
		path, head, line string
		columns          []string
		say              func(class, name, text string, line int, column string, key messages.Key)
	}{{orgPath, orgHead, good, []string{"code", "name", "level", "parent"}, org}, {peoplePath, peopleHead, person, []string{"login", "name", "role", "scope"}, people}} {
		kind := map[string]string{orgPath: "units", peoplePath: "people"}[f.path]
		const form = "a file that cannot be read"
		f.say(form, kind+", empty", " ", 0, "", messages.FileEmpty)
		f.say(form, kind+", only a header", f.head, 0, "", messages.FileNoLines)
		f.say(form, kind+", a spreadsheet", "PK\x03\x04\x14\x00", 0, "", messages.FileBinary)
		f.say(form, kind+", NUL", f.head+"\x00\n", 0, "", messages.FileBinary)
		f.say(form, kind+", UTF-16", "\xff\xfec\x00o\x00", 0, "", messages.FileEncoding)
		f.say(form, kind+", broken bytes", f.head+"\xff\xff\xff\n", 0, "", messages.FileEncoding)
		for _, sep := range []string{";", "\t", "|", "；", "，"} {
			f.say(form, kind+fmt.Sprintf(", separated by %q", sep), strings.ReplaceAll(f.head+f.line, ",", sep), 1, "", messages.FileSeparator)
		}
		f.say(form, kind+", no header", f.line, 1, "", messages.FileHeader)
		f.say(form, kind+", an open quote", f.head+`"`+f.line, 2, "", messages.FileOpenQuote)
		f.say(form, kind+", a quote inside", f.head+`a"b`+f.line, 2, "", messages.FileQuote)
		for _, column := range f.columns {
			f.say("a header that is wrong", kind+", without "+column, strings.Replace(f.head, column, "unknown", 1)+f.line, 1, "unknown", messages.ColumnUnknown)
			f.say("a header that is wrong", kind+", "+column+" twice", strings.Replace(f.head, column, column+","+column, 1)+f.line, 1, column, messages.ColumnTwice)
			f.say("a header that is wrong", kind+", missing "+column, strings.Replace(strings.Replace(f.head, column+",", "", 1), ","+column+"\n", "\n", 1)+f.line, 1, column, messages.ColumnMissing)
		}
		for n := 1; n < 4; n++ {
			f.say("a line of another length", kind+fmt.Sprint(", short by ", n), f.head+strings.Join(strings.Split(strings.TrimSpace(f.line), ",")[:4-n], ",")+"\n", 2, "", messages.CellsMissing)
			f.say("a line of another length", kind+fmt.Sprint(", long by ", n), f.head+strings.TrimSpace(f.line)+strings.Repeat(",x", n)+"\n", 2, "", messages.CellsExtra)
		}
	}
	unit := func(class, name, code, title, level, parent, grid, column string, key messages.Key) {
		org(class, name, orgHead+good+strings.Join([]string{code, title, level, parent, grid}, ",")+"\n", 3, column, key)
	}
	for _, x := range []struct {
		level, code, parent string
	}{{"grid", "370115003239008", community}, {"community", "370115003240", street}, {"street", "370115004", "370115"}} {
		for _, s := range odd(len(x.code)) {
			key := messages.CodeShape
			if s == "3.7E+14" {
				key = messages.CodeScientific
			}
			unit("a unit whose code is none", x.level+" "+s, s, "名", x.level, x.parent, "", "code", key)
		}
		unit("a unit without a name", x.level, x.code, "", x.level, x.parent, "", "name", messages.NameEmpty)
		for i, s := range []string{strings.Repeat("长", 101), "a\x07b", "a\u202eb"[:1] + "\x1b[31m"} {
			unit("a unit whose name cannot be", fmt.Sprint(x.level, " ", i), x.code, s, x.level, x.parent, "", "name", messages.NameBad)
		}
		for _, s := range []string{"village", "网格", "0", "", "GRID1", "省"} {
			unit("a unit of an unknown level", x.level+" "+s, x.code, "名", s, x.parent, "", "level", messages.LevelUnknown)
		}
		unit("a unit whose parent is not there", x.level, x.code, "名", x.level, strings.Repeat("8", len(x.parent)), "", "parent", messages.ParentMissing)
		unit("a unit whose parent is not there", x.level+", itself", x.code, "名", x.level, "x", "", "parent", messages.ParentMissing)
		for _, parent := range []string{"37", "3701", grid1} {
			unit("a unit under one of another level", x.level+" under "+parent, x.code, "名", x.level, parent, "", "parent", messages.ParentLevel)
		}
		unit("a unit that is there twice", x.level, "370115003239009", "名", x.level, x.parent, "", "code", messages.CodeTwice)
	}
	for _, level := range []string{"community", "street", "county"} {
		unit("a grid type that cannot be", level, map[string]string{"community": "370115003240", "street": "370115004", "county": "370116"}[level], "名", level, map[string]string{"community": street, "street": "370115", "county": "3701"}[level], "base", "grid_type", messages.GridTypeOnUnit)
	}
	for _, s := range []string{"big", "基础", "0", "base grid", "-"} {
		unit("a grid type that cannot be", s, "370115003239008", "名", "grid", community, s, "grid_type", messages.GridType)
	}
	unit("a unit without its parent", "grid", "370115003239008", "名", "grid", "", "", "parent", messages.ParentEmpty)
	unit("a unit without its parent", "community", "370115003240", "名", "community", "", "", "parent", messages.ParentEmpty)
	unit("a unit without its parent", "a province with one", "38", "名", "province", "37", "", "parent", messages.ParentNotEmpty)
	unit("a grid of another community", "grid", "370115003201008", "名", "grid", community, "", "code", messages.GridPrefix)

	someone := func(class, name, login, title, role, scope, column string, key messages.Key) {
		people(class, name, peopleHead+person+strings.Join([]string{login, title, role, scope}, ",")+"\n", 3, column, key)
	}
	for _, s := range []string{"", "a b", "../x", "a'b", "-x", strings.Repeat("a", 65), "<b>", "a/b", "=a"} {
		someone("a login that cannot be", fmt.Sprintf("%.12q", s), s, "名", "grid_worker", grid1, "login", messages.LoginShape)
	}
	for _, s := range []string{"", "king", "网格员", "GRID_WORKER", "grid worker", "root"} {
		someone("a role that there is not", fmt.Sprintf("%q", s), "qian", "名", s, grid1, "role", messages.NoRole)
	}
	for _, s := range []string{"x", "999999999999999", "3701150032390010", "一网格", "grid1"} {
		someone("a scope that there is not", s, "qian", "名", "grid_worker", s, "scope", messages.NoUnit)
	}
	someone("a scope that cannot be", "none", "qian", "名", "grid_worker", "", "scope", messages.ScopeMissing)
	someone("a scope that cannot be", "a province", "qian", "名", "supervisor", "37", "scope", messages.ScopeAbove)
	someone("a scope that cannot be", "a city", "qian", "名", "supervisor", "3701", "scope", messages.ScopeAbove)
	someone("a scope that cannot be", "an administrator's", "qian", "名", "admin", grid1, "scope", messages.AdminScope)
	someone("one login with two names", "in one file", "zhao", "钱", "grid_worker", grid2, "login", messages.LoginTwice)
	return out
}

// filesRun imports every file, without a socket and through one.
func (w *twins) filesRun(t *testing.T, c *corpus) {
	list := files()
	done := map[string]bool{}
	for _, first := range list {
		if done[first.class] {
			continue
		}
		done[first.class] = true
		t.Run(first.class, func(t *testing.T) {
			defer w.on(t)()
			before := w.digest()
			n := 0
			for i := range list {
				if x := &list[i]; x.class == first.class && n < most {
					n++
					t.Run(x.name, func(t *testing.T) { w.file(t, x) })
					c.note(x.class, "file", fmt.Sprintf("422 `%s`", x.key))
				}
			}
			require.Equal(t, before, w.digest(), "nothing of a file that is wrong is imported")
		})
	}
}

func (w *twins) file(t *testing.T, x *file) {
	t.Helper()
	var alone directory.Report
	var err error
	if x.path == orgPath {
		alone, err = w.dir.ImportOrg(ctx, strings.NewReader(x.text), false)
	} else {
		alone, err = w.dir.ImportAccounts(ctx, strings.NewReader(x.text), w.accounts["admin"], false)
	}
	require.NoError(t, err)
	require.Positive(t, alone.Errors)
	for _, lang := range []string{"zh-CN", "en"} {
		r, err := http.NewRequest(http.MethodPost, w.server.URL+x.path, strings.NewReader(x.text))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "text/csv")
		r.Header.Set("Accept-Language", lang)
		r.Header.Set("Authorization", "Bearer "+w.tokens["admin"])
		began := time.Now()
		resp, err := w.server.Client().Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		w.timed(x.class+": "+x.name, began)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, "%s", text)
		var report struct {
			Errors   int
			Findings []struct {
				Line                        int
				Column, Value, Key, Message string
			}
		}
		require.NoError(t, json.Unmarshal(text, &report))
		require.Equal(t, alone.Errors, report.Errors)
		found := false
		for i, f := range report.Findings {
			require.Equal(t, alone.Findings[i].Text.In(lang), f.Message, "through the socket and alone")
			if f.Line != x.line || f.Column != x.column {
				continue
			}
			found = found || strings.Contains(string(text), string(x.key))
			if lang == "zh-CN" {
				require.Regexp(t, `\p{Han}.*。$`, f.Message)
			} else {
				require.Regexp(t, `\.$`, f.Message)
			}
		}
		require.True(t, found, "line %d, column %q, %s: %s", x.line, x.column, x.key, text)
	}
}
