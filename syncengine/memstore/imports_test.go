package memstore_test

import (
	"testing"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	imports.Check(t, "syncengine/memstore", "database/sql", "net", "math/rand", "server", "clients")
}
