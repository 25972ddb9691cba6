package line

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ask is one question and its answer, and another one after that.
var ask = []Piece{{Up, 100, 0}, {Down, 100, 1}, {Up, 100, 1}, {Down, 100, 2}}

// Each thing that costs something is in the figure.
func TestTakes(t *testing.T) {
	far := Line{Trip: time.Second}
	require.Equal(t, 4*time.Second, far.Takes(ask), "the connection is opened, two answers")
	require.Equal(t, 4, Trips(ask))
	at := []Piece{{Up, 100, 0}, {Up, 100, 0}, {Down, 100, 1}, {Down, 100, 2}}
	require.Equal(t, 3, Trips(at), "who does not wait for an answer pays no trip for it")
	require.Zero(t, far.Takes(nil))

	slow := Line{Rate: 8000} // a byte in a millisecond
	require.Equal(t, 4*140*time.Millisecond, slow.Takes(ask), "each has its headers")
	require.Equal(t, 3*140*time.Millisecond, slow.Takes(at), "a way goes on while the other one does")
	require.Equal(t, (3000+3*header)*time.Millisecond, slow.Takes([]Piece{{Down, 3000, 0}}), "by packets of 1,400")

	long := []Piece{{Down, 4 * payload, 0}}
	lossy := Line{Trip: time.Second, Every: 4}
	require.Equal(t, 5500*time.Millisecond, lossy.Takes(long), "the last of four is sent again after 3 s")
	require.Equal(t, 2500*time.Millisecond, lossy.Takes([]Piece{{Down, 3 * payload, 0}}))
	require.Equal(t, 5500*time.Millisecond, lossy.Takes([]Piece{{Down, 4 * payload, 0}, {Down, 1, 0}}), "what is behind it waits")
	require.Equal(t, 2500*time.Millisecond, lossy.Takes([]Piece{{Up, 4 * payload, 0}, {Down, 1, 0}}), "the other way does not")
}

// A kilobyte more on the weak line is an eighth of a second, and headers are none of the bytes that are told.
func TestWeak(t *testing.T) {
	require.Equal(t, 1680*time.Millisecond, Weak.Takes([]Piece{{Down, 1400, 0}}))
	require.Equal(t, 1850*time.Millisecond, Weak.Takes([]Piece{{Down, 1400, 0}, {Down, 1320, 0}}))
	require.Equal(t, 200, Bytes(ask, Up))
	require.Equal(t, 200, Bytes(ask, Down))
}
