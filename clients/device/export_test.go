package device

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// With DOORSTEP_TEST_CIPHER every replica of these tests is encrypted that is not asked to be something else. It needs a
// program linked with SQLite3MultipleCiphers: see scripts/ciphers.sh.
func init() {
	if os.Getenv("DOORSTEP_TEST_CIPHER") != "" {
		key := sha256.Sum256([]byte("the key of tests"))
		everyKey = key[:]
	}
}

// EveryKey is that key, nil where replicas are in clear.
func EveryKey() []byte { return everyKey }

// InClear lets a test work with replicas in clear, and gives back how it was.
func InClear() (back func()) {
	was := everyKey
	everyKey = nil
	return func() { everyKey = was }
}

// Ciphers tells whether this program can encrypt.
func Ciphers() bool { return ciphers(context.Background()) == nil }

// Foreign opens a replica's file as another program does that was given the key of tests.
func Foreign(path, query string) (*sql.DB, error) { return ForeignKey(path, query, everyKey) }

// ForeignKey is Foreign with a key.
func ForeignKey(path, query string, key []byte) (*sql.DB, error) {
	q := url.Values{}
	cipherQuery(q, key)
	return connect("file:"+path+"?"+query+"&"+q.Encode(), key)
}

// Opened gives what a file of an encrypted replica says, its database or its write-ahead log, in clear. Other files are
// given as they are.
func Opened(key, b []byte) []byte {
	k, out := newPageOpener(key), []byte{}
	if key == nil {
		return b
	}
	switch {
	case headed(b):
		for at := 0; at+usualPage <= len(b); at += usualPage {
			text, _ := k.open(uint32(at/usualPage+1), b[at:at+usualPage])
			out = append(out, text...)
		}
	case len(b) > logHead && b[0] == 0x37 && b[1] == 0x7f:
		for at := logHead; at+logFrame+usualPage <= len(b); at += logFrame + usualPage {
			text, _ := k.open(binary.BigEndian.Uint32(b[at:]), b[at+logFrame:at+logFrame+usualPage])
			out = append(out, text...)
		}
	default:
		return b
	}
	return out
}

// SetAside copies a replica as it does before it goes over to a newer epoch.
func (r *Replica) SetAside(epoch int64) error { return r.setAside(context.Background(), epoch) }

// KeyStream is the key stream of pages.
var KeyStream = keyStream

// Steps of Rekey that a power cut may come between.
var (
	CopyUnder = func(path string, opts Options, key []byte) error {
		opts, err := opts.withDefaults()
		if err != nil {
			return err
		}
		db, err := connect(strings.Replace(dsn(path, opts, false), "_journal=WAL", "_journal=DELETE", 1), opts.Cipher)
		if err != nil {
			return err
		}
		return errors.Join(copyUnder(db, path, key), db.Close())
	}
	Replaced, Rekeyed = replaced, rekeyed
)

// OpenPage opens a page of an encrypted file.
func OpenPage(key []byte, no uint32, page []byte) ([]byte, bool) {
	return newPageOpener(key).open(no, page)
}

// Pragma runs a pragma on the writing connection and gives its value.
func (r *Replica) Pragma(text string) (n int64, err error) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	err = r.conn.QueryRowContext(context.Background(), "PRAGMA "+text).Scan(&n)
	return n, err
}

// ReaderPragma asks a connection for reading.
func (r *Replica) ReaderPragma(text string) (n int64, err error) {
	err = r.read.QueryRowContext(context.Background(), "PRAGMA "+text).Scan(&n)
	return n, err
}

// What tests of blobs call.
var (
	EncodeChangeset = encodeChangeset
	DecodeChangeset = decodeChangeset
	EncodeChange    = encodeChange
	DecodeChange    = decodeChange
	DecodeImage     = decodeImage
	EncodeItem      = encodeItem
	DecodeItem      = decodeItem
	DecodeValues    = decodeValues
	EncodeValues    = encodeValues
	Jitter          = jitter
	Percent         = percent
)

// CountCommits calls fn at each commit of a replica's own connection, until it is called with nil.
func CountCommits(r *Replica, fn func()) error {
	return r.conn.Raw(func(c any) error {
		if fn == nil {
			c.(*sqlite3.SQLiteConn).RegisterCommitHook(nil)
			return nil
		}
		c.(*sqlite3.SQLiteConn).RegisterCommitHook(func() int { fn(); return 0 })
		return nil
	})
}
