package load

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/doorstep-sync/doorstep/schema"
)

// reader walks one YAML file and notes every fault with its line. Its methods return the zero value for what they
// refuse, so that reading goes on and all faults are found at once.
type reader struct {
	file  string
	root  *yaml.Node
	draft *draft
}

// parse reads the text. It reports whether there is a mapping to look at.
func (r *reader) parse(text []byte) (ok bool) {
	defer func() { r.draft.lost = r.draft.lost || !ok }()
	defer func() {
		if p := recover(); p != nil { // the YAML library is not ours: whatever it stumbles over is a fault of the file
			r.faultAt(1, "look for odd indentation or control characters", "this is not YAML that can be read")
			ok = false
		}
	}()
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	err := dec.Decode(&doc)
	if err == nil && len(doc.Content) > 0 {
		if err = dec.Decode(&second); err == nil {
			r.fault(&second, "put it into a file of its own", "a second document begins, which nothing would read")
			return false
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		line, what := yamlError(err)
		if strings.HasPrefix(what, "did not find expected") {
			line = min(line+1, 1+bytes.Count(bytes.TrimRight(text, "\r\n"), []byte("\n"))) // the library counts these lines from 0
		}
		r.faultAt(line, "mend the line; indentation is by spaces, and text with : or # needs quotes", "this is not YAML: %s", what)
		return false
	}
	if len(doc.Content) == 0 {
		r.faultAt(1, "declare something or remove the file", "the file is empty")
		return false
	}
	r.root = doc.Content[0]
	return true
}

// yamlError takes the line out of "yaml: line 3: did not find ...".
func yamlError(err error) (int, string) {
	s := clip(strings.TrimPrefix(err.Error(), "yaml: "))
	if rest, ok := strings.CutPrefix(s, "line "); ok {
		if n, what, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(n); err == nil {
				return line, what
			}
		}
	}
	return 1, s
}

func (r *reader) at(n *yaml.Node) schema.Source {
	return schema.Source{File: r.file, Line: max(n.Line, 1)}
}

func (r *reader) faultAt(line int, do, what string, args ...any) {
	r.draft.faults = append(r.draft.faults, schema.NewFault(schema.Source{File: r.file, Line: line}, do, what, args...))
}

func (r *reader) fault(n *yaml.Node, do, what string, args ...any) {
	r.faultAt(max(n.Line, 1), do, what, args...)
}

// lose is fault for what leaves a declaration, or a part of it, out of the schema.
func (r *reader) lose(n *yaml.Node, do, what string, args ...any) {
	r.draft.lost = true
	r.fault(n, do, what, args...)
}

// unread is fault for a value that is zero in the schema because it cannot be read.
func (r *reader) unread(n *yaml.Node, do, what string, args ...any) {
	r.draft.unread[r.at(n)] = true
	r.fault(n, do, what, args...)
}

// entry is one "key: value" of a mapping.
type entry struct {
	key   string
	at    *yaml.Node // the key
	value *yaml.Node
}

// entries gives a mapping in the order it is written; keys given twice are refused.
func (r *reader) entries(n *yaml.Node, what string) []entry {
	if n.Kind != yaml.MappingNode {
		r.lose(n, `write "key: value" lines`, "%s should be a mapping", what)
		return nil
	}
	var out []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge" || v.Kind == yaml.AliasNode:
			r.lose(k, "write the value out", "%s uses a YAML alias, merge or compound key", what)
			continue
		case seen[k.Value]:
			r.fault(k, "keep one of the two", "%s has %q twice", what, clip(k.Value))
			continue
		}
		seen[k.Value] = true
		out = append(out, entry{k.Value, k, v})
	}
	return out
}

// fields gives a mapping whose keys must be among the known ones.
func (r *reader) fields(n *yaml.Node, what string, known ...string) fields {
	f := fields{r: r, node: n}
	for _, e := range r.entries(n, what) {
		if !slices.Contains(known, e.key) {
			r.fault(e.at, "use one of: "+strings.Join(known, ", "), "%s has no key %q", what, clip(e.key))
			continue
		}
		f.list = append(f.list, e)
	}
	return f
}

// fields is a mapping with known keys; its methods read one of them, and give the zero value if it is absent.
type fields struct {
	r    *reader
	node *yaml.Node
	list []entry
}

func (f fields) find(key string) *yaml.Node {
	for _, e := range f.list {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

func (f fields) has(key string) bool { return f.find(key) != nil }

func (f fields) text(key string) string {
	n := f.find(key)
	if n == nil {
		return ""
	}
	return f.r.text(n, key)
}

func (f fields) label() schema.Label { return schema.Label{ZH: f.text("zh"), EN: f.text("en")} }

func (f fields) flag(key string) bool {
	n := f.find(key)
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		f.r.unread(n, "write true or false", "%s is not a yes or no", key)
	}
	return n.Value == "true"
}

func (f fields) int(key string) int {
	n := f.find(key)
	if n == nil {
		return 0
	}
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		f.r.unread(n, "write a whole number in digits", "%s is not a whole number", key)
		return 0
	}
	return v
}

func (f fields) number(key string) *float64 {
	n := f.find(key)
	if n == nil {
		return nil
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || v != v || v-v != 0 {
		f.r.unread(n, "write a number in digits", "%s is not a number", key)
		return nil
	}
	return &v
}

func (f fields) texts(key string) []string {
	n := f.find(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		f.r.unread(n, "write a list: [a, b]", "%s should be a list", key)
		return nil
	}
	var out []string
	for _, x := range n.Content {
		s := f.r.text(x, key)
		if slices.Contains(out, s) {
			f.r.fault(x, "keep one", "%s names %q twice", key, clip(s))
			continue
		}
		out = append(out, s)
	}
	return out
}

// text reads a scalar as it is written: 01 stays 01, no stays no.
func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
		r.unread(n, "write a text", "%s is empty or not a text", what)
		return ""
	}
	return n.Value
}

// clip keeps hostile names from flooding a message.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
