package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const printed = `machine: 2 processors, Some CPU @ 2.00GHz, 24 GiB, linux
commit: 0123456789ab
go: go1.26.9
sqlite: 3.54.1
rounds: 2
side: floor
goos: linux
pkg: github.com/doorstep-sync/doorstep/scripts/bench/floor
BenchmarkBacklogMany-2   	       5	  100000000 ns/op	         2.000 commits/op	     50000 records/s
PASS
side: product
BenchmarkBacklogMany-2
    backlog_test.go:1: something was logged
BenchmarkBacklogMany-2   	       3	  150000000 ns/op	        12.50 commits/op
PASS
side: floor
BenchmarkBacklogMany-2   	       5	  120000000 ns/op	         3.000 commits/op	     50000 records/s
BenchmarkFanOut-2        	       5	   50000000 ns/op	    300000 deliveries/s
side: product
BenchmarkBacklogMany-2   	       3	  130000000 ns/op	         7.500 commits/op
BenchmarkFanOut          	       3	  100000000 ns/op	    150000 deliveries/s	         9.500 KiB/listener
BenchmarkGrowth/Change/rows=10000-2         	     300	    100000 ns/op
BenchmarkGrowth/Change/rows=1000000-2       	     300	    160000 ns/op
ok  	github.com/doorstep-sync/doorstep/scripts/bench/product	9.9s
`

var all = regexp.MustCompile("")

func parsed(t *testing.T) *log {
	t.Helper()
	l, err := parse(strings.NewReader(printed))
	require.NoError(t, err)
	return l
}

func find(t *testing.T, rows []row, name, unit, floor string) *row {
	t.Helper()
	for i := range rows {
		if r := &rows[i]; r.name == name && r.unit == unit && r.floor == floor {
			return r
		}
	}
	t.Fatalf("no goal for %s of %s", unit, name)
	return nil
}

func TestParse(t *testing.T) {
	l := parsed(t)
	require.Equal(t, "2 processors, Some CPU @ 2.00GHz, 24 GiB, linux", l.about["machine"])
	require.Equal(t, []float64{100e6, 120e6}, l.figures[floors]["BacklogMany"]["ns/op"])
	require.Equal(t, []float64{12.5, 7.5}, l.figures[products]["BacklogMany"]["commits/op"])
	require.Equal(t, []float64{9.5}, l.figures[products]["FanOut"]["KiB/listener"])
	require.NotContains(t, l.figures[products], "Live")
	for _, bad := range []string{"BenchmarkX-2 1 5", "BenchmarkX-2 1 5 ns/op 7", "BenchmarkX-2 1 five ns/op"} {
		_, err := parse(strings.NewReader(bad))
		if len(strings.Fields(bad)) < 4 {
			require.NoError(t, err, bad)
			continue
		}
		require.ErrorContains(t, err, "X: ", bad)
	}
}

func TestRows(t *testing.T) {
	rows := rowsOf(parsed(t), all)
	many := find(t, rows, "BacklogMany", "ns/op", "BacklogMany")
	require.Equal(t, spread{110e6, 100e6, 120e6}, many.base)
	require.Equal(t, spread{140e6, 130e6, 150e6}, many.product)
	require.InDelta(t, 140.0/110, many.times(), 1e-9)
	require.Equal(t, "yes", many.reached(), "1.27x of at most 1.3x")
	many.product.median = 144e6
	require.Equal(t, "**no**", many.reached())
	require.Equal(t, "not run", find(t, rows, "BacklogMany", "ns/op", "BacklogManyOwn").reached(), "that floor was not")

	rate := find(t, rows, "FanOut", "deliveries/s", "FanOut")
	require.InDelta(t, 0.5, rate.times(), 1e-9)
	require.Equal(t, "yes", rate.reached())
	rate.product.median = 100_000
	require.Equal(t, "**no**", rate.reached())

	require.Equal(t, "yes", find(t, rows, "FanOut", "deliveries/s", "").reached())
	require.Equal(t, "yes", find(t, rows, "FanOut", "KiB/listener", "").reached())
	require.Equal(t, "not run", find(t, rows, "Live", "p50-ms", "Live").reached())
	require.Equal(t, "not run", find(t, rows, "Idle", "MiB", "").reached(), "nothing is not less than 150")
	require.Equal(t, "≤ 1.30x", many.says())
	require.Equal(t, "≥ 100,000", find(t, rows, "FanOut", "deliveries/s", "").says())
	require.Equal(t, "≤ 146 (derived)", find(t, rows, "Conflicts", "ns/op", "").says())

	grown := find(t, rows, "Growth/Change/rows=1000000", "ns/op", "")
	require.InDelta(t, 1.6, grown.times(), 1e-9)
	require.Equal(t, "**no**", grown.reached())

	require.Len(t, rowsOf(parsed(t), regexp.MustCompile("^FanOut$")), 3)
	require.Len(t, rowsOf(parsed(t), regexp.MustCompile("^Growth$")), 10, "it has several benchmarks")
}

