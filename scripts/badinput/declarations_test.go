package badinput

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
)

// mistake is one that somebody makes in a line of a declaration.
type mistake struct {
	class   string
	line    *regexp.Regexp // lines it is made in
	old     *regexp.Regexp // what is replaced; nil: the line's end
	now     string
	folders []string
	open    bool // what is wrong is seen on the next line
}

var columnLine = regexp.MustCompile(`^  [a-z_]+: \{zh: .*type: `)

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

var mistakes = []mistake{
	{class: "a declaration with an unknown key of a column", line: columnLine, old: re(`\}( #.*)?$`), now: ", colour: red}"},
	{class: "a declaration with an unknown type", line: columnLine, old: re(`type: [a-z]+`), now: "type: blob"},
	{class: "a declaration with an unknown policy", line: columnLine, old: re(`type: ([a-z]+)(, policy: [a-z]+)?`), now: "type: $1, policy: newest"},
	{class: "a declaration with an unknown code table", line: re(`type: (code|set), code: `), old: re(`, code: [a-z_]+`), now: ", code: colours"},
	{class: "a declaration with a reference to nothing", line: re(`type: ref, ref: `), old: re(`, ref: [a-z_]+`), now: ", ref: planet"},
	{class: "a declaration with a column without a label", line: columnLine, old: re(`zh: [^,]+, en: [^,]+, `), now: ""},
	{class: "a declaration with a column name that cannot be", line: columnLine, old: re(`^  [a-z_]+:`), now: "  Bad-Name:"},
	{class: "a declaration with a column of the engine's name", line: columnLine, old: re(`^  [a-z_]+:`), now: "  row_seq:"},
	{class: "a declaration with a key twice in a column", line: columnLine, old: re(`type: ([a-z]+)`), now: "type: $1, type: $1"},
	{class: "a declaration with a flag that is neither", line: re(`required: true`), old: re(`required: true`), now: "required: maybe"},
	{class: "a declaration with a length below 1", line: re(`max_len: \d+`), old: re(`max_len: \d+`), now: "max_len: 0"},
	{class: "a declaration with a limit that is no number", line: re(`min: `), old: re(`min: -?\d+`), now: "min: low"},
	{class: "a declaration with limits the wrong way round", line: re(`min: -?\d+, max: \d+`), old: re(`min: -?\d+`), now: "min: 99999999999"},
	{class: "a declaration with a sensitivity that there is not", line: re(`sensitivity: \d`), old: re(`sensitivity: \d`), now: "sensitivity: 9"},
	{class: "a declaration with a check that there is not", line: re(`check: `), old: re(`check: [a-z_]+`), now: "check: email"},
	{class: "a declaration with a view of nobody", line: re(`^  (grid_worker|steward|mediator|supervisor): \{rows`), old: re(`^  [a-z_]+`), now: "  king"},
	{class: "a declaration with rows that there are not", line: re(`: \{rows: `), old: re(`rows: [a-z]+`), now: "rows: some"},
	{class: "a declaration with a view of no column", line: re(`^  [a-z_]+: \{rows: [a-z]+`), old: re(`rows: ([a-z]+)`), now: "rows: $1, hidden: [nose]"},
	{class: "a declaration with rights of nobody", line: re(`^  [a-z_]+: \{(insert|update)`), old: re(`^  [a-z_]+`), now: "  king"},
	{class: "a declaration with a right to no cell", line: re(`^  [a-z_]+: \{.*update: \[`), old: re(`update: \[`), now: "update: [nose, "},
	{class: "a declaration with an unknown level", line: re(`^level: `), old: re(`level: .*`), now: "level: city"},
	{class: "a declaration with a record name that cannot be", line: re(`^name: `), old: re(`name: .*`), now: "name: Thing-1"},
	{class: "a declaration with an unknown key", line: re(`^level: `), old: re(`^`), now: "colour: red\n"},
	{class: "a declaration with a YAML alias", open: true, line: re(`^en: `), old: re(`en: (.*)`), now: "en: &x $1\nlevel: *x"},
	{class: "a declaration that is no YAML", open: true, line: columnLine, old: re(`\}( #.*)?$`), now: ""},
	{class: "a declaration with a tab", line: columnLine, old: re(`^  `), now: "\t"},
	{class: "a declaration with a door that there is not", line: re(`^door: `), old: re(`door: .*`), now: "door: gate"},
	{class: "a declaration with a key that there is not", line: re(`^(natural_key|idempotent): `), old: re(`\[`), now: "[nose, "},
	{class: "a declaration with a code that cannot be", folders: []string{"codes"}, line: re(`^  [a-z_0-9]+: \{zh: `), old: re(`^  [a-z_0-9]+`), now: "  Bad Code"},
	{class: "a declaration with a code without a label", folders: []string{"codes"}, line: re(`^  [a-z_0-9]+: \{zh: `), old: re(`\{zh: .*\}`), now: "{}"},
	{class: "a declaration with an unknown key of a code", folders: []string{"codes"}, line: re(`^  [a-z_0-9]+: \{zh: `), old: re(`\}$`), now: ", colour: red}"},
}

