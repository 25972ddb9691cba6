//go:build !prove

package kill

// What every run of the tests can afford.
const (
	usual  = 16
	enough = 30 // acknowledgements before a kill
	lanes  = 1  // counties at a time
)
