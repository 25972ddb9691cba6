package schema

// The system types: who works where. They are the only types that Go code names; every other record type is a
// declaration, so that a county can replace it without compiling, and reaches the code through Schema.Table alone.
//
// They are kept at the centre in tables of its own (the tree of org units, accounts, assignments), are not declared in
// records/, and no record type may take their names: grants, scopes and sessions would otherwise depend on data that
// a county edits. A column that names an account or an org unit holds its code as text.
const (
	TypeOrgUnit    = "org_unit"   // county, street, community: the tree above the grids
	TypeGrid       = "grid"       // the leaf of the tree, and the scope of every field record
	TypeAssignment = "assignment" // a role of an account in an org unit for a time, with doors where the role has them
	TypeAccount    = "account"    // a person who signs in
)

// SystemTypes lists them. Validate refuses a record type of the same name.
var SystemTypes = []string{TypeOrgUnit, TypeGrid, TypeAssignment, TypeAccount}
