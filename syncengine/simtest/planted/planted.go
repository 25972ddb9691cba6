// Package planted is a list of bugs that the simulation must find. Each is a replacement in one source file, put in
// place by `go build -overlay`: there is no switch for any of them in the product's code.
package planted

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Bug is one bug: a text of a source file that is there exactly once, and what stands there instead.
type Bug struct {
	Name string
	File string // below the module's root
	Old  string
	New  string

	Worlds string // flag of scripts/sim for the worlds that find it; "" = the ordinary ones
}

// Kinds of worlds.
const (
	Rewound  = "-rewound"
	Versions = "-versions"
)

// Overlay writes what `go build -overlay` needs into dir and gives the path of the JSON file. It fails if the text is
// no longer in the source, so that a bug never silently stops being planted.
func (b *Bug) Overlay(root, dir string) (string, error) {
	source := filepath.Join(root, filepath.FromSlash(b.File))
	text, err := os.ReadFile(source)
	if err != nil {
		return "", fmt.Errorf("plant %q: %w", b.Name, err)
	}
	if n := strings.Count(string(text), b.Old); n != 1 {
		return "", fmt.Errorf("plant %q: %s holds the text to replace %d times, not once; write the bug anew for the code as it is", b.Name, b.File, n)
	}
	patched := filepath.Join(dir, filepath.Base(b.File))
	if err := os.WriteFile(patched, []byte(strings.Replace(string(text), b.Old, b.New, 1)), 0o600); err != nil {
		return "", fmt.Errorf("plant %q: %w", b.Name, err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: patched}})
	if err != nil {
		return "", fmt.Errorf("plant %q: %w", b.Name, err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		return "", fmt.Errorf("plant %q: %w", b.Name, err)
	}
	return path, nil
}
