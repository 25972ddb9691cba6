package device

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
)

// cipherKey is how many bytes the key of an encrypted replica has.
const cipherKey = 32

// ciphers tells whether the SQLite that this program was linked with can encrypt: with the build tag libsqlite3 and
// SQLite3MultipleCiphers in place of libsqlite3. Any other SQLite passes over cipher and key in silence and writes
// everything in clear, which is why this is asked before a file is made or opened.
func ciphers(ctx context.Context) error {
	db, err := sql.Open("sqlite3", "file::memory:")
	if err != nil {
		return err
	}
	defer db.Close()
	var version string
	if err := db.QueryRowContext(ctx, `SELECT sqlite3mc_version()`).Scan(&version); err != nil {
		return say(CodeNoCipher, err)
	}
	return nil
}

// checkCipher refuses a key that is none, and any key where nothing would be encrypted.
func checkCipher(key []byte) error {
	switch {
	case key == nil:
		return nil
	case len(key) != cipherKey:
		return fmt.Errorf("device: the key of an encrypted replica has %d bytes, not %d", cipherKey, len(key))
	}
	return ciphers(context.Background())
}

func cipherQuery(q url.Values, key []byte) {
	if key != nil {
		q.Set("cipher", "chacha20")
		q.Set("hexkey", hex.EncodeToString(key))
	}
}

// plainHeader is how every SQLite file begins that is not encrypted.
const plainHeader = "SQLite format 3\x00"

// verifyCipher looks at the file itself: what begins like any SQLite file is in clear, whatever was asked for.
func verifyCipher(path string, key []byte) error {
	if key == nil {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(plainHeader))
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(head) == plainHeader {
		return say(CodeNoCipher, errors.New("the file is in clear"))
	}
	return nil
}
