package own

import (
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// Stored is a record with what the centre adds to it.
type Stored struct {
	record.Record
	Scope, Author string
	Received      int64
}

// Store gives records as the centre shows them, entered by one person in one unit.
func Store(list []record.Record, scope, author string) []Stored {
	out := make([]Stored, len(list))
	for i := range list {
		out[i] = Stored{list[i], scope, author, list[i].Updated + 60_000}
	}
	return out
}

// AllColumns are the columns that a replica's table holds something in, in the order of All.
var AllColumns = append([]string{schema.ColID, schema.ColScope, "created_by", "created_at", "updated_by", "updated_at", "received_at"}, Columns...)

// All are what a replica's table holds of a record.
func (s *Stored) All() []any {
	return append([]any{Row(&s.Record).String(), s.Scope, s.Author, s.Updated, s.Author, s.Updated, s.Received}, Values(&s.Record, s.Home.String())...)
}
