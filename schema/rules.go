package schema

// Validate checks a declaration that a loader or a test has filled in, before Index. It gives every fault it finds.
func (s *Schema) Validate() Faults {
	return nil
}
