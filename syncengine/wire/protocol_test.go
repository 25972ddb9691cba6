package wire_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProtocolNamesItsTests: the rules of protocol.md are numbered without gaps, each names at least one test, and every
// test named is there.
func TestProtocolNamesItsTests(t *testing.T) {
	text, err := os.ReadFile("protocol.md")
	require.NoError(t, err)
	there := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, room := range []string{"schema", "syncengine", "server", "clients", "scripts/fixtures"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			for _, m := range decl.FindAllStringSubmatch(string(code), -1) {
				there[m[1]] = true
			}
			return err
		})
		require.NoError(t, err)
	}
	name := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	for _, n := range name.FindAllString(string(text), -1) {
		require.True(t, there[n], "protocol.md names %s, which is not there", n)
	}
	rules := regexp.MustCompile(`(?s)- \*\*I(\d+)\*\* (.*?)(?:\n- \*\*I|\n#|$)`)
	rest, count := string(text), 0
	for {
		m := rules.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		count++
		require.Equal(t, fmt.Sprint(count), rest[m[2]:m[3]], "rules are numbered one after the other")
		require.Regexp(t, name, rest[m[4]:m[5]], "I%d names no test", count)
		rest = rest[m[5]:]
	}
	require.Greater(t, count, 30)
	require.NotContains(t, string(text), "HASH")
}
