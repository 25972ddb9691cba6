package simtest

import "fmt"

// tally is what a phone has been through. It goes with the phone, whatever replica lies on it.
type tally struct {
	copied   bool // it began as a copy in the middle of another's year: its own is not counted
	days     int  // on which it made as many edits as a working day has
	edits    int  // of today
	offline  int  // spells without a network
	longest  int  // days of the longest
	kills    int
	jumps    int // of its clock
	scopes   int // changes of what its person may see
	updates  int // of its app
	full     int // transactions that a full disk refused
	restores int // of the centre, or of its replica, or that it was copied
	frames   int
	rough    int // of these, which came twice, or after their connection had ended
}

// A working day, and what a year of a phone holds at least (design/reliability.md §5). Idle years do not count.
const (
	dayEdits     = 10
	yearDays     = 250
	yearOffline  = 12
	yearLongest  = 14
	yearKills    = 100
	yearJumps    = 12
	yearScopes   = 4
	yearUpdates  = 2
	yearFull     = 1
	yearRestores = 1
	yearRough    = 5 // in a hundred frames
)

// years tells how many whole years a phone has lived through: of each thing it has so many times what a year holds. Its
// updates and its longest spell come once.
func (t *tally) years() int {
	if t.copied || t.updates < yearUpdates || t.longest < yearLongest || 100*t.rough < yearRough*t.frames {
		return 0
	}
	return min(t.days/yearDays, t.offline/yearOffline, t.kills/yearKills, t.jumps/yearJumps, t.scopes/yearScopes, t.full/yearFull, t.restores/yearRestores)
}

func (t *tally) String() string {
	return fmt.Sprintf("%d working days, %d spells offline (longest %d days), %d kills, %d clock jumps, %d scope changes, %d updates, %d times a full disk, %d restores or copies, %d of %d frames twice or late",
		t.days, t.offline, t.longest, t.kills, t.jumps, t.scopes, t.updates, t.full, t.restores, t.rough, t.frames)
}

// night ends a day.
func (t *tally) night() {
	if t.edits >= dayEdits {
		t.days++
	}
	t.edits = 0
}
