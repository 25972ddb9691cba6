//go:build prove

package powercut

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// edit replaces a text of a source file, for a build that shows what the proof can see.
type edit struct{ file, from, to string }

// buildWriter builds the writer, with the edits laid over the sources: product code has no switch for them.
func buildWriter(t testing.TB, edits ...edit) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	dir := t.TempDir()
	replace := map[string]string{}
	for i, e := range edits {
		file := filepath.Join(root, e.file)
		if replace[file] == "" {
			replace[file] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(replace[file], source, 0o600))
		}
		text, err := os.ReadFile(replace[file])
		require.NoError(t, err)
		require.Equal(t, 1, bytes.Count(text, []byte(e.from)),
			"%s no longer holds %q once: say here how it asks for a flush at every commit now", e.file, e.from)
		text = bytes.Replace(text, []byte(e.from), []byte(e.to), 1)
		require.NoError(t, os.WriteFile(replace[file], text, 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	writer := filepath.Join(dir, "writer")
	cmd := exec.Command("go", "build", "-tags", "sqlite_fts5,prove", "-overlay", filepath.Join(dir, "overlay.json"), "-o", writer, "./scripts/prove/writer")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return writer
}

// process is a writer at work. Its lines are read as they come.
type process struct {
	cmd  *exec.Cmd
	told bytes.Buffer  // standard error; read it after done
	done chan struct{} // closed when it is gone and all lines are read

	mu    sync.Mutex
	lines []string      // under mu
	more  chan struct{} // capacity 1: lines came
}

func start(writer string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(writer, args...), done: make(chan struct{}), more: make(chan struct{}, 1)}
	p.cmd.Stderr = &p.told
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for Pdeathsig: the thread stays until the writer is gone
		defer close(p.done)
		if started <- p.cmd.Start(); p.cmd.Process == nil {
			return
		}
		p.read(bufio.NewReader(out))
		_ = p.cmd.Wait()
	}()
	return p, <-started
}

// read keeps whole lines: one that was cut off is no promise.
func (p *process) read(in *bufio.Reader) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		p.mu.Lock()
		p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

func (p *process) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// signal reaches the process unless it is gone.
func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }
