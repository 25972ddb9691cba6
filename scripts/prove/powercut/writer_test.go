//go:build prove

package powercut

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// buildWriter builds the writer, with the edits laid over the sources: product code has no switch for them.
func buildWriter(t testing.TB, edits ...overlay.Edit) string {
	t.Helper()
	writer := filepath.Join(t.TempDir(), "writer")
	require.NoError(t, overlay.Build("./scripts/prove/writer", writer, edits...))
	return writer
}
