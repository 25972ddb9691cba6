// Package armed lets a proof end a running process at a named place in its code, as kill -9 would. A process has the folder
// that PROVE_POINTS names to itself; in it at most one place is armed at a time.
package armed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// flag is a file in the folder whose first bytes are not 0 while a place is armed. Processes look at it in their memory: a
// place is passed thousands of times for each time that one dies there, and asking the system each time cost a
// twentieth of all that the processes did.
const flag = "any armed"

var (
	folder = os.Getenv("PROVE_POINTS")
	up     = mapped(folder)
)

// Arm makes the process die that comes to the place, now or once it is started. It gives the file that is gone then.
func Arm(folder, name string) (file string, err error) {
	file = filepath.Join(folder, name)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return "", err
	}
	f, err := os.OpenFile(filepath.Join(folder, flag), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.WriteAt([]byte{1, 0, 0, 0}, 0)
	return file, errors.Join(err, f.Close())
}

// Point ends this process if the place is armed, and disarms it.
func Point(name string) {
	if up == nil || atomic.LoadUint32(up) == 0 || syscall.Unlink(folder+"/"+name) != nil {
		return
	}
	atomic.StoreUint32(up, 0)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// mapped gives the flag of a folder, nil for none. A process that cannot see it would never die: it ends at once.
func mapped(folder string) *uint32 {
	if folder == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(folder, flag), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	const page = 4096
	if err := f.Truncate(page); err != nil {
		panic(err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(fmt.Errorf("map %s: %w", f.Name(), err))
	}
	return (*uint32)(unsafe.Pointer(&b[0]))
}
