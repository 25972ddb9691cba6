package hlc

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	imports.Check(t, "syncengine/hlc", "time", "server/", "clients/", "database/sql", "net")
}

// TestHistory is one device's life: what its wall clock says, what it hears, and what it must stamp.
func TestHistory(t *testing.T) {
	const full = 1<<16 - 1
	steps := []struct {
		what string
		wall int64     // 0 = only hear
		hear Timestamp // 0 = only stamp
		want Timestamp
	}{
		{"first stamp takes the wall clock", 1000, 0, Make(1000, 0)},
		{"a frozen clock counts", 1000, 0, Make(1000, 1)},
		{"a clock put back counts", 400, 0, Make(1000, 2)},
		{"a clock that runs again leads", 1500, 0, Make(1500, 0)},
		{"hearing the past changes nothing", 0, Make(900, 7), Make(1500, 0)},
		{"hearing an equal millisecond with a greater counter", 0, Make(1500, 9), Make(1500, 9)},
		{"the next stamp is after what was heard", 1500, 0, Make(1500, 10)},
		{"hearing ten years ahead", 0, Make(315_360_000_000, 3), Make(315_360_000_000, 3)},
		{"an edit made after that is stamped after it", 1600, 0, Make(315_360_000_000, 4)},
		{"hearing a full counter", 0, Make(315_360_000_000, full), Make(315_360_000_000, full)},
		{"the counter carries into the milliseconds", 1600, 0, Make(315_360_000_001, 0)},
	}
	var c Clock
	for _, s := range steps {
		if s.hear != 0 {
			c.Hear(s.hear)
		} else {
			c.Now(s.wall)
		}
		require.Equal(t, s.want, c.Last, s.what)
	}
}

func TestEnds(t *testing.T) {
	require.Equal(t, Timestamp(0), Make(-5, 0), "before 1970 is clamped")
	require.Equal(t, int64(maxMillis), Make(1<<62, 1).Millis(), "beyond 48 bits is clamped")
	c := Clock{Last: 1<<64 - 1}
	require.Equal(t, Timestamp(1<<64-1), c.Now(0), "the last stamp of all does not wrap to the first")
	require.Equal(t, "7.3", Make(7, 3).String())
}

// TestAlwaysLater holds for any clock and anything heard: a stamp is greater than all given or heard before it.
func TestAlwaysLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Clock
		var top Timestamp
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "hear") {
				h := Make(rapid.Int64Range(-1e12, 1e14).Draw(t, "ms"), rapid.Uint16().Draw(t, "counter"))
				c.Hear(h)
				top = max(top, h)
				continue
			}
			got := c.Now(rapid.Int64Range(-1e12, 1e14).Draw(t, "wall"))
			require.Greater(t, got, top)
			top = got
		}
	})
}
