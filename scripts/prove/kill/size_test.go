//go:build !prove

package kill

// What every run of the tests can afford.
const (
	trials = 8
	enough = 30 // acknowledgements before a kill
)
