package syncengine

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/doorstep-sync/doorstep/schema"
)

// Digest is the digest of a set of rows: how many they are, and the sum of theirs modulo 2^128. It knows no order, so
// that both sides may read rows as they lie.
type Digest struct {
	Count  int64
	Hi, Lo uint64
}

// Add puts other rows into the set.
func (d *Digest) Add(o Digest) {
	var carry uint64
	d.Count += o.Count
	d.Lo, carry = bits.Add64(d.Lo, o.Lo, 0)
	d.Hi, _ = bits.Add64(d.Hi, o.Hi, carry)
}

// The numbers of buckets that a record type's rows may be split into for a check: powers of two.
const (
	CheckBuckets = 256  // what devices use: some dozens of rows in a bucket of a large grid
	MaxBuckets   = 1024 // what the centre takes
)

// Bucket tells which of so many buckets a row is in: FNV-1a of its id, folded.
func (id RowID) Bucket(buckets int) int {
	h := uint32(2166136261)
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return int((h ^ h>>16) & uint32(buckets-1))
}

// Digester makes digests of rows of one record type, of the columns that both sides compare.
type Digester struct {
	table string
	at    []place
	buf   []byte
}

// place is where a column lies in a row; nil for one that this side does not know or never compares.
type place struct {
	col     *schema.Column
	cell, i int
}

// DigestColumns lists the columns of a record type that are compared: all but the id, which is in the digest anyway, and
// derived ones, which each side computes.
func DigestColumns(t *schema.Table) []string {
	var out []string
	for _, c := range t.Columns {
		if c.Type != schema.TypeID && !c.Derived {
			out = append(out, c.Name)
		}
	}
	return out
}

// NewDigester prepares to digest these columns, in this order. One that t does not have counts as NULL.
func NewDigester(t *schema.Table, columns []string) *Digester {
	d := &Digester{table: t.Name, at: make([]place, len(columns))}
	for n, name := range columns {
		cell := t.CellOf(name)
		if cell == nil || cell.Derived {
			continue
		}
		for i, c := range cell.Columns {
			if c.Name == name && c.Type != schema.TypeID && !c.Derived {
				d.at[n] = place{c, t.CellIndex(cell.Name), i}
			}
		}
	}
	return d
}

// Row gives the digest of one row as a view shows it: for each cell the values of its columns, NULL for what is hidden.
// It is the first half of the SHA-256 of the row's canonical bytes (wire/protocol.md).
func (d *Digester) Row(id RowID, cells [][]schema.Value) Digest {
	b := appendStr(d.buf[:0], "doorstep.row.v1")
	b = appendStr(appendStr(b, d.table), string(id))
	b = binary.BigEndian.AppendUint64(b, uint64(len(d.at)))
	for _, at := range d.at {
		if at.col == nil {
			b = schema.Null().AppendCanonical(b)
			continue
		}
		v := cells[at.cell][at.i]
		if at.col.Type == schema.TypeReal && v.Kind() == schema.KindInt {
			v = schema.Real(v.Float64()) // as a replica's column keeps it
		}
		b = v.AppendCanonical(b)
	}
	d.buf = b
	sum := sha256.Sum256(b)
	return Digest{1, binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])}
}

func appendStr(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Check is what a device has of one scope at its cursor: digests of the centre's rows, without its own pending edits.
// With Report it tells instead how a check of the whole replica ended.
type Check struct {
	Number int64 // 1, 2, 3 … on one connection
	At     Base  // the cursor
	View   string
	Scope  string // "" for rows that lie in none
	Tables []TableDigest
	Report *CheckReport
}

// TableDigest is a record type's rows in a scope.
type TableDigest struct {
	Table   string
	Columns []string // compared, in this order
	Buckets int      // rows are split into, a power of two up to MaxBuckets
	Filled  []Bucket // those that are not empty, by Index
}

// Bucket is one bucket's digest.
type Bucket struct {
	Index  int
	Digest Digest
}

// CheckReport is how a check of a whole replica ended.
type CheckReport struct {
	Scopes   int  // compared
	Repaired int  // rows that differed from the centre's and do not any more
	Local    int  // rows that did not show what the replica itself held for them, mended without the centre
	Unmended bool // something differs still
	Stopped  bool // too many repairs within an hour: the device has stopped checking for a day
}

// Differed tells whether anything was found.
func (r *CheckReport) Differed() bool { return r.Repaired > 0 || r.Local > 0 || r.Unmended }

// Repair is a part of the answer to a Check: the whole rows of buckets that differ, at the device's cursor.
type Repair struct {
	Number   int64 // of the Check
	Part     int   // 1, 2, 3 …
	Items    []DeltaItem
	Done     bool      // the last part
	Covered  []Covered // Done: the buckets that Items of all parts are the whole of; none = nothing differs
	More     bool      // Done: other buckets differ too; check again
	Stale    bool      // Done: the centre has something newer for this view, or no time: check again after the next step
	Snapshot bool      // Done: too much differs to send it so; take a snapshot
}

// Covered names buckets of a record type.
type Covered struct {
	Table   string
	Buckets int
	Index   []int
}
