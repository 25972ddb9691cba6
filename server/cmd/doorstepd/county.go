package main

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"github.com/doorstep-sync/doorstep/internal/durable"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// The files beside the database that no backup of it holds.
const (
	countyKeyFile   = "county.key"   // makes the proofs that devices keep of what the centre had
	countyEpochFile = "county.epoch" // the newest epoch that ever began
)

const countyKeyBytes = 32

// openCountyKey reads the key of the proofs, or makes one at the first start and has it on the disk before it is used.
func openCountyKey(path string, random io.Reader) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeCountyKey(path, random)
	}
	if err != nil {
		return nil, usage("the county's key %s cannot be read: %v; give this user the right to read it", path, cause(err))
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, usage("the county's key %s may be read by others; run: chmod 600 %s", path, path)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != countyKeyBytes {
		return nil, usage("%s is not a county's key; put the right file back (without it every device has to take a fresh copy)", path)
	}
	return key, nil
}

func makeCountyKey(path string, random io.Reader) ([]byte, error) {
	key := make([]byte, countyKeyBytes)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, failed("make the county's key: %w", err)
	}
	return key, writeDurably(path, hex.EncodeToString(key)+"\n")
}

// writeDurably replaces a small file whole: it is on the disk before it has its name.
func writeDurably(path, text string) error {
	if err := durable.WriteFile(path, []byte(text)); err != nil {
		return failed("write %s: %w", path, err)
	}
	return nil
}

// epochMark remembers the newest epoch in a file beside the database, so that no number is ever used twice, and a
// database that was put back to before a restore is recognised when the centre starts.
type epochMark struct {
	path string
	log  zerolog.Logger
}

// Newest gives it; 0 if nothing is remembered.
func (m epochMark) Newest() int64 {
	text, err := os.ReadFile(m.path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		m.log.Error().Str("file", m.path).Msg("this file should hold the number of the newest epoch")
		return 0
	}
	return n
}

// Begun remembers a new one and says so.
func (m epochMark) Begun(r syncengine.Restore) {
	m.log.Error().Int64("epoch", r.Epoch).Int64("ended", r.Ended).Int64("head", r.Head).Str("cause", string(r.Cause)).
		Msg("the centre had lost commits and began a new epoch; no device is served before an administrator has confirmed grants and revocations")
	if err := m.remember(r.Epoch); err != nil {
		m.log.Error().Err(err).Msg("the newest epoch was not noted")
	}
}

func (m epochMark) remember(epoch int64) error {
	if epoch <= m.Newest() {
		return nil
	}
	return writeDurably(m.path, strconv.FormatInt(epoch, 10)+"\n")
}

// recognise begins a new epoch if the database is one from before the newest epoch: it was put back. Nobody was served
// since, or this would have been noticed at that start.
func (m epochMark) recognise(engine *syncengine.Engine, store syncengine.Store, now int64) error {
	var head syncengine.Head
	if err := store.View(func(tx syncengine.ReadTx) (err error) { head, err = tx.Head(); return err }); err != nil {
		return err
	}
	newest := m.Newest()
	if head.Epoch >= newest {
		return m.remember(head.Epoch)
	}
	r, err := beginEpoch(engine, store, newest, now)
	if err == nil {
		m.Begun(r)
	}
	return err
}

// beginEpoch begins an epoch of a database that was put back and that has served nobody since.
func beginEpoch(engine *syncengine.Engine, store syncengine.Store, atLeast, now int64) (r syncengine.Restore, err error) {
	err = store.Update(func(tx syncengine.Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		r, err = engine.NewEpoch(tx, atLeast, head.Seq, now, syncengine.CauseCommand)
		return err
	})
	return r, err
}
