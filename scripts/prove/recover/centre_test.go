//go:build prove

package recover

import (
	"time"

	"github.com/stretchr/testify/require"
)

// busy is how many changesets the writer hands in before each kill: they lie in the write-ahead log that the next start
// finds.
const busy = 30

// restarts kills the centre after a verdict, again and again, and measures until the next one: start of the program, opening
// of the database, handshake and commit.
func (s *site) restarts(changes, kills int) (times spread) {
	s.t.Helper()
	s.start()
	w, err := s.out.Writer(s.t.Context(), s.centre.URL, s.writer, writers)
	require.NoError(s.t, err)
	var listening spread
	for range kills {
		for range busy {
			require.NoError(s.t, w.Offer())
		}
		acked := w.N
		s.centre.Kill()
		began := time.Now()
		s.start()
		listening = append(listening, time.Since(began))
		require.NoError(s.t, w.Again(s.t.Context(), s.centre.URL))
		require.GreaterOrEqual(s.t, w.N, acked, "a changeset that had its verdict is gone")
		require.NoError(s.t, w.Offer())
		times = append(times, time.Since(began))
	}
	w.Close()
	s.centre.Stop()
	s.t.Logf("%d changes: from the kill of the centre to a verdict %v; until it listened %v", changes, times, listening)
	return times
}
