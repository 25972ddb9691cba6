// Package hlc is the hybrid logical clock that stamps changesets: 48 bits of milliseconds and a 16-bit counter.
//
// A stamp orders what one device wrote and heard. It never decides which of two concurrent writes stands: that is
// effective time (engine.md §5 "Clocks"), because a stamp from a phone set to 2099 would win for ever.
package hlc

import "fmt"

// Timestamp is a hybrid logical time: milliseconds since 1970 UTC in the upper 48 bits, a counter in the lower 16.
// Timestamps compare as numbers. The zero Timestamp is before all others.
type Timestamp uint64

const maxMillis = 1<<48 - 1

// Make builds a Timestamp. Milliseconds outside 48 bits are clamped.
func Make(ms int64, counter uint16) Timestamp {
	return Timestamp(uint64(min(max(ms, 0), maxMillis))<<16 | uint64(counter))
}

// Millis is the physical part, in milliseconds since 1970 UTC.
func (t Timestamp) Millis() int64 { return int64(t >> 16) }

// Counter is the logical part.
func (t Timestamp) Counter() uint16 { return uint16(t) }

func (t Timestamp) String() string { return fmt.Sprintf("%d.%d", t.Millis(), t.Counter()) }

// Clock makes strictly increasing Timestamps. It holds no time source: the caller passes the wall clock, in
// milliseconds, which may jump, freeze or be years off. The caller stores Last durably before it uses a stamp, and
// starts a Clock with the stored value. A Clock belongs to one goroutine.
type Clock struct {
	Last Timestamp
}

// Now gives a stamp greater than every one given or heard before.
func (c *Clock) Now(wall int64) Timestamp {
	c.Last = next(c.Last, Make(wall, 0))
	return c.Last
}

// Hear moves the clock past a stamp received from elsewhere, so that what is written next is stamped later.
// A stamp far in front of the wall clock is heard too: ordering after it matters more
// than nearness to a clock that may itself be wrong.
func (c *Clock) Hear(t Timestamp) {
	if t > c.Last {
		c.Last = t
	}
}

// next is the least stamp after last that is not before physical.
func next(last, physical Timestamp) Timestamp {
	if physical > last {
		return physical
	}
	if last == Timestamp(1<<64-1) {
		return last // 10,000 years on: the counter has nowhere to go; order by n still holds
	}
	return last + 1 // a full counter carries into the milliseconds
}
