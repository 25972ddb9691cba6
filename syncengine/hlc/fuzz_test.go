package hlc

import (
	"testing"

	"github.com/doorstep-sync/doorstep/internal/tape"
)

// FuzzClock sets a clock anywhere and leads it through any wall clocks and any stamps of others: each stamp that it
// gives is later than all it gave or heard, as long as there is a later one, and its parts make it again.
func FuzzClock(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{8, 255, 255, 255, 255, 255, 255, 255, 254, 0, 0, 1, 3, 0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := tape.New(b)
		c := Clock{Last: Timestamp(in.Int64())}
		for in.More() {
			before := c.Last
			if in.Flag(3) {
				heard := Timestamp(in.Int64(int64(before) + 1))
				c.Hear(heard)
				if c.Last < heard || c.Last < before {
					t.Fatalf("%v after it heard %v", c.Last, heard)
				}
				continue
			}
			wall := in.Int64(before.Millis(), before.Millis()+1)
			got := c.Now(wall)
			switch {
			case got <= before && before != 1<<64-1, got != c.Last:
				t.Fatalf("%v after %v", got, before)
			case got != Make(got.Millis(), got.Counter()), got.Millis() < min(max(wall, 0), maxMillis):
				t.Fatalf("%v at %d", got, wall)
			}
		}
	})
}
