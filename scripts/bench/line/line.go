// Package line computes how long a conversation takes over a line, from a recording of who wrote how many bytes after he had
// heard what. The same recording gives the same figure each time, whatever the machine that it was made on was busy with.
package line

import "time"

// Way is a direction.
type Way int

// The ways.
const (
	Up   Way = iota // from the device
	Down            // to it
)

// Piece is what one end wrote at once.
type Piece struct {
	Way   Way
	Bytes int
	// After counts the pieces of the other way that its writer had been given by then. He may have waited for none of them, but
	// is taken to have waited for all.
	After int
}

// Line is what lies between two ends. Each way has its own bytes: neither waits for the other's.
type Line struct {
	Rate  int           // bits a second, each way; 0 = no bound
	Trip  time.Duration // there and back
	Every int           // of so many packets of a way, the last one is lost; 0 = none
}

// Weak is the line that a worker may have in a stairwell: 64 kbit/s, 600 ms there and back, and of fifty packets one is lost.
var Weak = Line{Rate: 64_000, Trip: 600 * time.Millisecond, Every: 50}

const (
	payload = 1400 // bytes of ours in a packet at most
	header  = 40   // of TCP and IP in each
	opening = 2    // trips before the first byte of ours: TCP, and TLS 1.3, whose own bytes are left out
)

// again is when a lost packet is sent anew: the time-out that RFC 6298 gives after one measure of the trip, R + 4 × R/2. What
// is behind it on that way waits as long.
func (l Line) again() time.Duration { return 3 * l.Trip }

// Takes is how long it is from the device's dialling until it has the last piece that goes down. The pieces are one
// connection's, in an order in which those of each way were written.
func (l Line) Takes(pieces []Piece) (last time.Duration) {
	var ways [2]way
	for i := range ways {
		ways[i].free = time.Duration(opening) * l.Trip
	}
	for _, p := range pieces {
		w, other := &ways[p.Way], &ways[1-p.Way]
		start := w.free
		if p.After > 0 {
			start = max(start, other.there[p.After-1])
		}
		w.carry(l, start, p.Bytes)
	}
	if w := &ways[Down]; len(w.there) > 0 {
		last = w.there[len(w.there)-1]
	}
	return last
}

// Trips is how many times the device waits for the centre, opening the connection included, if only the distance takes time.
func Trips(pieces []Piece) int {
	return int(Line{Trip: time.Second}.Takes(pieces) / time.Second)
}

// Bytes counts those of a way.
func Bytes(pieces []Piece, w Way) (n int) {
	for _, p := range pieces {
		if p.Way == w {
			n += p.Bytes
		}
	}
	return n
}

// way is one direction while time goes on.
type way struct {
	free    time.Duration   // when the line takes the next packet
	packets int             // so far
	there   []time.Duration // when each piece had come
	behind  time.Duration   // before this nothing more comes: TCP keeps the order
}

func (w *way) carry(l Line, start time.Duration, bytes int) {
	w.free = max(w.free, start)
	for ; bytes > 0; bytes -= payload {
		if l.Rate > 0 {
			w.free += time.Duration(min(bytes, payload)+header) * 8 * time.Second / time.Duration(l.Rate)
		}
		comes := w.free + l.Trip/2
		if w.packets++; l.Every > 0 && w.packets%l.Every == 0 {
			comes += l.again()
		}
		w.behind = max(w.behind, comes)
	}
	w.there = append(w.there, w.behind)
}
