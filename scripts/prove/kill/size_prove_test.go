//go:build prove

package kill

// The whole proof.
const (
	trials = 200
	enough = 100 // acknowledgements before a kill
)
