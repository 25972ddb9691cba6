// Package seals keeps the keys of sealed columns at the centre: in a file beside the database and never in it, so that
// neither a backup of the data nor somebody who reads it can open anything. The file needs a backup of its own.
package seals

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/internal/durable"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
)

// Keys are the keys of one county. Safe for use by several goroutines.
type Keys struct {
	path  string
	ring  atomic.Pointer[seal.Ring]
	stamp atomic.Value // of the file
}

// stored is one key in the file.
type stored struct {
	Table   string `json:"table"`
	Column  string `json:"column"`
	ID      uint32 `json:"id"`
	Match   bool   `json:"match,omitempty"`
	Secret  string `json:"secret"`
	Created string `json:"created"`
}

type document struct {
	Keys []stored `json:"keys"`
}

// Open reads the file, and adds a key for every sealed column of s, and for every column of keyed hashes, that has none.
// made tells whether the file was not there at all.
func Open(path string, s *schema.Schema, now time.Time, random io.Reader) (k *Keys, made bool, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		made = true
	}
	if err := edit(path, func(d *document) error { return d.complete(s, now, random) }); err != nil {
		return nil, made, err
	}
	k = &Keys{path: path}
	_, err = k.Reload()
	return k, made, err
}

// Rotate adds a new key for every sealed column; what is sealed from now on is sealed with it, and the old keys open
// what they sealed. Keys of keyed hashes stay: hashes of two keys would match nothing. It gives how many were made.
func Rotate(path string, now time.Time, random io.Reader) (n int, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, err
	}
	err = edit(path, func(d *document) error {
		type column struct{ table, column string }
		last := map[column]uint32{}
		for _, x := range d.Keys {
			if !x.Match {
				c := column{x.Table, x.Column}
				last[c] = max(last[c], x.ID)
			}
		}
		for _, x := range d.Keys {
			c := column{x.Table, x.Column}
			if x.Match || last[c] != x.ID {
				continue
			}
			if err := d.add(x.Table, x.Column, false, last[c], now, random); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

func (d *document) complete(s *schema.Schema, now time.Time, random io.Reader) error {
	type key struct {
		table, column string
		match         bool
	}
	have := map[key]bool{}
	for _, x := range d.Keys {
		have[key{x.Table, x.Column, x.Match}] = true
	}
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			match := c.HashOf != ""
			if c.Type != schema.TypeSealed && !match || have[key{t.Name, c.Name, match}] {
				continue
			}
			if err := d.add(t.Name, c.Name, match, 0, now, random); err != nil {
				return err
			}
		}
	}
	return nil
}

// add makes a key. Its id is the second it was made in, and above the one before: a file that was lost and made anew
// never gives an old id to a new secret.
func (d *document) add(table, column string, match bool, after uint32, now time.Time, random io.Reader) error {
	var secret [32]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return err
	}
	d.Keys = append(d.Keys, stored{
		Table: table, Column: column, ID: max(uint32(now.Unix()), after+1), Match: match,
		Secret: base64.StdEncoding.EncodeToString(secret[:]), Created: now.UTC().Format(time.RFC3339),
	})
	return nil
}

// edit changes the file under a lock, durably, whole or not at all. A file that does not exist is empty.
func edit(path string, change func(*document) error) error {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the keys of sealed columns: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock the keys of sealed columns: %w", err)
	}
	d, err := read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before := len(d.Keys)
	if err := change(&d); err != nil {
		return fmt.Errorf("make keys of sealed columns: %w", err)
	}
	if len(d.Keys) == before {
		return nil
	}
	if err := write(path, d); err != nil {
		return fmt.Errorf("write the keys of sealed columns: %w", err)
	}
	return nil
}

func write(path string, d document) error {
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(text, '\n'))
}

func read(path string) (d document, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return d, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return d, fmt.Errorf("the keys in %s may be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return d, err
	}
	d, ok := parse(text)
	if !ok {
		return d, fmt.Errorf("the keys of sealed columns in %s cannot be used; restore the file from a backup: without it nobody opens what it sealed", path)
	}
	return d, nil
}

// parse reads what write writes; ok is false where anything in it is no key.
func parse(text []byte) (d document, ok bool) {
	err := json.Unmarshal(text, &d)
	return d, err == nil && len(d.ring().Keys()) == len(d.Keys)
}

// ring gives the keys that are well formed.
func (d *document) ring() *seal.Ring {
	var keys []seal.Key
	for _, x := range d.Keys {
		k := seal.Key{Table: x.Table, Column: x.Column, ID: x.ID, Match: x.Match}
		if b, err := base64.StdEncoding.DecodeString(x.Secret); err == nil && copy(k.Secret[:], b) == 32 && len(b) == 32 && x.ID != 0 {
			keys = append(keys, k)
		}
	}
	return seal.NewRing(keys)
}

// Reload reads the file again if it has changed. If it cannot be used, what was read before stays in use.
func (k *Keys) Reload() (changed bool, err error) {
	info, err := os.Stat(k.path)
	if err != nil {
		return false, fmt.Errorf("open the keys of sealed columns: %w", err)
	}
	stamp := fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), " ", info.Mode())
	if k.stamp.Load() == stamp {
		return false, nil
	}
	d, err := read(k.path)
	if err != nil {
		return false, err
	}
	k.ring.Store(d.ring())
	k.stamp.Store(stamp)
	return true, nil
}

// Ring gives the keys as they are now.
func (k *Keys) Ring() *seal.Ring { return k.ring.Load() }
