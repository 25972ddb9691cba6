package wire

import (
	"testing"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	imports.Check(t, "syncengine/wire", "server", "clients", "database/sql", "net", "log", "os",
		"github.com/mattn/go-sqlite3", "github.com/gorilla/websocket", "github.com/rs/zerolog")
}
