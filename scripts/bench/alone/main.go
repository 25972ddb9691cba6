// Command alone is one phone in a process of its own: it opens a replica that was enrolled, takes in everything that its
// person sees, and tells what memory that took at most. A benchmark starts it, so that nothing of the benchmark's own counts.
// It reads a Job as JSON and writes Used.
package main

/*
#include <stdint.h>

// SQLite is compiled into another package. Weak, since cgo links each package by itself first.
int64_t sqlite3_memory_highwater(int reset) __attribute__((weak));

static int64_t highwater(void) { return sqlite3_memory_highwater ? sqlite3_memory_highwater(0) : -1; }
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// Job is what is to be measured.
type Job struct {
	Replica, URL, Token string
	Count               string // query for a number, when all is in
	Go, SQLite          int64  // bytes that are taken besides, by Go and by SQLite: what is measured must show them
}

// Used is the most memory that there was, from the start of the process on, in bytes.
type Used struct {
	Go     int64 // what Go's heap has had from the system, garbage and gaps in it
	SQLite int64 // what SQLite had in use
	Count  int
}

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "alone:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var j Job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	u, err := j.do(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(u)
}

func (j *Job) do(ctx context.Context) (u Used, err error) {
	r, err := device.Open(j.Replica, device.Options{App: "bench"})
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	remote, err := device.WebSocket(j.URL, device.TokenText(j.Token), device.WebSocketOptions{})
	if err != nil {
		return u, err
	}
	if _, err := r.Sync(ctx, remote); err != nil {
		return u, err
	}
	if err := r.QueryRow(ctx, j.Count).Scan(&u.Count); err != nil {
		return u, err
	}
	besides := make([]byte, j.Go)
	if j.SQLite > 0 {
		var n int64
		if err := r.QueryRow(ctx, `SELECT length(randomblob(?))`, j.SQLite).Scan(&n); err != nil {
			return u, err
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.Go, u.SQLite = int64(m.HeapSys), int64(C.highwater())
	runtime.KeepAlive(besides)
	if u.SQLite <= 0 {
		return u, errors.New("SQLite tells nothing of its memory: it was built with SQLITE_DEFAULT_MEMSTATUS=0")
	}
	return u, nil
}
