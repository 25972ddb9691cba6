package fleet

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/mattn/go-sqlite3"
)

// file is a database of a process that may end. Each process has its own copy of the file.
//
// The worlds' misfortunes strike inside SQLite, when it is about to commit: a commit hook stands on every connection to
// the file, whoever opened it.
type file struct {
	base  string
	life  int
	image string // what a process that ended left, "" while it lives

	hook    func() error // called at a commit, nil while none is awaited
	commits int
	struck  error
	thrown  any
}

func (f *file) path() string { return fmt.Sprintf("%s-%d.db", f.base, f.life) }

// files holds the files that are open, by path.
var files sync.Map

// The driver is the one that clients/device and server/store open by its name.
func init() {
	db, err := sql.Open("sqlite3", "")
	must(err)
	db.Driver().(*sqlite3.SQLiteDriver).ConnectHook = func(c *sqlite3.SQLiteConn) error {
		if f, ok := files.Load(c.GetFilename("main")); ok {
			c.RegisterCommitHook(f.(*file).committing)
		}
		return nil
	}
	must(db.Close())
}

// committing is SQLite's hook; another answer than 0 makes it roll back.
func (f *file) committing() (refuse int) {
	if f.hook == nil {
		return 0
	}
	f.commits++
	defer func() { // a panic must not run through SQLite
		if f.thrown = recover(); f.thrown != nil {
			f.end()
			refuse = 1
		}
	}()
	if f.struck = f.hook(); f.struck != nil {
		return 1
	}
	return 0
}

// transaction runs fn, which makes one commit. hook hears of it before: its error makes SQLite refuse the commit, its
// panic ends the process there.
func (f *file) transaction(hook, fn func() error) error {
	if hook == nil {
		return fn()
	}
	f.hook, f.commits, f.struck, f.thrown = hook, 0, nil, nil
	err := fn()
	f.hook = nil
	switch {
	case f.thrown != nil:
		panic(f.thrown)
	case f.struck != nil && err == nil:
		must(errors.New("a commit was refused and nobody noticed"))
	case f.struck != nil:
		return fmt.Errorf("%w: %w", err, f.struck)
	case err == nil && f.commits != 1:
		must(fmt.Errorf("%d commits where one transaction should be", f.commits))
	}
	return err
}

// begin makes the file known before somebody opens it.
func (f *file) begin() { files.Store(f.path(), f) }

// end copies the files as they are, as they would be found after kill -9.
func (f *file) end() {
	if f.image != "" {
		return
	}
	f.image = fmt.Sprintf("%s-%d.db", f.base, f.life+1)
	for _, tail := range []string{"", "-wal"} { // not -shm: it is made anew by recovery
		b, err := os.ReadFile(f.path() + tail)
		if tail != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(err)
		must(os.WriteFile(f.image+tail, b, 0o600))
	}
}

// next makes what was left the file of a new process. The old one has been closed.
func (f *file) next() {
	files.Delete(f.path())
	for _, tail := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(f.path() + tail)
	}
	f.life++
	f.image = ""
	f.begin()
}

// sound lets SQLite check the whole file, indexes included.
func (f *file) sound() error {
	db, err := sql.Open("sqlite3", "file:"+f.path()+"?_query_only=1")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var said string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil {
		return fmt.Errorf("check %s: %w", f.path(), err)
	}
	if said != "ok" {
		return fmt.Errorf("%s is damaged: %s", f.path(), said)
	}
	return nil
}

// must ends the world with a finding: simtest reports panics.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("fleet: %v", err))
	}
}
