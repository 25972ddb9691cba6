package record

import (
	"encoding/json"

	"github.com/google/uuid"
)

// line is a record as JSON: its columns by name, in their order.
type line struct {
	ID      uuid.UUID `json:"id"`
	Home    uuid.UUID `json:"home"`
	Worker  uuid.UUID `json:"worker"`
	Kind    string    `json:"kind"`
	State   string    `json:"state"`
	Door    string    `json:"door"`
	Visited int64     `json:"visited_at"`
	Updated int64     `json:"updated_at"`
	Minutes int64     `json:"minutes"`
	People  int64     `json:"people"`
	Risk    int64     `json:"risk"`
	Note    string    `json:"note"`
}

// MarshalJSON makes of it what programs in other languages read: one object whose members are the columns.
func (r *Record) MarshalJSON() ([]byte, error) {
	return json.Marshal(line{
		ID: r.ID, Home: r.Home, Worker: r.Worker, Kind: r.Kind, State: r.State, Door: r.Door, Visited: r.Visited,
		Updated: r.Updated, Minutes: r.Minutes, People: r.People, Risk: r.Risk, Note: r.Note,
	})
}
