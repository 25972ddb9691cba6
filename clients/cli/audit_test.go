package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/store"
)

// An export is verified without a centre, in the person's language; what was changed is named by its line.
func TestAuditVerify(t *testing.T) {
	w := settle(t)
	wang := w.machine("wang")
	wang.do("new", "dispute", "scope="+grid, "kind_code=noise", "facts=楼上吵")
	wang.do("sync")
	for _, values := range []bool{true, false} {
		var b bytes.Buffer
		require.NoError(t, store.ExportLogs(filepath.Join(w.dir, "centre.sqlite"), 1, &b, values))
		require.Equal(t, values, strings.Contains(b.String(), "楼上吵"), "words only where they were asked for")
		file := filepath.Join(w.dir, "logs.jsonl")
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o600))
		require.Contains(t, wang.do("audit", "verify", file), "完好：历史 1 条，到 1:1")
		require.NoError(t, os.WriteFile(file, bytes.Replace(b.Bytes(), []byte(`"at":`), []byte(`"at":1`), 1), 0o600))
		var out, errs bytes.Buffer
		require.Equal(t, 1, wang.run(context.Background(), &out, &out, &errs, nil, "--lang", "en", "audit", "verify", file))
		require.Contains(t, errs.String(), "first in line 2 (history, entry 1): it was changed")
	}
	var out, errs bytes.Buffer
	require.Equal(t, 2, wang.run(context.Background(), &out, &out, &errs, nil, "audit", "verify", filepath.Join(w.dir, "wang.db")))
	require.Contains(t, errs.String(), "是数据库")
}
