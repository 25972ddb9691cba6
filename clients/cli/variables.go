package cli

import (
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/internal/spelling"
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

// near gives the known name that another one was probably meant to be; "" if it is known itself, or like none. Of a short
// name at least two letters have to be right.
func near(name string, known []string) string {
	if slices.Contains(known, name) {
		return ""
	}
	return spelling.Nearest(name, known, func(k string) int { return min(slips, len(k)-2) })
}

// byProgram tells whether a shell or another program asks: a shell would show what is told of variables in the middle of a
// line, and a program that asks for JSON reads standard error too.
func byProgram(args []string) bool {
	return slices.Contains(args, "--json") || len(args) > 0 && strings.HasPrefix(args[0], "__complete")
}
