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
	for line, head := range []string{"", "code,name,level,parent\n"} {
		file := strings.NewReader(head + strings.Repeat(",", 4<<20) + "\n")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := d.ImportOrg(ctx, file, true)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Equal(t, 1, r.Errors)
		require.Equal(t, line+1, r.Findings[0].Line)
		require.Equal(t, messages.CellsExtra, r.Findings[0].Text.Key)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
	}
}
