package main

import (
	"fmt"
	"strings"
)

// story prints what happens, in the reader's language.
type story struct {
	lang    string
	chapter int
}

func (s *story) say(zh, en string) string {
	if s.lang == "en" {
		return en
	}
	return zh
}

func (s *story) title(zh, en string) {
	s.chapter++
	fmt.Printf("\n%d. %s\n", s.chapter, s.say(zh, en))
}

func (s *story) line(zh, en string, args ...any) {
	fmt.Printf("   %s\n", fmt.Sprintf(s.say(zh, en), args...))
}

// size shows bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// pad fills a cell of a table to a width in columns; Han characters take two.
func pad(s string, width int) string {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x2e80 {
			n++
		}
	}
	return s + strings.Repeat(" ", max(0, width-n))
}
