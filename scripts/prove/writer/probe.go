package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// crashed calls look with what a crash at this moment would leave of a database: its file and its log, in the folder
// aside, where nobody has it open.
func crashed(file, aside string, look func(workload.Querier) (string, error)) (state string, err error) {
	dir, err := os.MkdirTemp(aside, "crash")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, "copy.db")
	if err := copyDatabase(copied, file); err != nil {
		return "", err
	}
	db, err := sql.Open("sqlite3", "file:"+copied)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return look(db.QueryContext)
}

// copyDatabase copies a database with its log. What was at the other place is taken away, and not written over: a
// connection that is still being closed would take the new file for its own.
func copyDatabase(to, from string) error {
	for _, end := range []string{"", "-wal", "-journal", "-shm"} {
		if err := os.RemoveAll(to + end); err != nil {
			return err
		}
	}
	for _, end := range []string{"", "-wal", "-journal"} {
		text, err := os.ReadFile(from + end)
		if err == nil {
			err = os.WriteFile(to+end, text, 0o600)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// opened is a database that may be open; it is closed and opened again to bring its file back to where it was.
type opened struct {
	file   string
	isOpen func() bool
	shut   func() error
	open   func() error
}

// saved gives a save of databases; it keeps copies in the folder aside.
func saved(aside string, list ...opened) func() (back func() error, err error) {
	kept := func(i int) string { return filepath.Join(aside, fmt.Sprintf("saved-%d.db", i)) }
	return func() (func() error, error) {
		var was []bool
		for i, o := range list {
			was = append(was, o.isOpen())
			if err := copyDatabase(kept(i), o.file); err != nil {
				return nil, err
			}
		}
		return func() error {
			for i, o := range list {
				if err := o.back(kept(i), was[i]); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

func (o *opened) back(kept string, open bool) error {
	if same, err := unchanged(o.file, kept); err != nil || same && o.isOpen() == open {
		return err
	}
	if o.isOpen() {
		if err := o.shut(); err != nil {
			return err
		}
	}
	if err := copyDatabase(o.file, kept); err != nil || !open {
		return err
	}
	return o.open()
}

// unchanged tells whether a database and its log are, byte for byte, what was kept.
func unchanged(file, kept string) (bool, error) {
	for _, end := range []string{"", "-wal", "-journal"} {
		now, err1 := os.ReadFile(file + end)
		was, err2 := os.ReadFile(kept + end)
		for _, err := range []error{err1, err2} {
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
		}
		if (err1 == nil) != (err2 == nil) || !bytes.Equal(now, was) {
			return false, nil
		}
	}
	return true, nil
}

// centreState tells where a store is. Every changeset of the workload takes effect, and adds 1 to the counter.
func centreState(q workload.Querier) (string, error) {
	var tables, seq, history, verdicts, desk, supporters int64
	var sum float64
	if err := q.One(`SELECT count(*) FROM sqlite_master`, &tables); err != nil {
		return "", err
	}
	var made int64
	if err := q.One(`SELECT count(*) FROM sqlite_master WHERE name IN ('county', 'rec_hazard', 'rec_wish')`, &made); err != nil || made < 3 {
		return fmt.Sprint(tables), err
	}
	err := q.One(`SELECT coalesce((SELECT seq FROM county), 0), (SELECT count(*) FROM history), (SELECT count(*) FROM verdict),
		(SELECT count(*) FROM verdict WHERE device = '`+workload.Device(workload.Desk)+`'), (SELECT total(lat) FROM rec_hazard),
		coalesce((SELECT supporters FROM rec_wish WHERE id = '`+workload.Wish+`'), 0)`, &seq, &history, &verdicts, &desk, &sum, &supporters)
	if err == nil && (history != seq || verdicts != seq || sum != 0 || supporters != seq-desk) {
		err = fmt.Errorf("the head is at %d, with %d entries of history, %d verdicts, a counter of %d, and sums of %v", seq, history, verdicts, supporters, sum)
	}
	return fmt.Sprint(tables, seq), err
}

// deviceState tells where a replica is.
func deviceState(q workload.Querier) (string, error) {
	var tables int64
	if err := q.One(`SELECT count(*) FROM sqlite_master`, &tables); err != nil || tables == 0 {
		return "", err
	}
	var cursor, n, acked, outbox, journal, staged, stray int64
	var sum float64
	err := q.One(`SELECT c.cursor, s.last_n, s.acked, (SELECT count(*) FROM ds_outbox), (SELECT count(*) FROM ds_journal),
		(SELECT count(*) FROM ds_staged), c.applying + (SELECT count(*) FROM ds_capture), (SELECT total(lat) FROM hazard)
		FROM ds_control c JOIN ds_state s ON s.k = c.k`, &cursor, &n, &acked, &outbox, &journal, &staged, &stray, &sum)
	if err == nil && (outbox+journal != n || stray != 0 || sum != 0) {
		err = fmt.Errorf("n is %d, with %d in the outbox, %d in the journal, %d lines unsealed or half applied, and sums of %v", n, outbox, journal, stray, sum)
	}
	return fmt.Sprint(tables, cursor, n, acked, outbox, journal, staged), err
}

// nothingOpen ends the program if it has the database or a file beside it open, though it was closed, or opening it has
// failed: a connection that stays takes a descriptor each time, and locks the file that the next one opens.
func nothingOpen(file string) {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
	for _, e := range list {
		if at, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(at, file) {
			fmt.Fprintf(os.Stderr, "nobody uses the database, and this program has %s open\n", at)
			os.Exit(4)
		}
	}
}
