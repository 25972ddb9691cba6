// Package load reads declarations (YAML) into a schema.Schema: the built-in ones, then those of a county.
//
// It reads nothing but the file systems it is handed. Whatever is in them, it answers with a schema that has passed
// Validate, or with schema.Faults naming every file and line and what to do, and never panics.
package load

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// maxFile bounds one file of declarations, in bytes.
const maxFile = 1 << 20

// Default loads the built-in declarations alone.
func Default() (*schema.Schema, error) { return Load() }

// Load reads the built-in declarations and then each folder on top of it, in order. A folder may hold
//
//	version.yaml    version: a number that its owner counts up with every change; it is added to the built-in one
//	roles.yaml      adds roles, or replaces those of the same name
//	codes/*.yaml    "name: x" adds or replaces a code table, "extends: x" adds codes to it or changes labels
//	records/*.yaml  "name: x" adds or replaces a record type, "extends: x" adds or replaces its columns, views and rights
//
// The error is a schema.Faults unless reading itself failed.
func Load(folders ...fs.FS) (*schema.Schema, error) {
	d := newDraft()
	if err := d.read(schema.Files); err != nil {
		return nil, err
	}
	for _, f := range folders {
		if err := d.read(f); err != nil {
			return nil, err
		}
	}
	return d.finish()
}

// Only reads one folder that holds everything, without the built-in declarations: those of an earlier release.
func Only(folder fs.FS) (*schema.Schema, error) {
	d := newDraft()
	if err := d.read(folder); err != nil {
		return nil, err
	}
	return d.finish()
}

// finish validates what was read and completes the model. All faults are told at once, by file and line. Only when a
// whole declaration could not be read does validation wait: what is missing would produce faults in all that use it.
func (d *draft) finish() (*schema.Schema, error) {
	if !d.lost {
		for _, f := range d.schema.Validate() {
			if !d.unread[f.Source] { // else it follows from the value that could not be read there
				d.faults = append(d.faults, f)
			}
		}
	}
	sort.SliceStable(d.faults, func(i, j int) bool {
		a, b := d.faults[i].Source, d.faults[j].Source
		return a.File < b.File || a.File == b.File && a.Line < b.Line
	})
	if err := d.faults.Err(); err != nil {
		return nil, err
	}
	d.schema.Index()
	return d.schema, nil
}

// draft is a schema in the making.
type draft struct {
	schema *schema.Schema
	faults schema.Faults
	lost   bool                   // a declaration is missing from the schema because it could not be read
	unread map[schema.Source]bool // where a value could not be read and is zero in the schema
}

func newDraft() *draft {
	return &draft{unread: map[schema.Source]bool{}, schema: &schema.Schema{Codes: map[string]*schema.CodeTable{}, Roles: map[string]*schema.Role{}}}
}

// named lets a file system say what its files should be called in messages.
type named interface{ Prefix() string }

func (d *draft) read(fsys fs.FS) error {
	prefix := ""
	if n, ok := fsys.(named); ok {
		prefix = n.Prefix()
	}
	for _, kind := range []struct {
		dir, file string // a folder of files, or one file
		decode    func(*reader)
	}{
		{".", "version.yaml", d.version},
		{".", "roles.yaml", d.roles},
		{"codes", "", d.codeTable},
		{"records", "", d.record},
	} {
		names, err := list(fsys, kind.dir, kind.file)
		if err != nil {
			return fmt.Errorf("list declarations in %s%s: %w", prefix, kind.dir, err)
		}
		for _, name := range names {
			text, err := readFile(fsys, name)
			if err != nil {
				return fmt.Errorf("read declaration %s%s: %w", prefix, name, err)
			}
			r := &reader{file: prefix + name, draft: d}
			if r.parse(text) {
				kind.decode(r)
			}
		}
	}
	return d.strays(fsys, prefix)
}

// list gives the declarations in one folder, or the one file if it is named, in order. A folder that does not exist
// is empty; one that cannot be read is an error (fs.Glob would call it empty).
func list(fsys fs.FS, dir, file string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && (e.Name() == file || file == "" && path.Ext(e.Name()) == ".yaml") && !hidden(e.Name()) {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names, err
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

func readFile(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%d bytes is more than %d; split the file", info.Size(), maxFile)
	}
	return fs.ReadFile(fsys, name)
}

// strays refuses YAML files that nothing reads, here and one folder down: a declaration that is silently ignored
// (record/x.yaml, records/x.yml) is worse than none.
func (d *draft) strays(fsys fs.FS, prefix string) error {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return fmt.Errorf("list declarations in %s: %w", prefix, err)
	}
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		if !e.IsDir() {
			d.stray(prefix, e.Name(), e.Name() == "version.yaml" || e.Name() == "roles.yaml")
			continue
		}
		inside, err := fs.ReadDir(fsys, e.Name())
		if err != nil {
			return fmt.Errorf("list declarations in %s%s: %w", prefix, e.Name(), err)
		}
		ours := e.Name() == "codes" || e.Name() == "records"
		for _, f := range inside {
			if !f.IsDir() && !hidden(f.Name()) {
				d.stray(prefix, path.Join(e.Name(), f.Name()), ours && path.Ext(f.Name()) == ".yaml")
			}
		}
	}
	return nil
}

func (d *draft) stray(prefix, name string, known bool) {
	if ext := path.Ext(name); !known && (ext == ".yaml" || ext == ".yml") {
		d.lost = true
		d.faults = append(d.faults, schema.NewFault(schema.Source{File: prefix + name, Line: 1},
			"name it version.yaml or roles.yaml, or put it into codes/ or records/ with the ending .yaml", "this file is not read"))
	}
}
