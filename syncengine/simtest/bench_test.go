package simtest

import "testing"

// BenchmarkWorld is one standard world.
func BenchmarkWorld(b *testing.B) {
	for i := range b.N {
		if r := Run(uint64(1+i%50), Options{}); r.Finding != "" {
			b.Fatal(r.Finding)
		}
	}
}
