package syncengine

import (
	"strconv"
	"strings"
)

// Minimum is the oldest version that a county still serves. From an instant on, a device below it may only drain: it
// sends what it holds and hears the verdicts, but gets no rows. Nothing is lost; its app has to be updated. The zero
// Minimum asks for nothing.
type Minimum struct {
	Schema int    // version of the replica's declarations; 0 = any
	App    string // version of the program, such as "0.2.0"; "" = any
	From   int64  // ms since 1970 UTC; before it a device below is only told
}

// Below tells whether a replica's declarations or its program are older than the minimum. App is what Hello says,
// such as "doorstep 0.2.0"; a program that names no version is not judged by it.
func (m Minimum) Below(schema int, app string) bool {
	return schema < m.Schema || older(app, m.App)
}

// Drains tells whether a device is below the minimum and its days of grace are over.
func (m Minimum) Drains(schema int, app string, now int64) bool {
	return now >= m.From && m.Below(schema, app)
}

// older compares the last word of app, as numbers with dots, with least; false where one of them is no version.
func older(app, least string) bool {
	words := strings.FieldsFunc(app, func(r rune) bool { return r == ' ' || r == '/' })
	if len(words) == 0 || least == "" {
		return false
	}
	a, ok := version(words[len(words)-1])
	b, ok2 := version(least)
	if !ok || !ok2 {
		return false
	}
	for i := range max(len(a), len(b)) {
		x, y := part(a, i), part(b, i)
		if x != y {
			return x < y
		}
	}
	return false
}

func part(list []int, i int) int {
	if i < len(list) {
		return list[i]
	}
	return 0
}

// version reads numbers with dots; what follows a hyphen or a plus is left out.
func version(s string) (out []int, ok bool) {
	s = strings.TrimPrefix(s, "v")
	if i := strings.IndexAny(s, "-+"); i >= 0 {
		s = s[:i]
	}
	for _, p := range strings.Split(s, ".") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}

// IsVersion tells whether a text can be a minimum's App.
func IsVersion(s string) bool { _, ok := version(s); return ok }
