package directory_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// A line of millions of cells is refused before it is taken apart, which would take a hundred times its bytes (S7).
func TestLineOfMillionsOfCells(t *testing.T) {
	d, _, _ := open(t)
	for _, x := range []struct {
		name, file string
		line       int
	}{
		{"commas", strings.Repeat(",", 4<<20) + "\n", 1},
		{"under a head", "code,name,level,parent\n" + strings.Repeat(",", 4<<20) + "\n", 2},
		{"over many lines, between quotes", strings.Repeat(strings.Repeat(",", 9_000)+"\"\n\"", 400), 1},
		{"after a line of quotes", "\"code\",\"na\"\"me\",level,parent\n" + strings.Repeat(",", 4<<20), 2},
	} {
		file := strings.NewReader(x.file)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := d.ImportOrg(ctx, file, true)
		runtime.ReadMemStats(&after)
		require.NoError(t, err, x.name)
		require.Equal(t, 1, r.Errors, x.name)
		require.Equal(t, x.line, r.Findings[0].Line, x.name)
		require.Equal(t, messages.CellsExtra, r.Findings[0].Text.Key, x.name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), x.name)
	}
}

// A cell may have as many commas as it likes.
func TestCellOfManyCommas(t *testing.T) {
	d, _, _ := open(t)
	r, err := d.ImportOrg(ctx, strings.NewReader("code,name,level,parent\n110101,\""+strings.Repeat(",", 20_000)+"\",county,\n"), true)
	require.NoError(t, err)
	for _, f := range r.Findings {
		require.NotEqual(t, messages.CellsExtra, f.Text.Key)
	}
}
