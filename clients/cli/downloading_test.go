package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Whoever waits for his turn is told once, in his language; then how far the download has come, a line for each tenth.
func TestDownloadingTells(t *testing.T) {
	for lang, waits := range map[string]string{"zh": "轮到本机时开始下载", "en": "the download begins when it is this one's turn"} {
		var errs bytes.Buffer
		a := &app{Program: Program{Err: &errs}, lang: lang}
		told := a.downloading()
		for _, p := range []device.Progress{{Queued: true}, {Queued: true}, {}, {Queued: true}} {
			told(p)
		}
		require.Equal(t, 1, strings.Count(errs.String(), waits), errs.String())
		for rows := range 101 {
			told(device.Progress{Staged: session.Taken{Rows: rows, AllRows: 100, Bytes: rows * 1000, AllBytes: 100_000}})
		}
		require.Equal(t, 10, strings.Count(errs.String(), "\n"), errs.String())
		require.Contains(t, errs.String(), "0.1")
	}
}
