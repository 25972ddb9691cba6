package schema

import "embed"

// Files holds the built-in declarations: version.yaml, roles.yaml, records/*.yaml, codes/*.yaml. Package load reads them.
//
//go:embed version.yaml roles.yaml records/*.yaml codes/*.yaml
var Files embed.FS
