package main

import (
	"cmp"
	"fmt"
)

// workload is a benchmark of the product, and those of the floor that it is held against.
type workload struct {
	name   string // without Benchmark, as all names here
	times  string // -benchtime, in each round
	floors []string
}

var workloads = []workload{
	{"FirstSync", "5x", []string{"FirstSyncFileOwn", "FirstSyncRowsOwn"}},
	{"FirstSyncCold", "3x", []string{"FirstSyncFileOwn"}},
	{"BacklogOne", "3x", []string{"BacklogOne", "BacklogOneOwn"}},
	{"BacklogOneBulk", "3x", []string{"BacklogOne", "BacklogOneBulkOwn"}},
	{"BacklogMany", "3x", []string{"BacklogMany", "BacklogManyOwn"}},
	{"Live", "400x", []string{"Live", "LiveOwn"}},
	{"FanOut", "3x", []string{"FanOut"}},
	{"Conflicts", "3x", []string{"Conflicts"}},
	{"Idle", "1x", nil},
	{"Restart", "5x", nil},
	{"Growth", "300x", nil},
	{"Capture", "3x", nil},
	{"PhoneMemory", "1x", nil},
	{"WeakLine", "1x", nil},
}

// often is the -benchtime of floors that take another one than the usual.
var often = map[string]string{"Live": "400x", "LiveOwn": "400x"}

func timesOf(floor string) string { return cmp.Or(often[floor], "5x") }

// goal is a bound of one figure of a workload: of itself, or of its ratio to another figure.
type goal struct {
	what   string
	name   string  // of the benchmark
	unit   string  //
	floor  string  // the ratio is to that one of the floor's
	small  string  // the ratio is to that one of the product's: at a smaller size, or without what it does
	most   float64 // 0 = no upper bound
	least  float64 // 0 = no lower bound
	reason string  // "" = the issue says so
}

// derived marks bounds that rest on a peer's figure from another sitting on a machine of this kind. bench:peers measures peers.
const derived = "derived"

