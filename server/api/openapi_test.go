package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/server/api"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/api", "server/store", "server/gateway", "server/centre", "clients", "github.com/mattn/go-sqlite3")
}

var update = flag.Bool("update", false, "write openapi.json anew")

// The committed document is what the code says. Clients are generated from it: a difference is a change of the API.
func TestOpenAPIIsCommitted(t *testing.T) {
	doc, err := api.OpenAPI(false)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", doc, 0o644))
	}
	committed, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	require.True(t, bytes.Equal(committed, doc), "openapi.json is stale: run 'go generate -tags sqlite_fts5 ./server/api ./clients/restclient' and review the difference")
}

func TestOpenAPIVersions(t *testing.T) {
	for downgrade, want := range map[bool]string{false: "3.1.0", true: "3.0.3"} {
		doc, err := api.OpenAPI(downgrade)
		require.NoError(t, err)
		var d struct {
			OpenAPI string `json:"openapi"`
			Paths   map[string]map[string]struct {
				OperationID string `json:"operationId"`
			} `json:"paths"`
		}
		require.NoError(t, json.Unmarshal(doc, &d))
		require.Equal(t, want, d.OpenAPI)
		require.Len(t, d.Paths, 41)
		for path, methods := range d.Paths {
			for method, op := range methods {
				require.NotEmpty(t, op.OperationID, "%s %s", method, path)
			}
		}
	}
}
