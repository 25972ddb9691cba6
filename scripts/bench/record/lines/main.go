// Lines prints the records that the floors are measured on as JSON, one a line, for programs in other languages:
//
//	go run ./scripts/bench/record/lines -seed 1 -n 20000
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

func main() {
	seed := flag.Uint64("seed", 1, "the same records for the same seed")
	n := flag.Int("n", 20_000, "how many")
	flag.Parse()
	if err := print(os.Stdout, *seed, *n); err != nil {
		fmt.Fprintln(os.Stderr, "lines:", err)
		os.Exit(1)
	}
}

// print writes n records of a seed to out.
func print(out io.Writer, seed uint64, n int) error {
	lines := bufio.NewWriter(out)
	encoder := json.NewEncoder(lines)
	list := record.Generate(seed, n)
	for i := range list {
		if err := encoder.Encode(&list[i]); err != nil {
			return err
		}
	}
	return lines.Flush()
}