// Every goal is of a workload that is run with what it is held against, and each workload has one.
func TestGoalsHaveWorkloads(t *testing.T) {
	ours := map[string][]string{}
	for _, w := range workloads {
		ours[w.name] = w.floors
		require.NotEmpty(t, w.times)
	}
	of := map[string]bool{}
	for _, g := range goals {
		name, _, _ := strings.Cut(g.name, "/")
		require.Contains(t, ours, name)
		if g.floor != "" {
			require.Contains(t, ours[name], g.floor)
		}
		require.True(t, strings.HasPrefix(g.small, name) || g.small == "")
		of[name] = true
	}
	require.Len(t, of, len(workloads))
}

// A goal may be beside a second floor, or beside the product itself with less to do.
func TestBeside(t *testing.T) {
	l, err := parse(strings.NewReader(`side: floor
BenchmarkFirstSyncFileOwn-2 5 40000000 ns/op 2600000 wire-B
BenchmarkFirstSyncRowsOwn-2 5 160000000 ns/op 1500000 wire-B
side: product
BenchmarkFirstSync-2 5 80000000 ns/op 1650000 wire-B
BenchmarkGrowth/Feed/rows=10000-2 300 1000000 ns/op
BenchmarkGrowth/Feed/rows=1000000-2 300 1600000 ns/op
`))
	require.NoError(t, err)
	rows := rowsOf(l, all)
	got, seen := map[string]float64{}, map[string]string{}
	for _, r := range rows {
		if r.name == "FirstSync" && r.floor != "" {
			got[r.floor+" "+r.unit] = r.times()
		}
		if r.small != "" {
			seen[r.name] = r.reached()
		}
	}
	require.InDeltaMapValues(t, map[string]float64{"FirstSyncFileOwn ns/op": 2, "FirstSyncRowsOwn ns/op": 0.5, "FirstSyncRowsOwn wire-B": 1.1}, got, 1e-9)
	require.Equal(t, "**no**", seen["Growth/Feed/rows=1000000"])
	require.Equal(t, "not run", seen["Growth/Feed/rows=10000000"])
	require.Equal(t, "not run", seen["Growth/Change/rows=1000000"])
}

func TestSpread(t *testing.T) {
	require.Equal(t, spread{}, spreadOf(nil))
	require.Equal(t, spread{2, 1, 9}, spreadOf([]float64{9, 1, 2}))
	require.Equal(t, spread{3, 1, 9}, spreadOf([]float64{9, 1, 2, 4}))
	for text, x := range map[string]float64{"1,234,567": 1234567, "123": 123.4, "12.3": 12.34, "1.23": 1.234, "0.01": 0.0123, "12,346": 12345.6, "3": 3} {
		require.Equal(t, text, figure(x, "records/s"))
	}
	require.Equal(t, "1.50", figure(1.5e6, "ns/op"))
	require.Equal(t, "-", spread{}.in("ns/op"))
}

func TestTurns(t *testing.T) {
	o := options{only: regexp.MustCompile("^BacklogOne")}
	require.Equal(t, []turn{{floors, "BacklogOne", "5x"}, {floors, "BacklogOneOwn", "5x"}, {products, "BacklogOne", "3x"},
		{floors, "BacklogOneBulkOwn", "5x"}, {products, "BacklogOneBulk", "3x"}}, o.turns())
	o.only = regexp.MustCompile("^Live|Idle")
	require.Equal(t, []turn{{floors, "Live", "400x"}, {floors, "LiveOwn", "400x"}, {products, "Live", "400x"}, {products, "Idle", "1x"}}, o.turns())
}

// The whole way from what was printed to page and drawing; the page around the figures stays.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	from, page, plot := filepath.Join(dir, "printed"), filepath.Join(dir, "page.md"), filepath.Join(dir, "plot.svg")
	require.NoError(t, os.WriteFile(from, []byte(printed), 0o600))
	require.NoError(t, os.WriteFile(page, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600))
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-from", from, "-page", page, "-plot", plot}, &out))
	require.Contains(t, out.String(), "- commit: 0123456789ab\n")
	require.Contains(t, out.String(), "| W2 100 phones with 50 records each | ms | 110 [100 - 120] | 140 [130 - 150] | 1.27x | ≤ 1.30x | yes |\n")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, "before\n"+begin+"\n"+out.String()+"\n"+end+"after\n", string(text))
	require.NoError(t, run(t.Context(), []string{"-from", from, "-page", page}, io.Discard))
	again, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))

	drawn, err := os.ReadFile(plot)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(drawn, new(struct{})))
	require.Equal(t, 2, strings.Count(string(drawn), "<rect x="), "a bar for each ratio that was measured")
	require.Contains(t, string(drawn), ">1.27x<")
	require.Contains(t, string(drawn), ">2x<", "half the rate is twice the cost")

	require.NoError(t, os.WriteFile(page, []byte("nothing"), 0o600))
	require.ErrorContains(t, run(t.Context(), []string{"-from", from, "-page", page}, io.Discard), "has no place for figures")
	require.Error(t, run(t.Context(), []string{"-run", "("}, io.Discard))
}
