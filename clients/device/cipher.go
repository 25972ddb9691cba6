package device

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/mattn/go-sqlite3"
)

// cipherKey is how many bytes the key of an encrypted replica has.
const cipherKey = 32

// ciphers tells whether the SQLite that this program was linked with can encrypt: with the build tag libsqlite3 and
// SQLite3MultipleCiphers in place of libsqlite3. Any other SQLite passes over cipher and key in silence and writes
// everything in clear, which is why this is asked before a file is made or opened. A library that puts temporary tables
// into files, whatever it is told, is refused too: they would be in clear.
func ciphers(ctx context.Context) error {
	db, err := sql.Open("sqlite3", "file::memory:")
	if err != nil {
		return err
	}
	defer db.Close()
	var version string
	var files bool
	err = db.QueryRowContext(ctx, `SELECT sqlite3mc_version(), sqlite_compileoption_used('TEMP_STORE=0')`).Scan(&version, &files)
	if err != nil {
		return say(CodeNoCipher, err)
	}
	if files {
		return say(CodeNoCipher, errors.New("the library was compiled to put temporary tables into files"))
	}
	return nil
}

// everyKey is the key of replicas whose options name none. Tests set it, to see all that is tested of replicas on
// encrypted ones; nothing else does.
var everyKey []byte

// CanEncrypt tells whether this program can make and open encrypted replicas: nil, or an *Error with CodeNoCipher.
func CanEncrypt() error { return ciphers(context.Background()) }

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

// cipherQuery names the key to SQLite. It is used as it is: what has 32 random bytes needs no stretching.
func cipherQuery(q url.Values, key []byte) {
	if key != nil {
		q.Set("cipher", "chacha20")
		q.Set("hexkey", hex.EncodeToString(append([]byte("raw:"), key...)))
	}
}

// connect gives connections to a file. With a key, what SQLite sorts or copies on the way stays in memory: temporary files
// are not encrypted.
func connect(name string, key []byte) (*sql.DB, error) {
	if key == nil {
		return sql.Open("sqlite3", name)
	}
	return unspilled(name), nil
}

// unspilled gives connections to a file whose sorting stays in memory.
func unspilled(name string) *sql.DB {
	return sql.OpenDB(connector{name, &sqlite3.SQLiteDriver{ConnectHook: inMemory}})
}

type connector struct {
	name   string
	driver *sqlite3.SQLiteDriver
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c connector) Driver() driver.Driver                        { return c.driver }

func inMemory(c *sqlite3.SQLiteConn) error {
	if _, err := c.Exec("PRAGMA temp_store = MEMORY", nil); err != nil {
		return err
	}
	rows, err := c.Query("PRAGMA temp_store", nil)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	got := make([]driver.Value, 1)
	if err := rows.Next(got); err != nil || got[0] != int64(2) {
		return fmt.Errorf("device: SQLite does not keep temporary tables in memory: %v, %w", got[0], err)
	}
	return nil
}

// Encrypted tells whether a file is an encrypted replica, without its key.
func Encrypted(path string) (bool, error) {
	f, err := openRaw(path)
	if err != nil {
		return false, err
	}
	defer f.release()
	head, err := f.head()
	return headed(head), err
}

func (f *rawFile) head() ([]byte, error) {
	head := make([]byte, pageOneClear)
	n, err := f.ReadAt(head, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return head[:n], err
}

// fitting is opens for a file by its name.
func fitting(path string, key []byte) error {
	f, err := openRaw(path)
	if err != nil {
		return say(CodeDisk, err)
	}
	defer f.release()
	return f.opens(key)
}

// opens looks, before SQLite does, whether a key is that of a file. One that is not is no damage, and SQLite would call it
// that. What begins neither as one nor as the other kind of file is left to SQLite.
func (f *rawFile) opens(key []byte) error {
	head, err := f.head()
	info, e := f.Stat()
	if err = errors.Join(err, e); err != nil {
		return say(CodeDisk, err)
	}
	switch clear := inClear(head); {
	case len(head) == 0 || clear && key == nil:
		return nil
	case clear:
		return say(CodeInClear, nil)
	case key == nil && headed(head):
		return say(CodeEncrypted, nil)
	case key != nil && headed(head) && !newPageOpener(key).fits(f, info.Size()):
		return say(CodeWrongKey, nil)
	}
	return nil
}

// verifyCipher looks at the file itself: what begins like any SQLite file is in clear, whatever was asked for.
func (f *rawFile) verifyCipher(key []byte) error {
	if key == nil {
		return nil
	}
	head, err := f.head()
	if err != nil {
		return say(CodeDisk, err)
	}
	if !headed(head) {
		return say(CodeNoCipher, errors.New("the file is in clear"))
	}
	return nil
}