// declared is a file of declarations with one mistake.
type declared struct {
	class, name, path, text string
	line                    int
	open                    bool
}

func declarations(t *testing.T) (out []declared) {
	for from, m := range mistakes {
		folders := m.folders
		if folders == nil {
			folders = []string{"records"}
		}
		var list []declared
		for _, folder := range folders {
			names, err := fs.Glob(schema.Files, folder+"/*.yaml")
			require.NoError(t, err)
			for _, path := range names {
				text, err := schema.Files.ReadFile(path)
				require.NoError(t, err)
				lines := strings.Split(string(text), "\n")
				for i, l := range lines {
					if !m.line.MatchString(l) || !m.old.MatchString(l) {
						continue
					}
					wrong := append([]string(nil), lines...)
					wrong[i] = m.old.ReplaceAllString(l, m.now)
					list = append(list, declared{m.class, fmt.Sprintf("%s:%d", path, i+1), path, strings.Join(wrong, "\n"), i + 1, m.open})
				}
			}
		}
		require.NotEmpty(t, list, m.class)
		out = append(out, spread(list, 20, from)...) // all declarations are read for each
	}
	return out
}

// english is what no Chinese sentence about a fault has in it.
var english = regexp.MustCompile(`\b((has|is|of|names|are|the|in|on|use|write|keep) |an? (role|code|record|column|group))`)

// declarationsRun loads every file on top of the built-in declarations, from memory and from a folder as the centre reads it:
// declarations come through no socket.
func (w *twins) declarationsRun(t *testing.T, c *corpus) {
	dir := t.TempDir()
	list := declarations(t)
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].class == list[0].class {
			n++
		}
		same := list[:n]
		list = list[n:]
		t.Run(same[0].class, func(t *testing.T) {
			for i := range same {
				x := &same[i]
				t.Run(x.name, func(t *testing.T) {
					began := time.Now()
					var err error
					w.costs(x.class+": "+x.name, func() { _, err = load.Load(fstest.MapFS{x.path: {Data: []byte(x.text)}}) })
					w.timed(x.class+": "+x.name, began)
					var faults schema.Faults
					require.True(t, errors.As(err, &faults), "%v", err)
					hit := false
					for _, f := range faults {
						require.NotEmpty(t, f.Do)
						require.Contains(t, f.In("zh-CN"), "；")
						require.NotRegexp(t, english, f.In("zh-CN"), "who works in Chinese is told in Chinese")
						hit = hit || strings.HasSuffix(f.Source.File, x.path) && (f.Source.Line == x.line || x.open && f.Source.Line == x.line+1)
					}
					require.True(t, hit, "nothing about line %d: %v", x.line, err)
					file := filepath.Join(dir, x.path)
					require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
					require.NoError(t, os.WriteFile(file, []byte(x.text), 0o600))
					_, onDisk := load.LoadDir(dir)
					require.NoError(t, os.Remove(file))
					require.Error(t, onDisk)
					require.ElementsMatch(t, strings.Split(err.Error(), "\n"), strings.Split(strings.ReplaceAll(onDisk.Error(), dir+"/", ""), "\n"))
				})
				c.note(x.class, "declaration", "refused by file and line")
			}
		})
	}
}
