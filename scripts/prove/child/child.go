// Package child runs a program of a proof: it reads its lines as they come, and ends it as a power cut or the system's
// memory killer would.
package child

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// Child is a running program. It dies with the process that started it. Its methods may be used by any goroutine.
type Child struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	errs bytes.Buffer // standard error; read after done

	// More holds a token when lines came since it was taken.
	More chan struct{}
	// Done is closed when the program is gone and all its lines are read.
	Done chan struct{}

	mu    sync.Mutex
	lines []string // under mu
}

// Start runs a program with variables besides this process's own.
func Start(program string, env []string, args ...string) (*Child, error) {
	c := &Child{cmd: exec.Command(program, args...), More: make(chan struct{}, 1), Done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = &c.errs
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the death signal comes when the thread ends that started the child: it has to stay
		defer close(c.Done)
		err := c.cmd.Start()
		if started <- err; err == nil {
			c.read(bufio.NewReader(out))
			_ = c.cmd.Wait()
		}
	}()
	return c, <-started
}

// read keeps whole lines: one that was cut off is no promise.
func (c *Child) read(in *bufio.Reader) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		c.mu.Lock()
		c.lines = append(c.lines, strings.TrimSuffix(line, "\n"))
		c.mu.Unlock()
		select {
		case c.More <- struct{}{}:
		default:
		}
	}
}

// Count tells how many lines came.
func (c *Child) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// Lines gives the lines from number from on.
func (c *Child) Lines(from int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.lines[from:]...)
}

// Tell writes a line to the program; one that is gone does not hear it.
func (c *Child) Tell(line string) { _, _ = io.WriteString(c.in, line+"\n") }

// Signal reaches the program unless it is gone.
func (c *Child) Signal(s syscall.Signal) error { return c.cmd.Process.Signal(s) }

// Pid names it.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Kill ends the program at once and waits until it is gone.
func (c *Child) Kill() {
	_ = c.Signal(syscall.SIGKILL)
	<-c.Done
}

// Gone tells whether the program has ended.
func (c *Child) Gone() bool {
	select {
	case <-c.Done:
		return true
	default:
		return false
	}
}

// Errors gives what it wrote to standard error, at most the last 4 KiB. The program must be gone.
func (c *Child) Errors() string {
	text := c.errs.String()
	return text[max(0, len(text)-4096):]
}
