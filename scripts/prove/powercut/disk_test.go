//go:build prove

package powercut

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const imageSize = 64 << 20

// ioctls of <linux/fs.h>: no write passes a frozen file system.
const (
	freeze = 0xc0045877
	thaw   = 0xc0045878
)

// disk is a file system whose power can be cut: an ext4 image in a file that lies on a file system of its own, so that
// freezing that one stops every write to the image at one moment, wherever the writer is. Used by one goroutine.
type disk struct {
	dir    string // on the machine's own file system
	under  string // where the lower file system is mounted
	Root   string // where the image is mounted: the writer works here
	up     bool
	copies int
}

// newDisk makes the lower file system; it goes with the test.
func newDisk(t testing.TB) *disk {
	t.Helper()
	dir := t.TempDir()
	d := &disk{dir: dir, under: filepath.Join(dir, "under"), Root: filepath.Join(dir, "disk")}
	require.NoError(t, os.Mkdir(d.under, 0o700))
	require.NoError(t, os.Mkdir(d.Root, 0o700))
	lower := filepath.Join(dir, "under.img")
	require.NoError(t, format(lower, 4*imageSize))
	require.NoError(t, mount(lower, d.under))
	t.Cleanup(func() {
		if d.up {
			require.NoError(t, unmount(d.Root))
		}
		require.NoError(t, unmount(d.under))
	})
	return d
}

func (d *disk) image() string { return filepath.Join(d.under, "disk.img") }

// insert mounts the image, a copy of the one at from; "" for a new file system.
func (d *disk) insert(from string) (err error) {
	if from == "" {
		err = format(d.image(), imageSize)
	} else {
		err = copyImage(d.image(), from)
	}
	if err != nil {
		return err
	}
	if err := mount(d.image(), d.Root); err != nil {
		return err
	}
	d.up = true
	return nil
}

// cut gives a copy of the image as it is at this moment, ends the writer, and takes the disk out. stop is called when
// the disk stands still; nothing that the writer is told afterwards has reached it.
func (d *disk) cut(stop func() error) (copied string, err error) {
	f, err := os.Open(d.under)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), freeze, 0); err != nil {
		return "", fmt.Errorf("freeze the disk: %w", err)
	}
	d.copies++
	copied = filepath.Join(d.dir, fmt.Sprintf("cut-%d.img", d.copies))
	err = errors.Join(copyImage(copied, d.image()), stop())
	// A process that waits for its disk dies only when the disk goes on.
	if e := unix.IoctlSetInt(int(f.Fd()), thaw, 0); e != nil {
		return "", errors.Join(err, fmt.Errorf("thaw the disk: %w", e))
	}
	return copied, err
}

// take unmounts the image and forgets it.
func (d *disk) take() error {
	if err := unmount(d.Root); err != nil {
		return err
	}
	d.up = false
	return os.Remove(d.image())
}

func format(file string, size int64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	return run("mkfs.ext4", "-q", "-F", file)
}

func mount(image, at string) error {
	if err := run("mount", "-o", "loop", image, at); err != nil {
		return fmt.Errorf("%w\nPower cuts need loop devices (/dev/loop-control) and the right to mount, as in a privileged container or a virtual machine", err)
	}
	return nil
}

// unmount waits for those who still hold a file there: a process that another goroutine is about to start has all of ours
// until it is the other program.
func unmount(at string) (err error) {
	for range 100 {
		if err = run("umount", at); err == nil || !strings.Contains(err.Error(), "busy") {
			return err
		}
		<-time.After(100 * time.Millisecond)
	}
	return err
}

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// copyImage copies a sparse file without its holes.
func copyImage(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := out.Truncate(info.Size()); err != nil {
		return err
	}
	for at := int64(0); ; {
		at, err = in.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		end, err := in.Seek(at, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(out, at), io.NewSectionReader(in, at, end-at)); err != nil {
			return err
		}
		at = end
	}
}
