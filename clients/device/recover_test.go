package device_test

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// laden makes a replica with rows from the centre, verdicts and an outbox, some of it longer than a page, and closes it.
// With a log, the file is as a crash leaves it.
func laden(t testing.TB, c *county, log bool) (path string, outbox []*se.Changeset) {
	t.Helper()
	dir := t.TempDir()
	a := c.device(t, filepath.Join(dir, "a.db"), deviceA)
	synced(t, a, c)
	var ids []se.RowID
	for range 40 {
		ids = append(ids, household(t, a))
	}
	synced(t, a, c)
	for i := range 40 {
		_, err := a.Write(bg, func(tx *device.Tx) error {
			note := strconv.Itoa(i)
			if i%10 == 0 {
				note = strings.Repeat(note, 6000)[:1900]
			}
			if err := tx.Set("household", ids[i], map[string]any{"notes": note}); err != nil {
				return err
			}
			for j := range i % 3 * 8 {
				if err := tx.Set("household", ids[j], map[string]any{"notes": fmt.Sprint(note[:1], j)}); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	outbox, err := a.Session().Outbox(0, 1000)
	require.NoError(t, err)
	require.Len(t, outbox, 40)
	path = filepath.Join(dir, "base.db")
	if !log {
		require.NoError(t, a.Close())
	}
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(a.Path() + end)
		if os.IsNotExist(err) && end != "" {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+end, b, 0o600))
	}
	return path, outbox
}

// cellsOf asks Debian's shell how many rows lie in each page of the outbox: what may be lost with that page.
func cellsOf(t testing.TB, path string) map[int]int {
	t.Helper()
	const query = `SELECT pageno, pagetype, ncell FROM dbstat WHERE name = 'ds_outbox'`
	var out any
	var err error
	if device.EveryKey() != nil {
		out, err = sqlite(path, query)
	} else {
		out, err = exec.Command("sqlite3", "file:"+path+"?mode=ro&immutable=1", query).CombinedOutput()
	}
	require.NoError(t, err, "%s", out)
	cells := map[int]int{}
	for _, line := range strings.Fields(fmt.Sprintf("%s", out)) {
		x := strings.Split(line, "|")
		page, err := strconv.Atoi(x[0])
		require.NoError(t, err)
		switch x[1] {
		case "leaf":
			cells[page], err = strconv.Atoi(x[2])
			require.NoError(t, err)
		case "overflow":
			cells[page] = 1
		}
	}
	require.Greater(t, len(cells), 3)
	return cells
}

// hurt flips bits in one place of the file, or wipes a page. It gives the page.
func hurt(r *rand.Rand, b []byte) int {
	const size = 4096
	page := r.Intn(len(b) / size)
	if r.Intn(4) == 0 {
		page = 0 // the header and the catalogue, more often
	}
	at := page*size + r.Intn(size)
	switch r.Intn(4) {
	case 0:
		clear(b[page*size : (page+1)*size])
	case 1:
		b[at] ^= 1 << r.Intn(8)
	case 2:
		for i := range min(64, size-at%size) {
			b[at+i] = byte(r.Int())
		}
	case 3:
		b[page*size+r.Intn(120)] ^= byte(1 + r.Intn(255)) // headers of pages
	}
	return page + 1
}

// Whatever rots in a file: it works, or it is refused in plain words and recover brings back every changeset outside of
// the page that rotted, in order, none of them altered.
func TestBitFlipInFile(t *testing.T) {
	all := 40
	if n, err := strconv.Atoi(os.Getenv("DOORSTEP_TRIALS")); err == nil {
		all = n // the proofs ask for more
	}
	for _, log := range []bool{true, false} {
		t.Run(fmt.Sprint("log ", log), func(t *testing.T) {
			trials := all
			if log {
				trials /= 4
			}
			c := newCounty(t)
			base, outbox := laden(t, c, log)
			var cells map[int]int
			if !log {
				cells = cellsOf(t, base)
			}
			pristine, err := os.ReadFile(base)
			require.NoError(t, err)
			wal, _ := os.ReadFile(base + "-wal")
			require.Equal(t, log, len(wal) > 0)
			works, whole, lost := 0, 0, 0
			for i := range trials {
				r := rand.New(rand.NewSource(int64(i)))
				b, w := append([]byte{}, pristine...), append([]byte{}, wal...)
				page, most := 0, len(outbox)
				if log && r.Intn(2) == 0 {
					w[r.Intn(len(w))] ^= 1 << r.Intn(8)
				} else if page = hurt(r, b); !log {
					most = cells[page]
				}
				path := filepath.Join(quick(t), "a.db")
				require.NoError(t, os.WriteFile(path, b, 0o600))
				if log {
					require.NoError(t, os.WriteFile(path+"-wal", w, 0o600))
				}
				got, refused := recoveredOutbox(t, path)
				missing := len(outbox)
				for _, cs := range got {
					if cs.Hole() || cs.N < outbox[0].N { // asked for again
						require.True(t, refused)
						continue
					}
					require.Equal(t, outbox[cs.N-outbox[0].N], cs, "trial %d: altered", i)
					missing--
				}
				if log && !refused {
					require.Less(t, missing, 2, "trial %d: commits vanished from the log in silence", i)
				}
				if !log {
					require.LessOrEqual(t, missing, most, "trial %d, page %d", i, page)
				}
				switch {
				case !refused:
					works++
				case missing == 0:
					whole++
				default:
					lost++
				}
			}
			t.Logf("%d trials: %d files work as they are, %d recovered whole, %d but for what lay in the damaged page", trials, works, whole, lost)
			require.Positive(t, works)
			require.Positive(t, whole)
			figures.Of(t, figures.Damaged, trials)
		})
	}
}

// quick is a folder in memory where there is one: hundreds of files are made.
func quick(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "doorstep")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// recoveredOutbox opens a damaged file, recovers it if it is refused or what it holds is not sound, and gives its outbox.
func recoveredOutbox(t testing.TB, path string) (out []*se.Changeset, refused bool) {
	t.Helper()
	r, err := device.Open(path, device.Options{Clock: &hand{}})
	if err == nil {
		if out, err = r.Session().Outbox(0, 1000); err == nil {
			_, err = r.Status(bg)
		}
		require.NoError(t, r.Close())
	}
	if err == nil {
		return ordered(t, out), false
	}
	var e *device.Error
	require.ErrorAs(t, err, &e, "not in plain words: %v", err)
	require.NotEmpty(t, e.In("zh-CN"))
	if e.Code == device.CodeNewer || e.Code == device.CodeCounty {
		return nil, true // the number of the version rotted: nothing is changed
	}
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	done, err := device.Recover(path, device.Options{Clock: &hand{}})
	require.NoError(t, err)
	require.False(t, done.Sound)
	require.Equal(t, deviceA, done.Identity.Device)
	require.Equal(t, "acc-"+deviceA, done.Identity.Account)
	after, err := os.ReadFile(done.Aside)
	require.NoError(t, err)
	require.Equal(t, before, after, "what was set aside is as it was")
	r, err = device.Open(path, device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, "ok", strings.TrimSpace(shell(t, r, `PRAGMA integrity_check;`)))
	out, err = r.Session().Outbox(0, 1000)
	require.NoError(t, err)
	return ordered(t, out), true
}

// ordered checks that each changeset follows the one before by number and hash.
func ordered(t testing.TB, list []*se.Changeset) []*se.Changeset {
	t.Helper()
	for i := 1; i < len(list); i++ {
		require.Greater(t, list[i].N, list[i-1].N)
		if list[i].N == list[i-1].N+1 {
			require.Equal(t, list[i-1].Hash(), list[i].Prev)
		}
	}
	return list
}
