package planted

import (
	"fmt"
	"path/filepath"
)

// Functions gives the whole text of each function that a bug changes, as it is in the tree at root.
func Functions(b *Bug, root string) ([]string, error) {
	var out []string
	for _, e := range b.edits() {
		p, err := newPlanter(filepath.Join(root, filepath.FromSlash(e.File)))
		if err != nil {
			return nil, fmt.Errorf("find what %q changes: %w", b.Name, err)
		}
		f, err := p.body(e)
		if err != nil {
			return nil, fmt.Errorf("find what %q changes: %s %w", b.Name, e.File, err)
		}
		out = append(out, f.whole)
	}
	return out, nil
}
