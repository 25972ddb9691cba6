package cli_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write what the commands print into the scripts; review the diff")

var (
	uuidForm = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	ownID    = regexp.MustCompile(`"id": "([0-9a-f-]{36})"`)
	codeForm = regexp.MustCompile(`[0-9A-Z]{5}-[0-9A-Z]{5}`)
	idStart  = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{1,4}){0,4}\b`)
	instant  = regexp.MustCompile(`(T[0-9]{2}:[0-9]{2}):[0-9]{2}(\.[0-9]+)?Z`)
	gaps     = regexp.MustCompile(`(\S) {3,}`)
	varForm  = regexp.MustCompile(`\$\{?([A-Z]+[0-9]*)(?::([0-9]+)\})?\}?`)
	counts   = regexp.MustCompile(`("bytes_in"|"bytes_out"|"took_ms"|"retry_ms"): ?[0-9]+`)
)

// TestScripts runs testdata/*.txt. A script is commands, each with what it printed, ended by an empty line:
//
//	$ wang list household      wang's command; "sqlite3 wang SQL" is Debian's shell on wang's replica
//	$ H = wang --json new …    the same, and the first id or code printed is called H from here on: $H, ${H:13} its start
//	< a line of standard input
//	what it printed
//	2> what it printed to standard error
//	[exit 2]                   unless 0
//	@ clock +2h                moves all clocks; "@ skew li +8760h" one device's; "@ down", "@ up" the centre
//
// Every script starts in the county of settle. Ids that have a name are printed as <H>, others as <id>.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			s := &script{world: settle(t), t: t, vars: map[string]string{}}
			got := s.play(string(text))
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(text), got)
		})
	}
}

type script struct {
	*world
	t    testing.TB
	vars map[string]string
}

// play runs a script and gives it with what was really printed.
func (s *script) play(text string) string {
	s.vars["URL"], s.vars["DIR"], s.vars["GRID"] = s.url, s.dir, grid
	var out strings.Builder
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "@ "):
			s.direct(strings.Fields(line)[1:])
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "$ "):
			fmt.Fprintln(&out, line)
			var stdin strings.Builder
			for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "< ") {
				i++
				fmt.Fprintln(&out, lines[i])
				fmt.Fprintln(&stdin, s.fill(lines[i][2:]))
			}
			for i+1 < len(lines) && lines[i+1] != "" {
				i++
			}
			out.WriteString(s.command(line[2:], stdin.String()))
		default:
			out.WriteString(line)
			if i < len(lines)-1 {
				out.WriteByte('\n')
			}
		}
	}
	return out.String()
}

func (s *script) direct(words []string) {
	d := func(text string) time.Duration {
		x, err := time.ParseDuration(text)
		require.NoError(s.t, err)
		return x
	}
	switch words[0] {
	case "clock":
		s.advance(d(words[1]))
	case "skew":
		s.machine(words[1]).skew = d(words[2])
	case "copy": // one machine's files to another
		from, to := s.machine(words[1]).file(), s.machine(words[2]).file()
		list, err := filepath.Glob(from + "*")
		require.NoError(s.t, err)
		for _, f := range list {
			text, err := os.ReadFile(f)
			require.NoError(s.t, err)
			require.NoError(s.t, os.WriteFile(to+strings.TrimPrefix(f, from), text, 0o600))
		}
	case "down":
		s.down.Store(true)
	case "up":
		s.down.Store(false)
	default:
		s.t.Fatalf("no directive %q", words[0])
	}
}

// command runs one command and gives what it printed in the script's form.
func (s *script) command(line, stdin string) string {
	name, rest, named := strings.Cut(line, " = ")
	if !named || !regexp.MustCompile(`^[A-Z]+[0-9]*$`).MatchString(name) {
		name, rest = "", line
	}
	words := split(s.t, s.fill(rest))
	var out, errs bytes.Buffer
	code := 0
	if words[0] == "sqlite3" {
		cmd := exec.Command("sqlite3", append([]string{"-batch", s.machine(words[1]).file()}, words[2:]...)...)
		cmd.Stdout, cmd.Stderr, cmd.Stdin = &out, &errs, strings.NewReader(stdin)
		if err := cmd.Run(); err != nil {
			code = cmd.ProcessState.ExitCode()
		}
	} else {
		ctx := context.Background()
		m := s.machine(words[0])
		code = m.run(ctx, strings.NewReader(stdin), &out, &errs, nil, words[1:]...)
	}
	if name != "" {
		s.vars[name] = uuidForm.FindString(out.String())
		if m := ownID.FindStringSubmatch(out.String()); m != nil {
			s.vars[name] = m[1]
		}
		if x := codeForm.FindString(out.String()); s.vars[name] == "" {
			s.vars[name] = x
		}
		if s.vars[name] == "" {
			s.vars[name] = strings.TrimSpace(out.String())
		}
	}
	var b strings.Builder
	print := func(prefix, text string) {
		text = strings.TrimSuffix(text, "\n")
		if text == "" {
			return
		}
		for _, l := range strings.Split(s.mask(text), "\n") {
			if l == "" && prefix == "" {
				l = "~"
			}
			fmt.Fprintln(&b, strings.TrimRight(prefix+l, " "))
		}
	}
	print("", out.String())
	print("2> ", errs.String())
	if code != 0 {
		fmt.Fprintf(&b, "[exit %d]\n", code)
	}
	return b.String()
}

// fill puts variables into a line.
func (s *script) fill(line string) string {
	return varForm.ReplaceAllStringFunc(line, func(x string) string {
		m := varForm.FindStringSubmatch(x)
		v, ok := s.vars[m[1]]
		if !ok {
			return x
		}
		var n int
		if _, err := fmt.Sscan(m[2], &n); err == nil && n <= len(v) {
			return v[:n]
		}
		return v
	})
}

// mask puts names where values differ from run to run.
func (s *script) mask(text string) string {
	text = strings.ReplaceAll(text, s.url, "<url>")
	text = strings.ReplaceAll(text, s.dir, "<dir>")
	text = counts.ReplaceAllString(text, "$1: <n>")
	version := strconv.Itoa(s.store.Schema().Version) // of the declarations, which grows
	for _, before := range []string{"中心现用 ", `"schema_now": `} {
		text = strings.ReplaceAll(text, before+version, before+"<declarations>")
	}
	text = strings.ReplaceAll(text, " "+version+"（中心现用）", " <declarations>（中心现用）")
	var names []string
	for n := range s.vars {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if v := s.vars[n]; uuidForm.MatchString(v) || codeForm.MatchString(v) {
			text = strings.ReplaceAll(text, v, "<"+n+">")
		}
	}
	text = uuidForm.ReplaceAllString(text, "<id>")
	text = codeForm.ReplaceAllString(text, "<code>")
	text = idStart.ReplaceAllString(text, "<id…>")
	text = instant.ReplaceAllString(text, "$1:<s>Z")
	if strings.HasPrefix(text, "{") {
		return text
	}
	return gaps.ReplaceAllString(text, "$1  ") // widths follow the ids
}

// split takes a line into words; '…' and "…" hold spaces together.
func split(t testing.TB, line string) []string {
	t.Helper()
	var out []string
	var word strings.Builder
	var quote rune
	in := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ':
			if in || word.Len() > 0 {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
		}
	}
	require.Zero(t, quote, "an open quote in %q", line)
	if in || word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}
