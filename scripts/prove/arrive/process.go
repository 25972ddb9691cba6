package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// process is a running doorstepd.
type process struct {
	cmd   *exec.Cmd
	url   string
	group *confined // nil = only Go's limit bounds it
}

// start runs the centre with Go's memory limit somewhat below what it may take: what SQLite and the stacks take comes
// on top.
func start(bin, data string, memory int, confined bool) (p *process, err error) {
	p = &process{}
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--json", "--log-level", "warn"}
	p.cmd = exec.Command(bin, args...)
	if confined {
		if p.group, err = confine(memory); err != nil {
			return nil, err
		}
		p.cmd = p.group.command(bin, args...)
	}
	if err := p.run(memory); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *process) run(memory int) error {
	cmd := p.cmd
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", memory*3/4))
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
		URL string `json:"url"`
	}
	if err := json.Unmarshal(line, &s); err != nil {
		return fmt.Errorf("the centre's first line: %w", err)
	}
	p.url = s.URL
	return nil
}

// peak is the most memory that the process ever had, in MiB; 0 if it cannot be told.
func (p *process) peak() int {
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

func (p *process) stop() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
	if p.group != nil {
		_ = p.group.remove()
	}
}
