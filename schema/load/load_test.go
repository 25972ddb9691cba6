package load

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultLoads(t *testing.T) {
	s, err := Default()
	require.NoError(t, err)
	require.Len(t, s.Tables, 13)
}
