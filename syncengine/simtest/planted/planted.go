// Package planted is a list of bugs that the simulation must find. Each is a replacement in one source file, put in
// place by `go build -overlay`: there is no switch for any of them in the product's code.
//
// One program is built with all of them, since building one for each costs more than running it does. Of a function that
// a bug changes, the overlay has two bodies, and the environment says which one runs.
package planted

// Bug is one bug: a text of a source file that is there exactly once, and what stands there instead.
type Bug struct {
	Name string
	File string // below the module's root
	Old  string
	New  string
	Also []Edit // where the code is guarded twice

	Case string // the known bug that it re-creates, such as "O5" (docs/reliability.md); several with a space between; "" = none

	// Package and Test are who must go red, where worlds do not run the code: scripts/mutate -planted asks them.
	Package string // folder below the module's root
	Test    string // names of tests, as in -run

	Worlds string // flag of scripts/sim for the worlds that find it; "" = the ordinary ones
	// Seed is a world that is known to find it; 0 = one of the first few does. It is tried before the others, and only
	// saves time: a bug that it misses any more is looked for from the first world on.
	Seed uint64
}

// Edit replaces one text of a file by another, inside a function.
type Edit struct{ File, Old, New string }

// Kinds of worlds.
const (
	Rewound  = "-rewound"
	Versions = "-versions"
)

// Switch is the variable of the environment that holds the number of the bug that shows: its index in the list, plus 1.
// Without it the program is what it would be without bugs.
const Switch = "DOORSTEP_PLANTED"

func (b *Bug) edits() []Edit { return append([]Edit{{b.File, b.Old, b.New}}, b.Also...) }
