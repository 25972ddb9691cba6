package wire

import "github.com/doorstep-sync/doorstep/schema/seal"

// maxKeys bounds the keys of sealed columns in a Welcome: far above any declaration, each with years of rotations.
const maxKeys = 10_000

func keyToWire(k *seal.Key) *SealKey {
	return &SealKey{Table: k.Table, Column: k.Column, Id: k.ID, Match: k.Match, Secret: k.Secret[:]}
}

func (c *checks) keys(name string, list []*SealKey) []seal.Key {
	if len(list) > maxKeys {
		c.fail(name, "holds %d keys; at most %d are taken", len(list), maxKeys)
		return nil
	}
	var out []seal.Key
	for i, p := range list {
		var in checks
		k := seal.Key{Table: in.name("table", p.GetTable()), Column: in.name("column", p.GetColumn()), ID: p.GetId(), Match: p.GetMatch()}
		if k.ID == 0 {
			in.fail("id", "is missing; give it")
		}
		if copy(k.Secret[:], p.GetSecret()) != len(k.Secret) || len(p.GetSecret()) != len(k.Secret) {
			in.fail("secret", "must have %d bytes", len(k.Secret))
		}
		c.at(name, i, in.err)
		out = append(out, k)
	}
	return out
}
