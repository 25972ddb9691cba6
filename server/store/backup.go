package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Backup copies the database file at path to to, whole and consistent, while a centre works in it: one reading
// transaction, which hinders no writer. to must not exist; it appears under its name only when all of it is on the
// disk. Until then it is to.part; what a backup that was killed left there is taken over, where the file system has
// locks. Checked copies are CheckCopy's business.
func Backup(path, to string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if err := vacant(to); err != nil {
		return err
	}
	part := to + ".part"
	lock, err := claim(part, unix.Flock)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part)
		}
		release(lock)
	}()
	if err := vacant(to); err != nil { // another backup may have given it its name before it let go
		return err
	}
	if err := empty(part); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", dsn(path, "mode=rw&_busy_timeout=5000"))
	if err != nil {
		return err
	}
	_, err = db.Exec("VACUUM INTO ?", part)
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	if err := syncFile(part); err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return syncFile(filepath.Dir(to))
}

// vacant refuses a name that is taken.
func vacant(to string) error {
	_, err := os.Lstat(to)
	switch {
	case err == nil:
		return fmt.Errorf("%s is there already; backups are never written over", to)
	case errors.Is(err, os.ErrNotExist):
		return nil
	}
	return err
}

// claim gives a lock that no other backup to part holds. It ends with whoever holds it. It is on a file beside part: on
// NFS and CIFS a lock of ours on part would be one that keeps SQLite out. Where a file system knows no such locks, part
// itself is the lock, and what a killed backup left there has to be removed by hand.
func claim(part string, flock func(fd, how int) error) (*os.File, error) {
	name := part + ".lock"
	busy := fmt.Errorf("another backup is writing %s; wait until it is done, or choose a new name", part)
	for range 100 {
		lock, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		err = flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case lockless(err):
			if err := begin(part, lock); err != nil {
				_ = lock.Close()
				return nil, err
			}
			return lock, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			_ = lock.Close()
			return nil, busy
		case err != nil:
			_ = lock.Close()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		// Whoever held it may have removed it between the two: then it keeps nobody out.
		if mine, err := lock.Stat(); err == nil {
			if now, err := os.Stat(name); err == nil && os.SameFile(mine, now) {
				if _, err := os.Lstat(part); mine.Size() > 0 && err == nil {
					_ = lock.Close()
					return nil, undecided(part)
				}
				return lock, nil
			}
		}
		_ = lock.Close()
	}
	return nil, busy
}

// lockless tells whether a file system refused a lock since it has none.
func lockless(err error) bool {
	return errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP)
}

// begin makes part, which must not be there, and marks the file of the lock: whoever gets the lock after all, since the
// file system refuses one only now and then, is told by it.
func begin(part string, lock *os.File) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return undecided(part)
	}
	if err != nil {
		return err
	}
	_, err = lock.WriteString("made without a lock\n")
	return errors.Join(err, f.Close())
}

func undecided(part string) error {
	return fmt.Errorf("%s is there: another backup is writing it, or was killed, and this file system has no locks to tell which; "+
		"wait until none runs and remove it, or choose a new name", part)
}

// release ends a lock, and takes its file away first, while nobody else can hold it.
func release(lock *os.File) {
	_ = os.Remove(lock.Name())
	_ = lock.Close()
}

// empty makes part a file with nothing in it, which is what VACUUM INTO takes, that only this user may read.
func empty(part string) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(0), f.Close()); err != nil {
		return err
	}
	if err := os.Remove(part + "-journal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Copy tells what a database file holds.
type Copy struct {
	Epoch   int64  `json:"epoch"`
	Seq     int64  `json:"seq"`
	History string `json:"history"` // hash of the history entry at Seq
	Audit   int64  `json:"audit"`   // number of the last line of the audit log
	Chain   string `json:"chain"`   // its hash
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
}

// CheckCopy checks a database file that nobody writes: whole by SQLite's own check, and both logs by their chains up to
// the head.
func CheckCopy(path string, county int64) (c Copy, err error) {
	db, err := sql.Open("sqlite3", dsn(path, "mode=rw&_query_only=1"))
	if err != nil {
		return c, err
	}
	defer db.Close()
	var said string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		return c, fmt.Errorf("the database is damaged: %s %w", said, orNothing(err))
	}
	var history []byte
	if err := db.QueryRow(`SELECT epoch, seq, history FROM county WHERE id = $1`, county).Scan(&c.Epoch, &c.Seq, &history); err != nil {
		return c, fmt.Errorf("the database holds no county %d: %w", county, err)
	}
	if err := db.Close(); err != nil {
		return c, err
	}
	report, err := VerifyLogs(path, county, nil)
	if err != nil {
		return c, err
	}
	c.History, c.Audit, c.Chain = hex.EncodeToString(history), report.I, report.Audit.String()
	if report.Seq != c.Seq || report.Seq > 0 && report.History.String() != c.History {
		return c, fmt.Errorf("history ends at %d, the head says %d: the end was cut off", report.Seq, c.Seq)
	}
	f, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	sum := sha256.New()
	if c.Bytes, err = io.Copy(sum, f); err != nil {
		return c, err
	}
	c.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return c, nil
}

var errNothing = errors.New("")

func orNothing(err error) error {
	if err == nil {
		return errNothing
	}
	return err
}

// Format is the number of the newest migration: what this release writes.
func Format() int64 {
	files, err := migrations.ReadDir("migrations")
	if err != nil || len(files) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(strings.SplitN(files[len(files)-1].Name(), "_", 2)[0], 10, 64)
	return n
}

// ProbeDurable tells whether SQLite can make commits durable in a folder, with a file of its own that it removes again.
func ProbeDurable(dir string) error {
	scratch, err := os.MkdirTemp(dir, ".check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	db, err := sql.Open("sqlite3", dsn(filepath.Join(scratch, "probe.db"), writerParams))
	if err != nil {
		return err
	}
	defer db.Close()
	err = withRaw(db, (&Store{}).verify)
	if err == nil {
		_, err = db.Exec("CREATE TABLE probe (x)")
	}
	return err
}
