package spelling

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		d    int
	}{
		{"", "", 0}, {"", "listen", 6}, {"listen", "listen", 0}, {"lisen", "listen", 1}, {"listne", "listen", 2}, {"kitten", "sitting", 3}, {"abc", "xyz", 3},
	} {
		require.Equal(t, c.d, Distance(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.d, Distance(c.b, c.a), "%s %s", c.b, c.a)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"REPLICA", "LANG", "LAND"}
	two := func(string) int { return 2 }
	require.Equal(t, "REPLICA", Nearest("REPILCA", known, two))
	require.Equal(t, "LANG", Nearest("LAN", known, two), "the first of several")
	require.Equal(t, "LAND", Nearest("LAND", known, two))
	require.Empty(t, Nearest("HOME", known, two))
	require.Empty(t, Nearest("LAN", known, func(k string) int { return len(k) - 4 }), "each name has its own bound")
}
