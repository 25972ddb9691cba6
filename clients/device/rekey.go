package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// Files beside a replica while it is written anew under another key.
const (
	rekeying = ".rekeying" // the new one, unfinished
	rekeyed  = ".rekeyed"  // the new one, whole: it goes in place of the old one
	replaced = ".replaced" // the old one, to be overwritten
)

// Rekey writes a replica anew under another key, and overwrites the old file. A replica in clear is encrypted by it. No
// other program may have the file open: CodeBusy. It is durable when it returns; cut off anywhere before, the next Open or
// Rekey finds the old replica or the new one whole, and no third. Left are files that were set aside earlier (by a
// restored centre or a recovery) and are under the old key still, or in clear.
//
// Flash storage may keep the blocks of what was overwritten for a while: what was ever stored in clear is safest on a
// device that is wiped.
func Rekey(path string, opts Options, key []byte) (left []string, err error) {
	if opts, err = opts.withDefaults(); err != nil {
		return nil, err
	}
	if key == nil {
		return nil, errors.New("device: a key is needed; an encrypted replica is not written in clear again")
	}
	if err := checkCipher(key); err != nil {
		return nil, err
	}
	r, err := Open(path, opts) // it is whole, and nothing of another Rekey lies about
	if err != nil {
		return nil, err
	}
	if err := r.Close(); err != nil {
		return nil, storage(err)
	}
	if err := rewrite(path, opts, key); err != nil {
		return nil, err
	}
	return setAsides(path)
}

// rewrite holds the old file for itself from before it is copied until it is replaced.
func rewrite(path string, opts Options, key []byte) (err error) {
	old, err := openRaw(path)
	if err != nil {
		return say(CodeDisk, err)
	}
	defer old.release()
	name := strings.Replace(dsn(path, opts, false), "_journal=WAL", "_journal=DELETE", 1) + "&_locking=EXCLUSIVE"
	db, err := connect(name, opts.Cipher)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storage(db.Close())) }()
	db.SetMaxOpenConns(1)
	if err := seize(db); err != nil {
		return err
	}
	if err := copyUnder(db, path, key); err != nil {
		return err
	}
	return supersede(path)
}

// seize takes the exclusive lock and keeps it until the connection is closed.
func seize(db *sql.DB) error {
	var mode string
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		return storage(err)
	}
	if mode != "delete" {
		return say(CodeBusy, fmt.Errorf("the file stays in mode %s: another program has it open", mode))
	}
	for _, q := range []string{"BEGIN EXCLUSIVE", "COMMIT"} {
		if _, err := db.Exec(q); err != nil {
			return storage(err)
		}
	}
	return nil
}

// copyUnder writes the new file, whole and durable before it has its name.
func copyUnder(db *sql.DB, path string, key []byte) error {
	part := path + rekeying
	for _, name := range []string{part, path + rekeyed} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return say(CodeDisk, err)
		}
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // VACUUM INTO takes an empty file, and keeps its mode
	if err != nil {
		return say(CodeDisk, err)
	}
	defer f.Close()
	q := url.Values{}
	cipherQuery(q, key)
	if _, err := db.Exec(`VACUUM INTO ?`, "file:"+(&url.URL{Path: part}).EscapedPath()+"?"+q.Encode()); err != nil {
		code := CodeOf(storage(err))
		if code == "" {
			code = CodeDisk
		}
		// What SQLite says here names the file with its key.
		return errors.Join(say(code, errors.New("the replica was not written under another key")), os.Remove(part))
	}
	if err := sameUnder(part, key); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := f.Sync(); err != nil {
		return say(CodeDisk, err)
	}
	if err := os.Rename(part, path+rekeyed); err != nil {
		return say(CodeDisk, err)
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// sameUnder fails closed: what was written is encrypted, opens by the key, and is whole.
func sameUnder(path string, key []byte) error {
	raw, err := openRaw(path)
	if err != nil {
		return say(CodeDisk, err)
	}
	defer raw.release()
	if err := errors.Join(raw.verifyCipher(key), raw.opens(key)); err != nil {
		return err
	}
	q := url.Values{"mode": {"ro"}}
	cipherQuery(q, key)
	db, err := connect("file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode(), key)
	if err != nil {
		return err
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(context.Background(), "PRAGMA quick_check(1)").Scan(&said); err != nil || said != "ok" {
		return errors.Join(fmt.Errorf("device: the replica under the other key is not whole: %s", said), storage(err))
	}
	return nil
}

// supersede puts the new file in place of the old one, and overwrites that. Every step may be the last before a power cut:
// what is there tells how far it came.
func supersede(path string) error {
	dir := filepath.Dir(path)
	if err := os.Rename(path, path+replaced); err != nil {
		return say(CodeDisk, err)
	}
	if err := durable.SyncFolder(dir); err != nil {
		return say(CodeDisk, err)
	}
	return finish(path)
}

// finish does what is left of supersede, for several programs at a time if need be.
func finish(path string) error {
	for _, name := range []string{path + rekeyed, path + replaced} { // the second: whatever became of the first, there is a replica
		if exists(path) {
			break
		}
		if err := os.Rename(name, path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return say(CodeDisk, err)
		}
		if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
			return say(CodeDisk, err)
		}
	}
	if err := overwrite(path + replaced); err != nil {
		return say(CodeDisk, err)
	}
	return nil
}

// resumeRekey finishes a Rekey that was cut off in the exchange. Of one that had not come so far the old file is in place,
// and the next Rekey, which has the lock then, clears away the new one.
func resumeRekey(path string) error {
	if !exists(path + replaced) {
		return nil
	}
	return finish(path)
}

// overwrite fills a file with zeros before it removes it.
func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(wipe(f), f.Close(), os.Remove(path)); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// zeros is an endless source of them.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// wipe overwrites a file and has that on the disk.
func wipe(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(f, 0), io.LimitReader(zeros{}, info.Size()))
	return errors.Join(err, f.Sync())
}

// setAsides lists what lies beside a replica from before: copies of earlier epochs, damaged files.
func setAsides(path string) ([]string, error) {
	var out []string
	for _, kind := range []string{".epoch", damaged} {
		list, err := filepath.Glob(globbed(path) + kind + "*")
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}
