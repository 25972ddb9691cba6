// Package shim makes chosen writes and flushes of a program fail, as a full or broken disk does. A library in front of
// libc does it, for files below one folder; this package builds the library, and arms it over a page of memory that
// both sides map: the proof, or the program under proof itself.
package shim

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

//go:embed testdata/shim.c
var source []byte

// Kind is how a call fails. The numbers are the library's.
type Kind uint64

// The kinds.
const (
	NoSpace   Kind = 1 // nothing is written: the disk is full
	Broken    Kind = 2 // nothing is written: an I/O error
	ShortFull Kind = 3 // the first call writes less than it should, the next finds the disk full
	NoFlush   Kind = 4 // a flush fails
	Torn      Kind = 5 // some sectors are written, and then the call fails
	Short     Kind = 6 // fewer bytes are written than asked, and that is what is told
)

// Always is a length without end.
const Always = math.MaxInt32

// pageVariable and folderVariable tell the library and the program where the page is, and whose calls may fail.
const (
	pageVariable   = "IOFAULT_PAGE"
	folderVariable = "IOFAULT_DIR"
)

// Build makes the library in the folder dir and a page, and gives the variables of a program under its rule. Only
// files below the folder root fail.
func Build(dir, root string) (env []string, err error) {
	code, library, page := filepath.Join(dir, "shim.c"), filepath.Join(dir, "shim.so"), filepath.Join(dir, "page")
	if err := os.WriteFile(code, source, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(page, make([]byte, 4096), 0o600); err != nil {
		return nil, err
	}
	text, err := exec.Command("gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, code, "-ldl").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("the shim needs gcc, as cgo does: %w: %s", err, text)
	}
	return []string{"LD_PRELOAD=" + library, pageVariable + "=" + page, folderVariable + "=" + root + "/"}, nil
}

// Page is what arms the library.
type Page []byte

// Own maps the page of this process: it has been started under the library.
func Own() (Page, error) {
	f, err := os.OpenFile(os.Getenv(pageVariable), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("this program runs without the shim: %w", err)
	}
	defer f.Close()
	return unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// Arm makes the calls from first on fail, as many as length says, every so manieth of them; first 0 counts only.
func (p Page) Arm(kind Kind, first, length, every int) {
	for i, n := range []int{1: 0, 2: length, 3: int(kind), 4: 0, 5: every} {
		p.set(i, n)
	}
	p.set(1, first)
}

// Disarm lets everything succeed.
func (p Page) Disarm() { p.set(1, 0) }

// Calls tells how many there were since it was armed.
func (p Page) Calls() int { return p.get(0) }

// Failed tells how many of them failed.
func (p Page) Failed() int { return p.get(4) }

func (p Page) set(i, n int)  { binary.NativeEndian.PutUint64(p[8*i:], uint64(n)) }
func (p Page) get(i int) int { return int(binary.NativeEndian.Uint64(p[8*i:])) }
