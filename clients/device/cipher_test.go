//go:build libsqlite3

package device_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// These tests run in a program that is linked with SQLite3MultipleCiphers: scripts/ciphers.sh go test ./clients/device

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func keyed(b byte) device.Options { return device.Options{Clock: &hand{}, Cipher: keyOf(b)} }

// folder gives every file beside a replica with its bytes.
func folder(t testing.TB, path string) map[string]string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	require.NoError(t, err)
	out := map[string]string{}
	for _, name := range list {
		b, err := exec.Command("cat", name).Output()
		require.NoError(t, err)
		out[filepath.Base(name)] = string(b)
	}
	return out
}

// bare searches the bytes of every file beside a replica, as they are.
func bare(t testing.TB, path, text string) (files []string) {
	t.Helper()
	for name, b := range folder(t, path) {
		if strings.Contains(b, text) {
			files = append(files, name)
		}
	}
	return files
}

func TestEncryptedReplicaOpensByItsKeyAlone(t *testing.T) {
	defer device.InClear()()
	_, r := worker(t, keyed(1))
	path := r.Path()
	insert(t, r, "dwelling", map[string]any{"building_id": building, "unit_no": "1", "room_no": canary, "scope": grid})
	for _, name := range []string{"temp_store", "synchronous", "secure_delete"} {
		n, err := r.Pragma(name)
		require.NoError(t, err)
		require.EqualValues(t, map[string]int64{"temp_store": 2, "synchronous": 2, "secure_delete": 1}[name], n, name)
	}
	require.NoError(t, r.Close())
	before := folder(t, path)
	plain := create(t)
	require.NoError(t, plain.Close())
	clear := folder(t, plain.Path())
	for name, x := range map[string]struct {
		path string
		key  []byte
		code device.Code
	}{
		"another key": {path, keyOf(2), device.CodeWrongKey},
		"no key":      {path, nil, device.CodeEncrypted},
		"in clear":    {plain.Path(), keyOf(1), device.CodeInClear},
	} {
		for verb, call := range map[string]func() error{
			"open":    func() error { _, err := device.Open(x.path, device.Options{Cipher: x.key}); return err },
			"recover": func() error { _, err := device.Recover(x.path, device.Options{Cipher: x.key}); return err },
			"rekey":   func() error { _, err := device.Rekey(x.path, device.Options{Cipher: x.key}, keyOf(3)); return err },
		} {
			if verb == "rekey" && x.code == device.CodeInClear {
				continue // said below
			}
			err := call()
			require.Equal(t, x.code, device.CodeOf(err), "%s with %s: %v", verb, name, err)
			var e *device.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.In("zh-CN"))
			require.False(t, e.Retry)
		}
	}
	_, _, err := device.Anchor(bg, path)
	require.Equal(t, device.CodeEncrypted, device.CodeOf(err))
	require.Equal(t, before, folder(t, path), "nothing was changed")
	require.Equal(t, clear, folder(t, plain.Path()))
	again, err := device.Open(path, keyed(1))
	require.NoError(t, err)
	defer again.Close()
	rows, err := again.List(bg, "dwelling", map[string]any{"room_no": canary}, 0)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Len(t, outbox(t, again), 1)
}

