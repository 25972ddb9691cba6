package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// answers are by what bugs were seen, in a file that gets a line as soon as one is answered: whoever is stopped goes on
// there. An answer holds for a change, the functions that it is in, and the tests or worlds that it names; nobody asks whether those
// tests and all other code are still those of then, so what is said of a release is asked without such a file.
type answers struct {
	mu   sync.Mutex
	by   map[string]string
	file *os.File // nil = nothing is kept
}

// unseen stands in the file for what nobody saw.
const unseen = "-"

func readAnswers(path string) (*answers, error) {
	a := &answers{by: map[string]string{}}
	if path == "" {
		return a, nil
	}
	old, err := os.Open(path) //nolint:gosec // the caller's own file
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the answers so far: %w", err)
	}
	if err == nil {
		defer old.Close()
		lines := bufio.NewScanner(old)
		for lines.Scan() {
			if key, rest, ok := strings.Cut(lines.Text(), "\t"); ok {
				by, _, _ := strings.Cut(rest, "\t")
				a.by[key] = strings.TrimPrefix(by, unseen)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read the answers so far: %w", err)
		}
	}
	a.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the caller's own file
	return a, err
}

// answerKey is of all that an answer holds for.
func answerKey(root string, b *planted.Bug) (string, error) {
	functions, err := planted.Functions(b, root)
	if err != nil {
		return "", err
	}
	text := strings.Builder{}
	for i, e := range append([]planted.Edit{{File: b.File, Old: b.Old, New: b.New}}, b.Also...) {
		fmt.Fprintf(&text, "%q %q %q %q ", e.File, e.Old, e.New, functions[i])
	}
	fmt.Fprintf(&text, "%q %q %q", b.Package, b.Test, b.Worlds)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text.String())))[:24], nil
}

func answerKeys(root string, list []trial) (keys []string, err error) {
	keys = make([]string, len(list))
	for i := range list {
		if keys[i], err = answerKey(root, list[i].bug); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// split gives what was answered, and in the given order what is to be asked; again tells whether about what nobody saw too.
func (a *answers) split(keys []string, order []int, again bool) (seen []string, open []int) {
	seen = make([]string, len(keys))
	for _, i := range order {
		by, ok := a.of(keys[i])
		if seen[i] = by; !ok || by == "" && again {
			open = append(open, i)
		}
	}
	return seen, open
}

// of gives the answer for a key, if there is one.
func (a *answers) of(key string) (by string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	by, ok = a.by[key]
	return by, ok
}

func (a *answers) put(key string, b *planted.Bug, by string) error {
	if a.file == nil {
		return nil
	}
	if by == "" {
		by = unseen
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := fmt.Fprintf(a.file, "%s\t%s\t%s\t%s\n", key, by, b.File, b.Name)
	return err
}

func (a *answers) close() {
	if a.file != nil {
		_ = a.file.Close() // each line was written as it came
	}
}
