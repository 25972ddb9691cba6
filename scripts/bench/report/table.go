package main

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// spread is a median and the least and the most; the zero value is none.
type spread struct{ median, least, most float64 }

func spreadOf(list []float64) (s spread) {
	if len(list) == 0 {
		return s
	}
	list = slices.Sorted(slices.Values(list))
	half := len(list) / 2
	s = spread{list[half], list[0], list[len(list)-1]}
	if len(list)%2 == 0 {
		s.median = (list[half-1] + list[half]) / 2
	}
	return s
}

// row is a goal and what was reached.
type row struct {
	goal
	base, product spread // base is what the ratio is to
	run           bool   // the product was measured
}

func rowsOf(l *log, only *regexp.Regexp) (rows []row) {
	for _, g := range goals {
		if workload, _, _ := strings.Cut(g.name, "/"); !only.MatchString(workload) { // as what is run is chosen
			continue
		}
		r := row{goal: g, product: spreadOf(l.figures[products][g.name][g.unit])}
		_, r.run = l.figures[products][g.name]
		switch {
		case g.floor != "":
			r.base = spreadOf(l.figures[floors][g.floor][g.unit])
		case g.small != "":
			r.base = spreadOf(l.figures[products][g.small][g.unit])
		}
		rows = append(rows, r)
	}
	return rows
}

// times is the ratio, 0 if one of its sides is missing.
func (r *row) times() float64 {
	if !r.ratio() || r.base.median == 0 {
		return 0
	}
	return r.product.median / r.base.median
}

// reached tells whether the goal is.
func (r *row) reached() string {
	x := r.product.median
	if r.ratio() {
		x = r.times()
	}
	switch {
	case !r.run || r.ratio() && x == 0:
		return "not run"
	case r.most == 0 && r.least == 0:
		return ""
	case r.most > 0 && x > r.most || x < r.least:
		return "**no**"
	}
	return "yes"
}

// figure writes a number for people, in a unit that is told by inWords.
func figure(x float64, unit string) string {
	if unit == "ns/op" {
		x /= 1e6
	}
	switch {
	case x == float64(int64(x)) && x < 10_000:
		return fmt.Sprintf("%.0f", x)
	case x >= 10_000:
		text := fmt.Sprintf("%.0f", x)
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
		return text
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func inWords(unit string) string {
	if unit == "ns/op" {
		return "ms"
	}
	return strings.TrimSuffix(strings.Replace(unit, "-ms", " ms", 1), "/op")
}

func (s spread) in(unit string) string {
	if s == (spread{}) {
		return "-"
	}
	return fmt.Sprintf("%s [%s - %s]", figure(s.median, unit), figure(s.least, unit), figure(s.most, unit))
}

// figures is the section of the page: what was measured on, and the table.
func figures(l *log, rows []row) string {
	var b strings.Builder
	for _, k := range []string{"machine", "load", "commit", "go", "sqlite", "rounds"} {
		fmt.Fprintf(&b, "- %s: %s\n", k, cmp.Or(l.about[k], "unknown"))
	}
	b.WriteString("\n| workload | in | floor (or smaller size): median [least - most] | product | ratio | goal | reached |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for i := range rows {
		r := &rows[i]
		ratio := "-"
		if x := r.times(); x > 0 {
			ratio = figure(x, "") + "x"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.what, inWords(r.unit), r.base.in(r.unit), r.product.in(r.unit), ratio, r.says(), r.reached())
	}
	return b.String()
}

// Marks of the page between which its figures are.
const (
	begin = "<!-- figures: written by scripts/bench/report -->\n"
	end   = "<!-- end of figures -->\n"
)

// rewrite puts figures into a page, in place of those that are there.
func rewrite(page, figures string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for figures: put %q and %q where they belong", page, begin, end)
	}
	return os.WriteFile(page, []byte(before+begin+"\n"+figures+"\n"+end+after), 0o644)
}
