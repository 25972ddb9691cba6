package wire_test

import "github.com/doorstep-sync/doorstep/schema"

const (
	device = "01941f29-7c00-7000-8000-00000000000a"
	row    = "01941f29-7c00-7000-8000-0000000000b1"
)

var nothing = []schema.Value{}
