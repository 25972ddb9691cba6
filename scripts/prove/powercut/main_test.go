//go:build prove

// Package powercut proves that nothing acknowledged is lost when the power goes, and that the proof would see it.
//
// A writer works on an ext4 file system inside an image file. At a random moment its disk is frozen in mid-write, the
// image is copied as it is, and the writer is killed: the copy is what a disk holds after a power cut. What was only in
// the machine's memory is not in it. The copy is mounted (which replays the file system's journal), opened with the
// real code, and held against what the writer had been promised.
package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// inside says that the process has mounts of its own, which end with it.
const inside = "DOORSTEP_PROVE_MOUNTS"

// TestMain runs the tests in a mount namespace: however they end, their mounts and loop devices are gone with them.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "FAIL: power cuts need root: they make disk images and mount them. Run ./scripts/task prove as root, in a container or virtual machine.")
		os.Exit(1)
	}
	runtime.LockOSThread() // the death signal below is sent when the thread ends that started the child
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1))
	}
	fmt.Fprintf(os.Stderr, "FAIL: this machine gives no mounts of our own (%v): power cuts need root and the right to mount, as in a privileged container.\n", err)
	os.Exit(1)
}