var goals = []goal{
	{what: "W1 first sync of 20,000 records, beside a ready file", name: "FirstSync", unit: "ns/op", floor: "FirstSyncFileOwn", most: 2.5},
	{what: "W1 first sync, a fifteenth of Zero's 991 ms", name: "FirstSync", unit: "ns/op", most: 991e6 / 15, reason: derived},
	{what: "W1 beside rows", name: "FirstSync", unit: "ns/op", floor: "FirstSyncRowsOwn"},
	{what: "W1 bytes, beside columns", name: "FirstSync", unit: "wire-B", floor: "FirstSyncRowsOwn", most: 1.2},
	{what: "W1 at a centre that was just started", name: "FirstSyncCold", unit: "ns/op", floor: "FirstSyncFileOwn"},
	{what: "W2 5,000 from one phone, a record a changeset", name: "BacklogOne", unit: "ns/op", floor: "BacklogOne", most: 1.3},
	{what: "W2 the same, in our own tables", name: "BacklogOne", unit: "ns/op", floor: "BacklogOneOwn"},
	{what: "W2 5,000 from one phone, 500 a changeset", name: "BacklogOneBulk", unit: "ns/op", floor: "BacklogOne", most: 1.3},
	{what: "W2 the same, in our own tables", name: "BacklogOneBulk", unit: "ns/op", floor: "BacklogOneBulkOwn"},
	{what: "W2 a sixth of express-pouchdb's 712 ms", name: "BacklogOneBulk", unit: "ns/op", most: 712e6 / 6, reason: derived},
	{what: "W2 100 phones with 50 records each", name: "BacklogMany", unit: "ns/op", floor: "BacklogMany", most: 1.3},
	{what: "W2 the same, in our own tables", name: "BacklogMany", unit: "ns/op", floor: "BacklogManyOwn"},
	{what: "W2 an eighth of express-pouchdb's 1,085 ms", name: "BacklogMany", unit: "ns/op", most: 1085e6 / 8, reason: derived},
	{what: "W2 groups committed for 100 phones", name: "BacklogMany", unit: "commits/op", most: 99, reason: "fewer than phones"},
	{what: "W3 live, 20 a second, p50", name: "Live", unit: "p50-ms", floor: "Live", most: 1.5},
	{what: "W3 live, p50, beside our own tables", name: "Live", unit: "p50-ms", floor: "LiveOwn"},
	{what: "W3 live, p95", name: "Live", unit: "p95-ms", floor: "Live"},
	{what: "W3 live, p99", name: "Live", unit: "p99-ms", floor: "Live", most: 2},
	{what: "W3 live, p50: a sixth of Zero's 15.1 ms", name: "Live", unit: "p50-ms", most: 15.1 / 6, reason: derived},
	{what: "W4 fan-out to 500", name: "FanOut", unit: "deliveries/s", floor: "FanOut", least: 0.4},
	{what: "W4 fan-out to 500, deliveries a second", name: "FanOut", unit: "deliveries/s", least: 100_000},
	{what: "W4 memory of the centre, KiB a listener", name: "FanOut", unit: "KiB/listener", most: 10},
	{what: "W5 1,000 records edited on two phones", name: "Conflicts", unit: "ns/op", floor: "Conflicts", most: 3},
	{what: "W5 an eighth of CouchDB's 1,167 ms", name: "Conflicts", unit: "ns/op", most: 1167e6 / 8, reason: derived},
	{what: "W5 edits of different columns, merged", name: "Conflicts", unit: "merged/op", least: 500},
	{what: "W5 edits of one column, the other one queued", name: "Conflicts", unit: "queued/op", least: 500},
	{what: "idle: the centre with 10,000 connected", name: "Idle", unit: "MiB", most: 150},
	{what: "idle: devices connected", name: "Idle", unit: "devices"},
	{what: "restart to first verdict, a million changes", name: "Restart", unit: "ns/op", most: 1000e6},
	{what: "capture: 20,000 rows inserted by any program, beside plain tables", name: "Capture/Insert/captured", unit: "ns/op", small: "Capture/Insert/plain", most: 2},
	{what: "capture: two columns of each updated", name: "Capture/Update/captured", unit: "ns/op", small: "Capture/Update/plain", most: 2},
	{what: "phone: memory at most while 100,000 records come in", name: "PhoneMemory", unit: "MiB", most: 64},
	{what: "phone: of it Go's heap", name: "PhoneMemory", unit: "Go-MiB"},
	{what: "weak line: first sync of 5,000 records, bytes, beside columns", name: "WeakLine/First", unit: "down-B", small: "WeakLine/Columns", most: 1.2},
	{what: "weak line: the same, seconds on the line", name: "WeakLine/First", unit: "line-s", small: "WeakLine/Columns"},
	{what: "weak line: a worker's day, bytes up", name: "WeakLine/Day", unit: "up-B"},
	{what: "weak line: a worker's day, bytes down", name: "WeakLine/Day", unit: "down-B"},
	{what: "weak line: a worker's day in four contacts, round trips", name: "WeakLine/Day", unit: "trips"},
	{what: "weak line: a worker's day in four contacts, seconds on the line", name: "WeakLine/Day", unit: "line-s"},
	{what: "weak line: the longest contact of a day, seconds", name: "WeakLine/Day", unit: "longest-s", most: 40, reason: "a signal that is there for 40 s"},
	grows("a million", "1000000", "one change", "Change"),
	grows("a million", "1000000", "catching up with one row", "CatchUp"),
	grows("a million", "1000000", "a page of a feed", "Feed"),
	grows("a million", "1000000", "conflicts of a grid", "ConflictsOfOne"),
	grows("a million", "1000000", "conflicts of all grids", "ConflictsOfAll"),
	grows("ten million", "10000000", "one change", "Change"),
	grows("ten million", "10000000", "catching up with one row", "CatchUp"),
	grows("ten million", "10000000", "a page of a feed", "Feed"),
	grows("ten million", "10000000", "conflicts of a grid", "ConflictsOfOne"),
	grows("ten million", "10000000", "conflicts of all grids", "ConflictsOfAll"),
}

// grows is the goal that something costs about the same with a hundred or a thousand times the records.
func grows(to, rows, what, name string) goal {
	return goal{what: "growth, 10 thousand to " + to + ": " + what, name: "Growth/" + name + "/rows=" + rows, unit: "ns/op",
		small: "Growth/" + name + "/rows=10000", most: 1.5, reason: "flat"}
}

// ratio tells whether the bound is of a ratio.
func (g *goal) ratio() bool { return g.floor != "" || g.small != "" }

// says is the goal in words.
func (g *goal) says() string {
	text, of, unit := "told", "", g.unit
	if g.ratio() {
		of, unit = "x", ""
	}
	switch {
	case g.most > 0:
		text = "≤ " + figure(g.most, unit) + of
	case g.least > 0:
		text = "≥ " + figure(g.least, unit) + of
	}
	if g.reason != "" {
		text += fmt.Sprintf(" (%s)", g.reason)
	}
	return text
}