// Whatever a replica writes beside itself, nothing of a record is in clear there; of one that is in clear, all of it is.
func TestNothingOfAnEncryptedReplicaIsInClear(t *testing.T) {
	defer device.InClear()()
	look := func(opts device.Options) (files []string) {
		c, a := worker(t, opts)
		id := canaries(t, a, 1)
		synced(t, a, c)
		_, err := a.Write(bg, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": canary}) })
		require.NoError(t, err)
		outside, err := device.ForeignKey(a.Path(), "mode=rw&_busy_timeout=10000", opts.Cipher)
		require.NoError(t, err)
		_, err = outside.Exec(`UPDATE household SET notes = 'by another program, ' || ?`, canary)
		require.NoError(t, err)
		require.NotZero(t, size(t, a.Path()+"-wal"))
		require.NoError(t, a.SetAside(2)) // as before a restored centre's snapshot
		require.FileExists(t, a.Path()+".epoch1")
		files = whileSorting(t, a)
		require.NoError(t, outside.Close())
		require.NoError(t, a.Close())
		files = append(files, bare(t, a.Path(), canary)...)

		f, err := os.OpenFile(a.Path(), os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = f.WriteAt(make([]byte, 4096), 4096)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		done, err := device.Recover(a.Path(), opts)
		require.NoError(t, err)
		require.FileExists(t, done.Aside)
		require.NotZero(t, done.Unsent)
		return append(files, bare(t, a.Path(), canary)...)
	}
	require.Empty(t, look(keyed(1)))
	plain := strings.Join(look(device.Options{Clock: &hand{}}), " ")
	for _, name := range []string{"a.db", "a.db-wal", "a.db.epoch1", "a.db.damaged1"} {
		require.Contains(t, plain, name, "the search finds what is there")
	}
}

// whileSorting searches while a result that is larger than a cache is sorted: where that went into files they would be found.
func whileSorting(t testing.TB, a *device.Replica) []string {
	t.Helper()
	list, err := a.Query(bg, `SELECT h.notes FROM household h, (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000) SELECT x FROM c) ORDER BY h.notes, x DESC`)
	require.NoError(t, err)
	defer list.Close()
	require.True(t, list.Next())
	require.NoError(t, list.Err())
	return bare(t, a.Path(), canary)
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

// The pages that Recover reads without SQLite are those that SQLite wrote.
func TestPagesOpenWithoutSQLite(t *testing.T) {
	defer device.InClear()()
	_, r := worker(t, keyed(1))
	for range 50 {
		canaries(t, r, 1)
	}
	require.NoError(t, r.Close())
	b, err := os.ReadFile(r.Path())
	require.NoError(t, err)
	const page = 4096
	require.Greater(t, len(b), 20*page)
	for at := 0; at < len(b); at += page {
		_, sound := device.OpenPage(keyOf(1), uint32(at/page+1), b[at:at+page])
		require.True(t, sound, "page %d", at/page+1)
		_, sound = device.OpenPage(keyOf(2), uint32(at/page+1), b[at:at+page])
		require.False(t, sound)
		_, sound = device.OpenPage(keyOf(1), uint32(at/page+2), b[at:at+page])
		require.False(t, sound, "it is bound to its place")
	}
	first, _ := device.OpenPage(keyOf(1), 1, b[:page])
	require.True(t, bytes.HasPrefix(first, []byte("SQLite format 3\x00")))
	require.Contains(t, string(device.Opened(keyOf(1), b)), canary)
	for i := range page {
		if i >= 16 && i < 24 {
			continue // in clear, and part of what the tag is over
		}
		hurt := bytes.Clone(b[:page])
		hurt[i] ^= 1
		_, sound := device.OpenPage(keyOf(1), 1, hurt)
		require.False(t, sound, "byte %d", i)
	}
	whole, parts := make([]byte, 256), make([]byte, 256)
	device.KeyStream(keyOf(7), make([]byte, 12), 1<<32-2, whole)
	for i, at := range []uint32{1<<32 - 2, 1<<32 - 1, 0, 1} {
		device.KeyStream(keyOf(7), make([]byte, 12), at, parts[i*64:i*64+64])
	}
	require.Equal(t, parts, whole, "the counter begins anew")
}

// A replica in clear is written anew under a key, and one under a key under another: all of it, chain and outbox included.
// Nothing of the old file is left, not even in the blocks that it had.
func TestRekey(t *testing.T) {
	defer device.InClear()()
	c, a := worker(t, device.Options{Clock: &hand{}})
	canaries(t, a, 1)
	synced(t, a, c)
	canaries(t, a, 2)
	path, sent := a.Path(), outbox(t, a)
	require.NoError(t, a.SetAside(2))
	require.NoError(t, a.Close())
	opts := device.Options{Clock: &hand{}}
	for n := byte(1); n <= 2; n++ {
		inode, err := os.OpenFile(path, os.O_RDONLY, 0)
		require.NoError(t, err)
		left, err := device.Rekey(path, opts, keyOf(n))
		require.NoError(t, err)
		require.Equal(t, []string{path + ".epoch1"}, left, "a copy that was set aside is as it was")
		old, err := io.ReadAll(inode)
		require.NoError(t, err)
		require.NoError(t, inode.Close())
		require.NotEmpty(t, old)
		require.Empty(t, bytes.Trim(old, "\x00"), "the old file was overwritten")
		_, err = device.Open(path, opts)
		require.Equal(t, map[byte]device.Code{1: device.CodeEncrypted, 2: device.CodeWrongKey}[n], device.CodeOf(err))
		opts.Cipher = keyOf(n)
		r, err := device.Open(path, opts)
		require.NoError(t, err)
		require.Equal(t, sent, outbox(t, r))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NoError(t, r.DropAsides())
		require.Empty(t, bare(t, path, canary))
		require.NoError(t, r.SetAside(2))
		require.NoError(t, r.Close())
	}
	r, err := device.Open(path, opts)
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, len(sent), synced(t, r, c).Kinds[se.Accepted], "and it goes on")
	list, err := filepath.Glob(path + ".re*")
	require.NoError(t, err)
	require.Empty(t, list)
	_, err = device.Rekey(path, opts, nil)
	require.Error(t, err)
}

// Another program that has the file open is not written past.
func TestRekeyLeavesAFileInUseAlone(t *testing.T) {
	defer device.InClear()()
	_, a := worker(t, device.Options{Clock: &hand{}})
	canaries(t, a, 1)
	busy, err := sql.Open("sqlite3", "file:"+a.Path()+"?_busy_timeout=10")
	require.NoError(t, err)
	defer busy.Close()
	var n int
	require.NoError(t, busy.QueryRow(`SELECT count(*) FROM household`).Scan(&n))
	require.NoError(t, a.Close())
	_, err = device.Rekey(a.Path(), device.Options{BusyTimeout: 1e7}, keyOf(1))
	require.Equal(t, device.CodeBusy, device.CodeOf(err), "%v", err)
	encrypted, err := device.Encrypted(a.Path())
	require.NoError(t, err)
	require.False(t, encrypted)
	_, err = busy.Exec(`UPDATE household SET notes = 'still mine'`)
	require.NoError(t, err)
}

// Cut off at every step of the exchange, the next program finds a whole replica, old or new, and finishes.
func TestRekeySurvivesEveryCut(t *testing.T) {
	for name, x := range map[string]struct {
		cut  func(path string) error
		key  []byte // that opens it then
		stay []string
	}{
		"copied":      {func(string) error { return nil }, nil, []string{device.Rekeyed}},
		"moved":       {func(p string) error { return os.Rename(p, p+device.Replaced) }, keyOf(1), nil},
		"in place":    {func(p string) error { return join(os.Rename(p, p+device.Replaced), os.Rename(p+device.Rekeyed, p)) }, keyOf(1), nil},
		"new is gone": {func(p string) error { return join(os.Rename(p, p+device.Replaced), os.Remove(p+device.Rekeyed)) }, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			defer device.InClear()()
			_, a := worker(t, device.Options{Clock: &hand{}})
			canaries(t, a, 1)
			path, sent := a.Path(), outbox(t, a)
			require.NoError(t, a.Close())
			require.NoError(t, device.CopyUnder(path, device.Options{}, keyOf(1)))
			require.NoError(t, x.cut(path))
			r, err := device.Open(path, device.Options{Clock: &hand{}, Cipher: x.key})
			require.NoError(t, err)
			require.Equal(t, sent, outbox(t, r))
			require.NoError(t, r.Close())
			require.NoFileExists(t, path+device.Replaced)
			_, err = device.Rekey(path, device.Options{Cipher: x.key}, keyOf(2))
			require.NoError(t, err)
			r, err = device.Open(path, keyed(2))
			require.NoError(t, err)
			require.Equal(t, sent, outbox(t, r))
			require.NoError(t, r.Close())
			require.Empty(t, bare(t, path, canary))
			list, err := filepath.Glob(path + ".re*")
			require.NoError(t, err)
			require.Empty(t, list)
		})
	}
}

func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// The key lies beside the replica under a PIN, is changed with the replica's, and goes with it.
func TestCipherUnderAPIN(t *testing.T) {
	defer device.InClear()()
	path := filepath.Join(t.TempDir(), "a.db")
	key, err := device.NewCipher(path, "2468", bytes.NewReader(keyOf(9)))
	require.NoError(t, err)
	r, err := device.Create(path, device.Options{Cipher: key, Clock: &hand{}})
	require.NoError(t, err)
	adopt(t, r)
	id := dwelling(t, r)
	require.NoError(t, r.Close())
	_, err = device.NewCipher(path, "2468", bytes.NewReader(keyOf(9)))
	require.Equal(t, device.CodeExists, device.CodeOf(err))
	require.Empty(t, bare(t, path, string(keyOf(9))))
	back, err := device.CipherOf(path, "2468")
	require.NoError(t, err)
	require.Equal(t, key, back)
	_, err = device.CipherOf(path, "2469")
	require.Equal(t, device.CodeWrongKey, device.CodeOf(err))
	_, err = device.CipherOf(path, "")
	require.Equal(t, device.CodeEncrypted, device.CodeOf(err))

	require.ErrorIs(t, device.SetPIN(path, "1111", "13579"), device.ErrPIN)
	require.NoError(t, device.SetPIN(path, "2468", "13579"))
	require.NoError(t, device.SetPIN(path, "2468", "13579"), "said again")
	_, err = device.CipherOf(path, "2468")
	require.Equal(t, device.CodeWrongKey, device.CodeOf(err))

	_, err = device.RekeyUnder(path, device.Options{Cipher: key, Rand: bytes.NewReader(keyOf(8))}, "13579")
	require.NoError(t, err)
	back, err = device.CipherOf(path, "13579")
	require.NoError(t, err)
	require.Equal(t, keyOf(8), back)
	// Cut off when the file was under the new key, and the new key not in the old one's place.
	require.NoError(t, os.Rename(device.CipherPath(path), device.CipherPath(path)+".next"))
	require.NoError(t, (&device.FileKeeper{Path: device.CipherPath(path), PIN: "13579"}).Store(key))
	back, err = device.CipherOf(path, "13579")
	require.NoError(t, err)
	require.Equal(t, keyOf(8), back)
	require.NoFileExists(t, device.CipherPath(path)+".next")
	r, err = device.Open(path, device.Options{Cipher: back})
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, device.MarkSaved, mark(t, r, "household", id))
}

// What a write and an apply cost under a key, beside the same in clear: go test -bench Cipher.
func BenchmarkCipher(b *testing.B) {
	defer device.InClear()()
	for name, opts := range map[string]device.Options{"clear": {Clock: &hand{}}, "encrypted": keyed(1)} {
		b.Run("one/"+name, func(b *testing.B) {
			b.StopTimer()
			r := measured(b, opts)
			id := dwelling(b, r)
			b.StartTimer()
			for i := range b.N {
				write(b, r, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": fmt.Sprint(i)}) })
			}
		})
		b.Run("many/"+name, func(b *testing.B) {
			for range b.N {
				r := measured(b, opts)
				write(b, r, func(tx *device.Tx) error {
					for i := range 10_000 {
						if _, err := tx.Insert("household", map[string]any{"dwelling_id": building, "phone": "13812345678", "notes": fmt.Sprint(i)}); err != nil {
							return err
						}
					}
					return nil
				})
			}
		})
	}
}

func measured(b *testing.B, opts device.Options) *device.Replica {
	b.Helper()
	r, err := device.Create(filepath.Join(b.TempDir(), "a.db"), opts)
	require.NoError(b, err)
	b.Cleanup(func() { _ = r.Close() })
	adopt(b, r)
	return r
}
