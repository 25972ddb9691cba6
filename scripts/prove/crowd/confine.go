package crowd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// confined is a control group that the kernel lets take so much memory, the pages of files that it reads among it, and
// no more: a process that needs more is ended.
type confined struct {
	dir  string
	peak string // file with the most it ever had
}

// controllers are where Linux has its memory controller, and what its files are called there: version 2, then 1.
var controllers = []struct{ root, needs, limit, peak string }{
	{"/sys/fs/cgroup", "cgroup.subtree_control", "memory.max", "memory.peak"},
	{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.limit_in_bytes", "memory.max_usage_in_bytes"},
}

// confine makes a group for a process that is to start; it needs root.
func confine(memory int) (*confined, error) {
	for _, c := range controllers {
		text, err := os.ReadFile(filepath.Join(c.root, c.needs))
		if err != nil || c.needs != c.limit && !strings.Contains(string(text), "memory") {
			continue
		}
		g := &confined{filepath.Join(c.root, "doorstep-crowd-"+strconv.Itoa(os.Getpid())), c.peak}
		if err := os.Mkdir(g.dir, 0o755); err != nil {
			return nil, fmt.Errorf("make a control group: %w", err)
		}
		if err := os.WriteFile(filepath.Join(g.dir, c.limit), []byte(strconv.Itoa(memory<<20)), 0o644); err != nil {
			return nil, errors.Join(fmt.Errorf("confine the centre: %w", err), g.remove())
		}
		return g, nil
	}
	return nil, errors.New("this machine has no memory controller for control groups")
}

// command is a command that runs in the group from its first page on.
func (g *confined) command(name string, args ...string) *exec.Cmd {
	into := filepath.Join(g.dir, "cgroup.procs")
	return exec.Command("sh", slices.Concat([]string{"-c", `echo $$ >"$0" && exec "$@"`, into, name}, args)...)
}

// most is what the group took at most, in MiB: its memory and the pages of its files.
func (g *confined) most() int {
	text, err := os.ReadFile(filepath.Join(g.dir, g.peak))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return (n + 1<<20 - 1) >> 20
}

// remove works once nothing runs in it.
func (g *confined) remove() error { return os.Remove(g.dir) }
