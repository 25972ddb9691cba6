// Writer writes until it is killed, and prints each acknowledgement once it holds: a line on standard output is a
// promise. The power-cut proof runs it on a disk that it is about to cut.
//
//	writer centre DIR SEED         the store in DIR, many devices
//	writer device DIR SEED COUNTY  the replica in DIR, against a county in the folder COUNTY, which stays
//
//	writer centre-every DIR SEED ASIDE KIND once|many   a scenario whose every call of the file system fails, once it is
//	writer device-every DIR SEED COUNTY KIND once|many  its turn; then it ends (see faulty.go). With "room each" for KIND
//	                                                    and the last word, the disk is full instead
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func main() {
	if err := run(os.Args[1:], time.Now); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

// writer is what both modes share.
type writer struct {
	schema *schema.Schema
	engine *se.Engine
	seed   uint64
	now    func() time.Time
}

func run(args []string, now func() time.Time) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: writer centre DIR SEED | writer device DIR SEED COUNTY")
	}
	seed, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("the seed: %w", err)
	}
	s, err := load.Default()
	if err != nil {
		return err
	}
	w := &writer{schema: s, engine: se.New(s, se.DefaultLimits), seed: seed, now: now}
	switch {
	case args[0] == "centre" && len(args) == 3:
		return w.centre(args[1])
	case args[0] == "device" && len(args) == 4:
		return w.device(args[1], args[3])
	case len(args) == 6 && (args[0] == "centre-every" || args[0] == "device-every"):
		f, err := newFaulty(args[4], args[5], args[1])
		if err != nil {
			return err
		}
		if args[0] == "centre-every" {
			return w.centreEvery(args[1], args[3], f)
		}
		return w.deviceEvery(args[1], args[3], f)
	}
	return fmt.Errorf("cannot %q", args)
}

func (w *writer) rand(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, stream)) }

func (w *writer) millis() int64 { return w.now().UnixMilli() }

// say prints acknowledgements in one write: whole lines, at once.
func say(lines []byte) error {
	_, err := os.Stdout.Write(lines)
	return err
}
