package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/internal/spelling"
)

// secret settings are told only as set or not set.
var secret = []string{"tls.key"}

// print writes every setting with where its value came from, in the form of the configuration file.
func (s *source) print(out io.Writer) {
	keys := slices.Sorted(slices.Values(s.k.Keys()))
	wide := 0
	lines := make([]string, len(keys))
	for i, key := range keys {
		value := s.k.String(key)
		switch {
		case slices.Contains(secret, key) && value == "":
			value = "(not set)"
		case slices.Contains(secret, key):
			value = "(set)"
		case key == "origins" || key == "tls.names":
			value = "[" + strings.Join(s.k.Strings(key), ", ") + "]"
		case value == "":
			value = `""`
		}
		lines[i] = key + ": " + value
		wide = max(wide, len(lines[i]))
	}
	for i, key := range keys {
		from := strings.TrimPrefix(s.where[key], key+" in ")
		if from == "" {
			from = "default"
		}
		fmt.Fprintf(out, "%-*s  # %s\n", wide, lines[i], from)
	}
}

// instead says what an unknown key may have been meant to be.
func instead(key string, known []string) error {
	best := spelling.Nearest(key, known, func(string) int { return len(key)/2 + 1 })
	if best == "" {
		return failed("remove it, or use one of: %s", strings.Join(known, ", "))
	}
	return failed("did you mean %q? Otherwise remove it", best)
}
