package session

// A device may ask for checks this often: once in so many ms in the long run, and this many ms' worth at once. Each Check of
// another kind than a report costs the reading of a scope.
const (
	checkEvery = 3_000
	allowance  = 300 * checkEvery
)

// Allowance is what a device has used of that. It outlives connections: whoever asks too much gains nothing by coming back.
// The zero value is unused. It belongs to one goroutine, or a lock.
type Allowance struct{ spent, at int64 }

// Spend takes one check's worth, or tells that there is none left.
func (a *Allowance) Spend(now int64) bool {
	a.spent, a.at = a.left(now), max(a.at, now)
	if a.spent > allowance {
		return false
	}
	a.spent += checkEvery
	return a.spent <= allowance
}

// Unused tells whether nothing of it is used any more: then it may be forgotten.
func (a *Allowance) Unused(now int64) bool { return a.left(now) == 0 }

func (a *Allowance) left(now int64) int64 { return max(0, a.spent-max(0, now-a.at)) }

// Spending lets the connection use an allowance that outlives it: spend is called for every check. Without it each
// connection has one of its own.
func (c *Centre) Spending(spend func(now int64) bool) { c.checks.spend = spend }
