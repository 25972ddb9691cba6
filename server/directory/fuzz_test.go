package directory

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// FuzzOrgCSV reads any bytes as a file of org units. Either something is said to be wrong, in sentences that name a line
// of the file, or every unit that would be written is one that may stand, under a parent of the right level; and the same
// file a second time changes nothing, in whatever encoding it comes.
func FuzzOrgCSV(f *testing.F) {
	for _, s := range csvSeeds(f, "code,name,level,parent,grid_type") {
		f.Add(s)
	}
	list := []Unit{{Code: "370115003239", Name: "王河", Level: Community, Parent: "370115003"}, {Code: "370115003", Name: "街", Level: Street, Parent: "370115"},
		{Code: "370115004", Name: "旧街", Level: Street, Parent: "370115", To: 5}, {Code: "370115", Name: "县", Level: County}}
	f.Fuzz(func(t *testing.T, data []byte) {
		im, records := fuzzImport(t, data, list)
		if im == nil {
			return
		}
		r := im.finish()
		wellSaid(t, data, r.Findings, len(records))
		wellSaid(t, data, r.Hints, len(records))
		if r.Errors > 0 {
			require.True(t, len(r.Findings) > 0 && r.New+r.Changed+r.Unchanged == 0)
			return
		}
		if len(records) == 0 || r.New+r.Changed+r.Unchanged != len(records) || r.New+r.Changed != len(im.write) {
			t.Fatalf("%d lines are %+v", len(records), r)
		}
		after := stand(t, list, im.write)
		again, _ := fuzzImport(t, data, after)
		require.Zero(t, again.bad.count, again.bad.list)
		require.Empty(t, again.write, "a second time it changes nothing")
		if text, err := simplifiedchinese.GB18030.NewEncoder().Bytes(data); err == nil && r.Encoding == "UTF-8" && !utf8.Valid(text) {
			other, _ := fuzzImport(t, text, list)
			require.True(t, other != nil && slices.Equal(im.write, other.write), "in GB18030")
		}
	})
}

// fuzzImport is an import up to the writing; nil for a file that is refused whole.
func fuzzImport(t *testing.T, data []byte, list []Unit) (*orgImport, []record) {
	im := &orgImport{}
	records, readable, err := im.read(data)
	if err != nil {
		require.Equal(t, messages.ImportTooLarge, messages.Of(err).Key, "%v", err)
		return nil, nil
	}
	if !readable {
		require.NotZero(t, im.bad.count)
		return nil, nil
	}
	im.check(records, list, 7)
	return im, records
}

// stand gives the units as they would be afterwards, and wants each to be one that may stand.
func stand(t *testing.T, list, written []Unit) []Unit {
	all := map[string]Unit{}
	for _, u := range append(slices.Clone(list), written...) {
		all[u.Code] = u
	}
	out := make([]Unit, 0, len(all))
	for code, u := range all {
		out = append(out, u)
		l, known := levels[u.Level]
		if !known || !digits(code, l.digits) || !validText(u.Name, maxName) || u.Name == "" || (u.Level == Grid) != (u.GridType != "") {
			t.Fatalf("this unit may not stand: %+v", u)
		}
		if p, ok := all[u.Parent]; u.Parent != "" && (!ok || p.Level != l.above || u.To == 0 && p.To != 0) {
			t.Fatalf("%+v stands under %+v", u, p)
		}
	}
	return out
}

// wellSaid wants findings to be sentences that name a line and do not pour the file back.
func wellSaid(t *testing.T, data []byte, list []Finding, records int) {
	lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
	if len(list) > maxImportErrors {
		t.Fatalf("%d findings are reported", len(list))
	}
	for i := range list {
		x := &list[i]
		zh, en := x.Text.In(messages.ZH), x.Text.In(messages.EN)
		switch {
		case x.Line < 0 || x.Line > lines:
			t.Fatalf("line %d of %d: %s", x.Line, lines, en)
		case zh == "" || en == "" || zh == string(x.Text.Key) || len(en) > 2000 || len(zh) > 2000 || utf8.RuneCountInString(x.Value) > 61:
			t.Fatalf("%d: %q %q %q", x.Line, x.Value, zh, en)
		case strings.Contains(en+zh, "%!") && !strings.Contains(string(data), "%"):
			t.Fatalf("an argument is missing: %s %s", zh, en)
		}
	}
}

func csvSeeds(f *testing.F, header string) (out [][]byte) {
	real, err := os.ReadFile("../../data/divisions.csv")
	require.NoError(f, err)
	lines := strings.SplitAfterN(string(real), "\n", 12)
	some := strings.Join(lines[:11], "")
	gbk, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(some))
	require.NoError(f, err)
	for _, s := range []string{
		some, string(gbk), "\xef\xbb\xbf" + some, "", header, header + "\n", header + "\n\n", "编码,名称,级别,上级\n370115003239001,一,grid,370115003239\n",
		header + "\n370115003239001,一,grid,370115003239,base\n", header + "\r\n\"370115003239001\",\"一\",grid,370115003239,micro\r\n",
		header + "\n3.70115E+11,x,community,370115003,\n", "code;name\n", header + "\n370115003001,x,grid,370115003,\n", header + "\n370115003239001,x,grid,370115003,\n", "\xff\xfe", "a\x00b", header + "\n\"", header + "\n370115004,x,street,370115,\n",
		header + "\n370115003239,新名,community,370115003,\n", "login,name,role,scope\nli,李,grid_worker,370115003239001\n",
	} {
		out = append(out, []byte(s))
	}
	return out
}

// FuzzAccountCSV reads any bytes as a file of people, up to what the database is asked.
func FuzzAccountCSV(f *testing.F) {
	for _, s := range csvSeeds(f, "login,name,role,scope") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, _, err := decode(data)
		if err != nil {
			require.Contains(t, []messages.Key{messages.FileBinary, messages.FileEncoding}, messages.Of(err).Key)
			return
		}
		var bad findings
		records, err := parseCSV(text, accountColumns4, &bad)
		if err != nil {
			return
		}
		wellSaid(t, data, bad.sorted(), len(records))
		last := 0
		for _, r := range records {
			if r.line <= last {
				t.Fatalf("line %d after %d", r.line, last)
			}
			last = r.line
			for name, cell := range r.cells {
				if cell != strings.TrimSpace(cell) || !utf8.ValidString(cell) {
					t.Fatalf("%s is %q", name, cell)
				}
			}
			login, err := CleanLogin(r.cells["login"])
			if again, err2 := CleanLogin(login); err == nil && (err2 != nil || again != login) {
				t.Fatalf("%q has two forms", login)
			}
		}
	})
}
