package product

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/own"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// taken is how many records a phone takes in.
const taken = 100_000

// BenchmarkPhoneMemory is the most memory that a phone has while it takes in a grid of 100,000 records for the first time: what
// Go's heap has had from the system, and what SQLite had in use. The phone is a process of its own.
func BenchmarkPhoneMemory(b *testing.B) {
	f := newFullOf(b, taken, 50, 500)
	var most used
	for b.Loop() {
		b.StopTimer()
		j := f.job()
		b.StartTimer()
		u := alone(b, j)
		require.Equal(b, taken, u.Count)
		most.Go, most.SQLite = max(most.Go, u.Go), max(most.SQLite, u.SQLite)
	}
	b.ReportMetric(mib(most.Go+most.SQLite), "MiB")
	b.ReportMetric(mib(most.Go), "Go-MiB")
	b.ReportMetric(mib(most.SQLite), "SQLite-MiB")
}

// TestPhoneMemory: a phone that takes in little needs little, and what it has besides shows, whoever has it.
func TestPhoneMemory(t *testing.T) {
	const n, much = 100, 80 << 20
	f := newFullOf(t, n, 3, n)
	little := alone(t, f.job())
	require.Equal(t, n, little.Count)
	require.Positive(t, little.Go)
	require.Positive(t, little.SQLite)
	require.Less(t, little.Go+little.SQLite, int64(64<<20))
	j := f.job()
	j.Go = much
	require.GreaterOrEqual(t, alone(t, j).Go, int64(much))
	j = f.job()
	j.SQLite = much
	require.GreaterOrEqual(t, alone(t, j).SQLite, int64(much))
}

// job and used are what scripts/bench/alone reads and writes.
type (
	job struct {
		Replica, URL, Token, Count string
		Go, SQLite                 int64
	}
	used struct {
		Go, SQLite int64
		Count      int
	}
)

// job is that of a worker who has not come before.
func (f *full) job() job {
	f.t.Helper()
	p := f.newcomer(f.url)
	require.NoError(f.t, p.Close())
	return job{Replica: filepath.Join(f.dir, p.member.Device+".db"), URL: f.url, Token: p.member.Token(), Count: "SELECT count(*) FROM " + own.Table}
}

// phoneProgram is the phone that is measured.
var phoneProgram = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("BENCH_ALONE"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	folders = append(folders, dir)
	path := filepath.Join(dir, "alone")
	return path, overlay.Build("./scripts/bench/alone", path)
})

func alone(t testing.TB, j job) (u used) {
	t.Helper()
	path, err := phoneProgram()
	require.NoError(t, err)
	text, err := json.Marshal(j)
	require.NoError(t, err)
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &errs
	require.NoError(t, cmd.Run(), errs.String())
	require.NoError(t, json.Unmarshal(out.Bytes(), &u))
	return u
}
