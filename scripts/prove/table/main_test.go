package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

func TestTable(t *testing.T) {
	goals := []figures.Goal{{Name: "kills", Least: 10, Anchor: "etcd"}, {Name: "lost", None: true}, {Name: "cuts", Least: 1}, {Name: "ms", Told: true, Most: 5}, {Name: "s", Told: true}, {Name: "files", Most: 3}}
	var b strings.Builder
	missed, err := table(&b, goals, map[string]int{"kills": 12, "lost": 1, "ms": 6, "s": 9, "files": 4}, false)
	require.NoError(t, err)
	require.Equal(t, 3, missed)
	require.Equal(t, `       goal        reached          others
kills  >= 10       12               etcd
lost   0           1        MISSED  
cuts   >= 1        not run  MISSED  
ms     told, <= 5  6        above   
s      told        9                
files  <= 3        4        MISSED  
`, b.String())

	b.Reset()
	missed, err = table(&b, goals, map[string]int{"kills": 9, "lost": 1}, true)
	require.NoError(t, err)
	require.Equal(t, 1, missed)
	require.Equal(t, `       goal        reached           others
kills  >= 10       9        not yet  etcd
lost   0           1        MISSED   
cuts   >= 1        not run  not yet  
ms     told, <= 5  not run  not yet  
s      told        not run  not yet  
files  <= 3        not run  not yet  
`, b.String())
}
