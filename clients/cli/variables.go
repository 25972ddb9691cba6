package cli

import (
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// variableTexts are about the environment.
var variableTexts = map[string]schema.Label{
	"variable_stray": {ZH: "环境变量 %s 不起作用；是不是要写 %s？", EN: "The variable %s means nothing; did you mean %s?"},
}

const variablePrefix = "DOORSTEP_"

// variables are those that the command line reads, without their common beginning.
var variables = []string{"LANG", "REPLICA", "PIN_FILE", "SCHEMA", "SETTINGS", "CONFIG", "HOME"}

// slips is how many letters a name that is meant to be another one differs in at most. What is further off may be a
// variable of the centre, or of somebody's script.
const slips = 2

// strays tells of variables that look misspelt: what they were to say would be ignored in silence.
func (a *app) strays() {
	if a.Environ == nil {
		return
	}
	for _, e := range a.Environ() {
		name, ours := strings.CutPrefix(e, variablePrefix)
		if !ours {
			continue
		}
		name, _, _ = strings.Cut(name, "=")
		if meant := near(name, variables); meant != "" {
			a.warn("variable_stray", variablePrefix+clean(name), variablePrefix+meant)
		}
	}
}

// near gives the known name that another one was probably meant to be; "" if it is known itself, or like none.
func near(name string, known []string) string {
	if slices.Contains(known, name) {
		return ""
	}
	best, least := "", slips+1
	for _, k := range known {
		if d := distance(name, k); d < least && d < len(k)-1 {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to change, add or remove to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := last
			if a[i] != b[j] {
				next = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// byProgram tells whether a shell or another program asks: a shell would show what is told of variables in the middle of a
// line, and a program that asks for JSON reads standard error too.
func byProgram(args []string) bool {
	return slices.Contains(args, "--json") || len(args) > 0 && strings.HasPrefix(args[0], "__complete")
}
