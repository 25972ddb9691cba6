//go:build prove

// Package soak proves that a centre takes no more and more: many devices write, hang up and come back for minutes, or for
// as long as DOORSTEP_SOAK says ("8h"), while its goroutines, its open files, its memory and its write-ahead log are
// watched. A line is laid through what was seen after the warm-up: files and goroutines have to be flat, the log
// bounded; how memory goes is told.
package soak

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// lasts is the variable that says how long the soak is to last.
const lasts = "DOORSTEP_SOAK"

// Bounds of what grows.
const (
	mostGrowth = 20       // goroutines, and open files, by the fitted line over the whole soak
	mostStay   = 5        // of them, when everybody has left
	mostWAL    = 64 << 20 // bytes, at any time
)

func TestSoak(t *testing.T) {
	long := 200 * time.Second
	if text := os.Getenv(lasts); text != "" {
		var err error
		long, err = time.ParseDuration(text)
		require.NoError(t, err, "%s is a time such as 8h", lasts)
	}
	program := filepath.Join(t.TempDir(), "doorstepd")
	cmd := exec.Command("go", "build", "-tags", "sqlite_fts5", "-o", program, "./server/cmd/doorstepd")
	cmd.Dir = "../../.."
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	r := soak(t, program, 80, long, min(long/3, 5*time.Minute))
	t.Log(r)
	figures.Of(t, figures.Soaked, int(r.acked))
	figures.Of(t, figures.MoreGoroutines, max(0, r.growth(goroutines)))
	figures.Of(t, figures.MoreFiles, max(0, r.growth(files)))
	figures.Of(t, figures.Stayed, max(0, r.stayed(goroutines), r.stayed(files)))
	figures.Of(t, figures.MostWAL, int(r.wal>>20))
	figures.Of(t, figures.MemorySlope, int(r.perHour(memory)/(1<<20)))
	require.Empty(t, r.faults())
}

// A goroutine and a file that stay behind for each connection are seen within a minute.
func TestSoakSeesLeaks(t *testing.T) {
	program := filepath.Join(t.TempDir(), "doorstepd")
	require.NoError(t, overlay.Build("./server/cmd/doorstepd", program,
		overlay.Edit{File: "server/gateway/write.go", From: "\tgo c.read()\n", To: "\tgo c.read()\n\tgo leak()\n"},
		overlay.Edit{File: "server/gateway/leak.go", To: "package gateway\n\nimport \"os\"\n\nfunc leak() {\n\tf, _ := os.Open(os.DevNull)\n\t<-make(chan int)\n\tf.Close()\n}\n"}))
	r := soak(t, program, 40, 40*time.Second, 8*time.Second)
	t.Log(r)
	for _, name := range []string{goroutines, files} {
		require.Contains(t, r.faults(), name+" stay when all have left")
		require.Contains(t, r.faults(), name+" grow", "by the line")
	}
}

var outside = crowd.Outside{Now: time.Now, Random: crowd.Seeded(1)}
