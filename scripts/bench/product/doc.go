// Package product measures the product itself on the workloads that scripts/bench/floor has the floors of: a doorstepd
// in a process of its own, and devices with replicas in files, both with the durability that is shipped. A benchmark has
// the name of its floor.
//
//	go test -tags sqlite_fts5 -run '^$' -bench . -benchtime 3x ./scripts/bench/product
//
// With BENCH_DOORSTEPD the centre is that program, with BENCH_ALONE the phone that is alone (scripts/bench/alone); else they are
// built from this tree. With BENCH_PROFILES processors are
// profiled while the clock runs, into files of that folder: centre.* and devices.*.
package product
