package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// Recovery is what Recover did.
type Recovery struct {
	Sound      bool   // nothing is wrong with the file; nothing was done
	Aside      string // where the damaged file is now
	Identity   Identity
	Unsent     int      // changesets without a verdict that were brought over
	Lost       []int64  // numbers of those that could not be read; the centre is told, unless it has them
	Again      int      // verdicts that could not be read, which the centre is asked for again
	Unsure     []int64  // numbers of which not even that could be found out
	Filed      int      // stubs of changesets with a verdict
	Refused    int      // refused changesets that were brought over
	Captured   int      // lines of what other programs wrote and nobody had sealed yet
	Unreadable []string // engine's tables, or record types, that could not be read whole
}

// Files beside a replica while it is recovered.
const (
	recovering = ".recovering" // the new one, unfinished
	recovered  = ".recovered"  // the new one, whole: it goes in place of the damaged one
	damaged    = ".damaged"    // and a number: damaged ones, set aside
)

// Recover makes a new replica of the same device in place of a damaged file, and brings over whatever can be read of
// what exists nowhere else: identity, unsent changesets, refused ones, what other programs wrote. A changeset counts as
// read only if its hash is that of the chain. Rows come with the next conversation. The damaged file is set aside, never
// changed and never deleted (a purge deletes it: it holds what the person may not see any more). No other program may
// have the file open. If nothing of a replica is found, the error is CodeNotReplica and nothing was done.
func Recover(path string, opts Options) (*Recovery, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := resumeRekey(path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path + recovered); err == nil { // it was interrupted
		aside, err := exchange(path)
		if err != nil {
			return nil, say(CodeDisk, err)
		}
		r, err := Open(path, opts)
		if err != nil {
			return nil, err
		}
		out := &Recovery{Aside: aside}
		return out, errors.Join(r.tell(out), r.Close())
	}
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, say(CodeMissingFile, err)
		}
		return nil, say(CodeDisk, err)
	}
	if err := checkCipher(opts.Cipher); err != nil {
		return nil, err
	}
	switch err := whole(path, opts); {
	case err == nil:
		return &Recovery{Sound: true}, nil
	case CodeOf(err) != CodeDamaged && CodeOf(err) != CodeNotReplica:
		return nil, err // such as a newer app's: nothing is wrong with it
	}
	found, err := salvage(path, opts)
	if err != nil {
		return nil, err
	}
	out := &Recovery{}
	if err := rebuild(path, opts, found, out); err != nil {
		return nil, err
	}
	out.Aside, err = exchange(path)
	if err != nil {
		return nil, say(CodeDisk, err)
	}
	return out, nil
}

// whole looks whether anything is wrong with a file. It is opened for writing, which may change it, only if it can be read
// from one end to the other.
func whole(path string, opts Options) (err error) {
	if err := fitting(path, opts.Cipher); err != nil {
		return err
	}
	if err := checkLog(path + "-wal"); err != nil {
		return say(CodeDamaged, err)
	}
	db, err := connect(readingDSN(path, opts), opts.Cipher)
	if err != nil {
		return err
	}
	var said string
	err = db.QueryRowContext(context.Background(), `PRAGMA quick_check(1)`).Scan(&said)
	if err = errors.Join(unusable(path, opts, err), db.Close()); err != nil {
		return err
	}
	if said != "ok" {
		return say(CodeDamaged, errors.New(said))
	}
	r, err := Open(path, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.sound(context.Background())
}

// sound reads the whole file: its structure, and everything of which a hash is known. The error is CodeDamaged.
func (r *Replica) sound(ctx context.Context) error {
	var said string
	if err := r.read.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return storage(err)
	}
	if said != "ok" {
		return say(CodeDamaged, errors.New(said))
	}
	tx, err := r.read.BeginTx(ctx, nil)
	if err != nil {
		return storage(err)
	}
	defer func() { _ = tx.Rollback() }()
	p := &port{conn: tx, schema: r.schema, ctx: ctx}
	c, err := p.Control()
	for after := int64(0); err == nil; {
		list, e := p.Outbox(after, 50)
		if err = e; err != nil || len(list) == 0 {
			break
		}
		after = list[len(list)-1].N
	}
	if err == nil && c.LastN > 0 {
		if h, e := p.HashOf(c.LastN); e != nil || h != c.Hash {
			err = errors.Join(errDamaged, e)
		}
	}
	return storage(err)
}

// tell counts what is in a new replica, where nobody counted.
func (r *Replica) tell(out *Recovery) (err error) {
	ctx := context.Background()
	if out.Identity, err = r.Identity(ctx); err != nil {
		return err
	}
	return storage(r.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM ds_outbox), (SELECT count(*) FROM ds_journal), (SELECT count(*) FROM ds_quarantine)`).
		Scan(&out.Unsent, &out.Filed, &out.Refused))
}

// exchange puts the new file in place of the damaged one. Every step may be the last before a power cut: what is there
// tells how far it came, and the write-ahead log never lies beside a file that it does not belong to.
func exchange(path string) (aside string, err error) {
	n := 1
	for exists(path + damaged + strconv.Itoa(n)) {
		n++
	}
	if !exists(path) && n > 1 {
		n-- // it was moved before the interruption
	}
	aside = path + damaged + strconv.Itoa(n)
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+end, aside+end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return "", err
	}
	if err := os.Rename(path+recovered, path); err != nil {
		return "", err
	}
	return aside, durable.SyncFolder(filepath.Dir(path))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// rebuild makes the new file beside the damaged one, whole and durable before it has its name.
func rebuild(path string, opts Options, found *salvaged, out *Recovery) error {
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + recovering + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return say(CodeDisk, err)
		}
	}
	if opts.Keys == nil {
		opts.Keys = &FileKeeper{Path: SealPath(path)}
	}
	r, err := Create(path+recovering, opts)
	if err != nil {
		return err
	}
	err = r.update(context.Background(), func(p *port) error { return found.write(p, r, out) })
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("make a new replica: %w", err)
	}
	f, err := os.OpenFile(path+recovering, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(path+recovering, path+recovered)
	}
	if err != nil {
		return say(CodeDisk, err)
	}
	return durable.SyncFolder(filepath.Dir(path))
}
