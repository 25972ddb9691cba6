// Package mounts runs the tests of a package in a mount namespace: however they end, their mounts and loop devices are
// gone with them.
package mounts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// inside says that the process has mounts of its own, which end with it.
const inside = "DOORSTEP_PROVE_MOUNTS"

// Main is a package's TestMain. what is what needs it, for a person who is not root; more are further namespaces.
func Main(what string, run func() int, more uintptr) {
	if os.Getenv(inside) != "" {
		os.Exit(run())
	}
	if os.Geteuid() != 0 {
		fmt.Fprintf(os.Stderr, "FAIL: %s: that needs root. Run ./scripts/task prove as root, in a container or virtual machine.\n", what)
		os.Exit(1)
	}
	runtime.LockOSThread() // the death signal below is sent when the thread ends that started the child
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | more, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1))
	}
	fmt.Fprintf(os.Stderr, "FAIL: %s: this machine does not let us (%v). It needs root and the right to mount, as in a privileged container.\n", what, err)
	os.Exit(1)
}
