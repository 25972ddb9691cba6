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
	require.Equal(t, 2, wang.run(context.Background(), &out, &out, &errs, nil, "audit", "verify", filepath.Join(w.dir, "password")))
	require.Contains(t, errs.String(), "不是中心导出的历史和审计日志")
	require.NotContains(t, errs.String(), "改动")
	require.Equal(t, 2, wang.run(context.Background(), &out, &out, &errs, nil, "audit", "verify", filepath.Join(w.dir, "wang.db")))
	require.Contains(t, errs.String(), "是数据库")
}

// A phone's replica is an anchor: it notes where the centre's history was when both were last in step. An export that
// was cut off, or whose chain was made anew, does not get past it.
func TestReplicaAnchorsTheHistory(t *testing.T) {
	w := settle(t)
	wang := w.machine("wang")
	export := func(w *world, name string) string {
		var b bytes.Buffer
		require.NoError(t, store.ExportLogs(filepath.Join(w.dir, "centre.sqlite"), 1, &b, false))
		file := filepath.Join(w.dir, name)
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o600))
		return file
	}
	verify := func(want int, file, anchor string) string {
		t.Helper()
		var out bytes.Buffer
		require.Equal(t, want, wang.run(context.Background(), &out, &out, &out, nil, "--lang", "en", "audit", "verify", file, "--anchor", anchor), out.String())
		return out.String()
	}
	write := func(w *world, facts string) {
		w.machine("wang").do("new", "dispute", "scope="+grid, "kind_code=noise", "facts="+facts)
		w.machine("wang").do("sync")
	}
	require.Contains(t, verify(2, export(w, "empty"), wang.file()), "no proof of the centre's history", "nothing was committed yet")
	write(w, "first")
	cut := export(w, "cut")
	require.Contains(t, verify(0, cut, wang.file()), "1 anchors met")
	write(w, "second")
	write(w, "third")
	require.Contains(t, verify(0, export(w, "whole"), wang.file()), "up to 1:3")
	require.Contains(t, verify(1, cut, wang.file()), "history, entry 2): the end was cut off")

	other := settle(t)
	for _, facts := range []string{"first", "second", "forged"} {
		write(other, facts)
	}
	require.Contains(t, verify(1, export(other, "forged"), wang.file()), "history, entry 3): it differs from the anchor")
	require.Contains(t, verify(2, cut, filepath.Join(w.dir, "centre.sqlite")), "no proof of the centre's history")
	require.Contains(t, verify(2, cut, filepath.Join(w.dir, "password")), "no file of anchors")
}
