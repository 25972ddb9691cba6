package device_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/feed"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// TestMain lets the test binary be the device that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("DOORSTEP_TEST_VICTIM"); path != "" {
		if err := victim(path, os.Getenv("DOORSTEP_TEST_CENTRE"), os.Getenv("DOORSTEP_TEST_HOUSEHOLD")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	removePrograms()
	os.Exit(code)
}

// victim writes changesets of two rows that share a token, tells each token when Write has returned, and syncs all
// the while. It never ends by itself.
func victim(path, url, household string) error {
	r, err := device.Open(path, device.Options{Clock: &hand{}})
	if err != nil {
		return err
	}
	remote, err := device.WebSocket(url, device.TokenText(deviceA), device.WebSocketOptions{})
	if err != nil {
		return err
	}
	go func() { _ = r.Run(context.Background(), remote, device.Events{}) }()
	for i := 0; ; i++ {
		token := fmt.Sprintf("%d-%d", os.Getpid(), i)
		_, err := r.Write(context.Background(), func(tx *device.Tx) error {
			for range 2 {
				if _, err := tx.Insert("resident", map[string]any{"household_id": household, "name": "居民", "notes": token}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Println(token); err != nil {
			return err
		}
	}
}

// byToken lets a token be the device's id.
type byToken struct{}

func (byToken) Authenticate(_ context.Context, token string) (gateway.Identity, error) {
	if len(token) != 36 {
		return gateway.Identity{}, gateway.ErrUnauthorised
	}
	return gateway.Identity{Account: "acc-" + token, Device: token}, nil
}

// serve puts the county behind the real gateway. It gives the centre's address.
func (c *county) serve(t testing.TB) string {
	t.Helper()
	bell := feed.New()
	ctr := centre.New(c.engine, c.store, centre.Options{Now: time.Now, Bell: bell.County(1)})
	g, err := gateway.New(gateway.Options{Auth: byToken{}, Centre: ctr, Bell: bell.County(1), Now: time.Now})
	require.NoError(t, err)
	srv := httptest.NewServer(g)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(bg, 10*time.Second)
		defer cancel()
		require.NoError(t, g.Shutdown(ctx))
		srv.Close()
		ctr.Close()
	})
	return srv.URL
}

// A device is killed without warning while it writes and syncs, again and again. What Write acknowledged is never
// lost, and no changeset is there by half: not in the file, and not at the centre.
func TestKill(t *testing.T) {
	kills, acked := number("DOORSTEP_KILLS", 50), number("DOORSTEP_KILL_ACKED", 10)
	c := newCounty(t)
	url := c.serve(t)
	path := filepath.Join(t.TempDir(), "a.db")
	r := c.device(t, path, deviceA)
	remote, err := device.WebSocket(url, device.TokenText(deviceA), device.WebSocketOptions{})
	require.NoError(t, err)
	synced(t, r, remote)
	id := household(t, r)
	synced(t, r, remote)

	random := rand.New(rand.NewPCG(1, 2))
	tokens := map[string]bool{}
	for range kills {
		for _, token := range killed(t, path, url, id, acked, time.Duration(random.IntN(15000))*time.Microsecond) {
			tokens[token] = true
		}
		require.Empty(t, shell(t, r, `PRAGMA integrity_check;`+"\n"+
			`SELECT notes FROM resident GROUP BY notes HAVING count(*) <> 2;`)[len("ok"):], "half a changeset")
		require.Equal(t, "0", shell(t, r, `SELECT applying FROM ds_control;`))
		here := strings.Fields(shell(t, r, `SELECT DISTINCT notes FROM resident;`))
		require.Subset(t, here, keys(tokens), "acknowledged and lost")
	}
	verdicts, err := strconv.Atoi(shell(t, r, `SELECT count(*) FROM ds_journal;`))
	require.NoError(t, err)
	require.Greater(t, verdicts, kills, "the victims synced while they wrote")
	report := synced(t, r, remote)
	require.Zero(t, report.Kinds[se.Rejected]+report.Kinds[se.Parked])
	require.Empty(t, outbox(t, r))
	here := map[string]int{}
	for _, token := range strings.Fields(shell(t, r, `SELECT notes FROM resident;`)) {
		here[token]++
	}
	require.Equal(t, here, c.notes(t), "the centre has what the device has, each once")
	require.Subset(t, keys(here), keys(tokens))
	require.Equal(t, "0", shell(t, r, `SELECT count(*) FROM ds_quarantine;`))
	t.Logf("%d kills, %d acknowledged, %d written, %d of them judged before the last sync", kills, len(tokens), len(here), verdicts)
}

// killed runs a victim until it has acknowledged enough, then for a moment longer, and gives what it acknowledged.
func killed(t *testing.T, path, url string, id se.RowID, acked int, more time.Duration) []string {
	t.Helper()
	ctx, end := context.WithTimeout(bg, time.Minute)
	defer end()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "DOORSTEP_TEST_VICTIM="+path, "DOORSTEP_TEST_CENTRE="+url, "DOORSTEP_TEST_HOUSEHOLD="+string(id))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var tokens []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		tokens = append(tokens, lines.Text())
		if len(tokens) == acked {
			time.AfterFunc(more, func() { _ = cmd.Process.Kill() })
		}
	}
	err = cmd.Wait()
	require.ErrorContains(t, err, "killed", "the device ended by itself: %s", &stderr)
	require.GreaterOrEqual(t, len(tokens), acked, "a minute was not enough for what it was to acknowledge: %s", &stderr)
	return tokens
}

// notes counts the residents at the centre by their notes.
func (c *county) notes(t testing.TB) map[string]int {
	t.Helper()
	out := map[string]int{}
	table := c.schema.Table("resident")
	i := table.CellIndex("notes")
	require.NoError(t, c.store.View(func(tx se.ReadTx) error {
		items, err := tx.Changed(grid, se.Position{}, 1<<20)
		for _, it := range items {
			if it.Row != nil && it.Row.Table == "resident" {
				out[it.Row.Cells[i].Values(table.Cells[i])[0].Str()]++
			}
		}
		return err
	}))
	return out
}

func keys(m any) (out []string) {
	switch m := m.(type) {
	case map[string]bool:
		for k := range m {
			out = append(out, k)
		}
	case map[string]int:
		for k := range m {
			out = append(out, k)
		}
	}
	return out
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}
