package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/store"
)

// Two databases are of one centre if either log began alike; where nothing can be compared nothing is said.
func TestForeign(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	for name, c := range map[string]struct {
		one, two store.Origin
		foreign  bool
	}{
		"the same":                          {store.Origin{Audit: a, History: a}, store.Origin{Audit: a, History: a}, false},
		"another centre":                    {store.Origin{Audit: a, History: a}, store.Origin{Audit: b, History: b}, true},
		"another centre without history":    {store.Origin{Audit: a}, store.Origin{Audit: b, History: b}, true},
		"a copy from before the first push": {store.Origin{Audit: a, History: a}, store.Origin{Audit: a}, false},
		"an early version":                  {store.Origin{History: a}, store.Origin{Audit: b, History: a}, false},
		"history begun anew":                {store.Origin{Audit: a, History: b}, store.Origin{Audit: a, History: a}, false},
		"an empty one":                      {store.Origin{}, store.Origin{Audit: b, History: b}, false},
		"nothing to compare":                {store.Origin{Audit: a}, store.Origin{History: b}, false},
	} {
		require.Equal(t, c.foreign, c.one.Foreign(c.two), name)
		require.Equal(t, c.foreign, c.two.Foreign(c.one), name)
	}
}
