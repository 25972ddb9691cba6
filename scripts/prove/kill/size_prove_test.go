//go:build prove

package kill

// The whole proof.
const (
	usual  = 2000
	enough = 100 // acknowledgements before a kill
	lanes  = 2   // counties at a time
)
