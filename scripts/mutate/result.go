package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// result is what became of a choice of mutants.
type result struct {
	list  []mutant
	seen  []string
	why   explained
	wrong []string // explanations that are missing, or of what is seen
	kept  bool     // some answers are of an earlier go
}

func newResult(list []mutant, seen []string, why explained) *result {
	r := &result{list: list, seen: seen, why: why}
	for i := range list {
		text := why[list[i].key()]
		switch {
		case seen[i] == "" && text == "":
			r.wrong = append(r.wrong, "survives unexplained: "+list[i].String())
		case seen[i] != "" && text != "":
			r.wrong = append(r.wrong, fmt.Sprintf("explained, but seen by %s: %s", seen[i], &list[i]))
		}
	}
	return r
}

// same counts the mutants that do what the program does, as far as their explanations say.
func (r *result) same() (n int) {
	for i := range r.list {
		if r.seen[i] == "" && strings.HasPrefix(r.why[r.list[i].key()], "equal: ") {
			n++
		}
	}
	return n
}

func (r *result) found() (n int) {
	for _, s := range r.seen {
		if s != "" {
			n++
		}
	}
	return n
}

// percent is of those that make a difference, rounded down.
func (r *result) percent() int { return int(percent(r.found(), len(r.list)-r.same())) }

func (r *result) print() {
	tally(r.seen)
	fmt.Println(r.how())
	fmt.Printf("%d of %d mutants found (%.1f %%); %d of the others make no difference: %.1f %% without them\n", r.found(), len(r.list),
		percent(r.found(), len(r.list)), r.same(), percent(r.found(), len(r.list)-r.same()))
	for i := range r.list {
		if r.seen[i] == "" {
			fmt.Printf("survives: %s\n", &r.list[i])
		}
	}
	for _, x := range r.wrong {
		fmt.Println(x)
	}
}

const keptAnswers = "They were asked in several goes: answers of earlier ones were kept (`-answers`), and not asked for again after other code or tests had changed."

// how tells how all were asked.
func (r *result) how() string {
	if r.kept {
		return keptAnswers
	}
	return "All were asked in one go."
}

const begin, end = "<!-- survivors: written by scripts/mutate -page -->\n", "<!-- end of survivors -->\n"

// write puts the table of survivors into the page, between its two marks.
func (r *result) write(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has not the two marks between which survivors stand", path)
	}
	return os.WriteFile(path, []byte(head+begin+r.table()+end+tail), 0o644) //nolint:gosec // a page for everybody
}

// table is the part of the page that is generated. It names no lines: they change with every edit.
func (r *result) table() string {
	var b strings.Builder
	by := map[string]int{}
	for _, s := range r.seen {
		kind, _, _ := strings.Cut(s, " ")
		by[kind]++
	}
	fmt.Fprintf(&b, "%d of %d mutants are found: %d by worlds, %d by tests. %d of the others make no difference: %.1f %% without them.\n\n",
		r.found(), len(r.list), by["worlds"], by["tests"], r.same(), percent(r.found(), len(r.list)-r.same()))
	b.WriteString(r.how() + "\n\n")
	b.WriteString("| survivor | why |\n| --- | --- |\n")
	for i := range r.list {
		if m := &r.list[i]; r.seen[i] == "" {
			fmt.Fprintf(&b, "| %s, %s: %s | %s |\n", m.file, m.of, strings.ReplaceAll(m.what, "|", "\\|"), strings.ReplaceAll(r.why[m.key()], "|", "\\|"))
		}
	}
	return b.String()
}
