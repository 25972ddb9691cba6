package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// explained is why nothing sees a mutant, by its key. An explanation begins with "equal: " where the changed program does
// the same.
type explained map[string]string

const explanationFile = "scripts/mutate/survivors.tsv"

// explanations reads the file beside this program: file, function, change and reason, with tabs between.
func explanations(root string) (explained, error) {
	f, err := os.Open(filepath.Join(root, explanationFile))
	if err != nil {
		return nil, fmt.Errorf("read why mutants survive: %w", err)
	}
	defer f.Close()
	out := explained{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if text == "" || text[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(text, '\t')
		if strings.Count(text, "\t") != 3 || strings.TrimSpace(text[i+1:]) == "" {
			return nil, fmt.Errorf("%s:%d: write file, function, change and why, with a tab between each", explanationFile, n)
		}
		if out[text[:i]] != "" {
			return nil, fmt.Errorf("%s:%d: explained twice", explanationFile, n)
		}
		out[text[:i]] = text[i+1:]
	}
	return out, lines.Err()
}

// missing gives the keys of what is explained and is none of the mutants.
func (e explained) missing(list []mutant) (out []string) {
	there := map[string]bool{}
	for i := range list {
		there[list[i].key()] = true
	}
	for _, k := range sortedKeys(e) {
		if !there[k] {
			out = append(out, strings.ReplaceAll(k, "\t", " "))
		}
	}
	return out
}
