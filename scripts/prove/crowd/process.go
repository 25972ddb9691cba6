package crowd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Process is a running doorstepd.
type Process struct {
	cmd   *exec.Cmd
	URL   string
	Admin string    // the one-time code of a centre without an administrator
	group *confined // nil = only Go's limit bounds it
}

// Start runs the centre with Go's memory limit somewhat below the MiB it may take: what SQLite and the stacks take comes
// on top. Confined, the kernel gives it no more. More settings go before those that it has here.
func Start(bin, data string, memory int, confined bool, more ...string) (p *Process, err error) {
	p = &Process{}
	args := append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--json", "--log-level", "warn"}, more...)
	p.cmd = exec.Command(bin, args...)
	if confined {
		if p.group, err = confine(memory); err != nil {
			return nil, err
		}
		p.cmd = p.group.command(bin, args...)
	}
	if err := p.run(memory); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Process) run(memory int) error {
	cmd := p.cmd
	cmd.Env = append(Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", memory*3/4))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the centre: %w", err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the centre did not start: %w", err)
	}
	go io.Copy(io.Discard, lines) //nolint:errcheck // until it ends
	var s struct {
		URL   string `json:"url"`
		Admin string `json:"admin_code"`
	}
	if err := json.Unmarshal(line, &s); err != nil {
		return fmt.Errorf("the centre's first line: %w", err)
	}
	p.URL, p.Admin = s.URL, s.Admin
	return nil
}

// Environ is this process's, without settings of ours: what a proof was told is no setting of a centre. Sentences are
// English.
func Environ() []string {
	ours := func(e string) bool { return strings.HasPrefix(e, "DOORSTEP_") }
	return append(slices.DeleteFunc(os.Environ(), ours), "DOORSTEP_LANG=en")
}

// Peak is the most memory that the process ever had, in MiB; 0 if it cannot be told.
func (p *Process) Peak() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err == nil {
				return (kb + 1023) / 1024
			}
		}
	}
	return 0
}

// Most is what it took at most together with the pages of its files, in MiB; ok is false where the kernel does not confine
// it.
func (p *Process) Most() (mib int, ok bool) {
	if p.group == nil {
		return 0, false
	}
	return p.group.most(), true
}

// Pid names it.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Kill ends it as the system's memory killer would, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// Stop ends it in order.
func (p *Process) Stop() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
	if p.group != nil {
		_ = p.group.remove()
	}
}
