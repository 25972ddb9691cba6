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
	cmd *exec.Cmd
	url string
}

// start runs the centre with Go's memory limit somewhat below what it may take: what SQLite and the stacks take comes
// on top.
func start(bin, data string, memory int) (*process, error) {
	cmd := exec.Command(bin, "serve", "--data", data, "--listen", "127.0.0.1:0", "--json", "--log-level", "warn")
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", memory*3/4))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the centre: %w", err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the centre did not start: %w", err)
	}
	go io.Copy(io.Discard, lines) //nolint:errcheck // until it ends
	var s struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(line, &s); err != nil {
		return nil, fmt.Errorf("the centre's first line: %w", err)
	}
	return &process{cmd, s.URL}, nil
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
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}
