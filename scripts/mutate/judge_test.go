package main

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the clock alone stopped is not what used up its processor time: a machine that is busy stops the one, the other is
// a program that never ends.
func TestStoppedByTheClockAlone(t *testing.T) {
	run := func(slower, patience time.Duration, command string) outcome {
		o, err := within(slower)(t.Context(), patience, 1, t.TempDir(), "/bin/sh", "-c", command)
		require.NoError(t, err)
		return o
	}
	waits := run(5, 20*time.Millisecond, "exec tail -f /dev/null")
	require.Equal(t, outcome{red: true, late: true, spent: waits.spent}, waits)
	require.True(t, waits.chance())
	require.True(t, waits.hurried())

	loops := run(600, time.Second, "while :; do :; done")
	require.Equal(t, outcome{red: true, endless: true, spent: loops.spent}, loops)
	require.False(t, loops.chance(), "nobody asks again about what took all its time")
	require.False(t, loops.hurried())

	fails := run(600, time.Second, "exit 1")
	require.Equal(t, outcome{red: true, spent: fails.spent}, fails)
	require.True(t, fails.chance())
	require.False(t, fails.hurried(), "worlds are the same each time")
	require.False(t, run(600, time.Second, "exit 0").red)
}

// asks is a judge of whom a bug's runs become one after the other what is said; runs without a bug are green.
func asks(outcomes string) (j *judge, asked *int) {
	left, asked := strings.Fields(outcomes), new(int)
	j = &judge{patience: time.Second, programs: map[string]*program{}, quiet: map[any]*quiet{}}
	for _, pkg := range []string{"p", "scripts/sim"} {
		j.programs[pkg] = &program{}
		j.programs[pkg].once.Do(func() {}) // it is built
	}
	j.run = func(_ context.Context, _ time.Duration, number int, _, _ string, _ ...string) (outcome, error) {
		if number == 0 {
			return outcome{}, nil
		}
		*asked++
		return map[string]outcome{
			"red": {red: true}, "late": {red: true, late: true}, "endless": {red: true, endless: true}, "both": {red: true, late: true, endless: true},
		}[left[*asked-1]], nil
	}
	return j, asked
}

// A suite counts if it is red twice, or takes all its processor time; worlds if they are red, but for the clock's sake.
func TestWhatIsAskedAgain(t *testing.T) {
	for _, c := range []struct {
		outcomes      string
		suite, worlds string // how often each is asked, and whether it counts
	}{
		{"green", "1", "1"},
		{"red red", "2 seen", "1 seen"},
		{"red green", "2", "1 seen"},
		{"late green", "2", "2"},
		{"late late", "2 seen", "2 seen"},
		{"late red", "2 seen", "2 seen"},
		{"endless", "1 seen", "1 seen"},
		{"both", "1 seen", "1 seen"},
		{"late endless", "2 seen", "2 seen"},
	} {
		told := func(ask func(*judge) (string, error)) string {
			j, asked := asks(c.outcomes)
			by, err := ask(j)
			require.NoError(t, err)
			return strconv.Itoa(*asked) + map[bool]string{true: " seen"}[by != ""]
		}
		suites := told(func(j *judge) (string, error) { return j.tests(t.Context(), 1, suite{pkg: "p"}) })
		require.Equal(t, c.suite, suites, "a suite: %s", c.outcomes)
		for _, ask := range []func(*judge, context.Context, int, []spell) (string, error){(*judge).worlds, (*judge).search} {
			worlds := told(func(j *judge) (string, error) { return ask(j, t.Context(), 1, []spell{{"-rewound", 1, 2}}) })
			require.Equal(t, c.worlds, worlds, "worlds: %s", c.outcomes)
		}
	}
}
