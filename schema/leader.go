package schema

// Leader gives the reference by which rows of a record type belong to another row in the same kind of scope, and go
// where that goes: that of their door, or a step's case. nil if they belong to nothing.
func (s *Schema) Leader(t *Table) *Column {
	name := t.Door
	if name == "" && t.Steps != nil {
		name = t.Steps.Case
	}
	if name == "" || name == DoorSelf {
		return nil
	}
	col := t.Column(name)
	if to := s.Table(col.Ref); to == nil || to.Level != t.Level {
		return nil
	}
	return col
}

// Bound tells whether rows always live where the row lives that their leader names. Only what refers to a door itself
// is not: a household may be kept in another grid than the dwelling, and moves with it if it was in the same.
func (s *Schema) Bound(leader *Column) bool { return s.Table(leader.Ref).Door != DoorSelf }
