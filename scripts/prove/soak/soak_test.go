//go:build prove

// Package soak proves that a centre takes no more and more: many devices write, hang up and come back for minutes, or for
// as long as DOORSTEP_SOAK says ("8h"), while its goroutines, its open files, its memory and its write-ahead log are
// watched. A line is laid through what was seen after the warm-up: files and goroutines have to be flat, the log
// bounded; how memory goes is told.
package soak

import (
	"math/rand/v2"
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
	long := 120 * time.Second
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
	moreGoroutines, moreFiles := r.growth(goroutines), r.growth(files)
	figures.Of(t, figures.Soaked, int(r.acked))
	figures.Of(t, figures.MoreGoroutines, max(0, moreGoroutines))
	figures.Of(t, figures.MoreFiles, max(0, moreFiles))
	figures.Of(t, figures.MostWAL, int(r.wal>>20))
	figures.Of(t, figures.MemorySlope, int(r.perHour(memory)/(1<<20)))
	require.LessOrEqual(t, moreGoroutines, mostGrowth, "goroutines grow")
	require.LessOrEqual(t, moreFiles, mostGrowth, "open files grow")
	figures.Of(t, figures.Stayed, int(max(0, r.after.of[goroutines]-r.before.of[goroutines], r.after.of[files]-r.before.of[files])))
	require.Less(t, r.wal, int64(mostWAL), "the write-ahead log grows")
	require.LessOrEqual(t, r.after.of[goroutines]-r.before.of[goroutines], float64(mostStay), "goroutines stay when everybody has left")
	require.LessOrEqual(t, r.after.of[files]-r.before.of[files], float64(mostStay), "files stay open when everybody has left")
}

// A goroutine and a file that stay behind for each connection are seen within a minute.
func TestSoakSeesLeaks(t *testing.T) {
	program := filepath.Join(t.TempDir(), "doorstepd")
	require.NoError(t, overlay.Build("./server/cmd/doorstepd", program,
		overlay.Edit{File: "server/gateway/handshake.go", From: "\tgo c.read()\n", To: "\tgo c.read()\n\tgo leak()\n"},
		overlay.Edit{File: "server/gateway/leak.go", To: "package gateway\n\nimport \"os\"\n\nfunc leak() {\n\tf, _ := os.Open(os.DevNull)\n\t<-make(chan int)\n\tf.Close()\n}\n"}))
	r := soak(t, program, 40, 40*time.Second, 8*time.Second)
	t.Log(r)
	require.Greater(t, r.growth(goroutines), mostGrowth)
	require.Greater(t, r.growth(files), mostGrowth)
	require.Greater(t, r.after.of[goroutines]-r.before.of[goroutines], float64(mostStay))
	require.Greater(t, r.after.of[files]-r.before.of[files], float64(mostStay))
}

var outside = crowd.Outside{Now: time.Now, Random: rand.N[time.Duration]}
