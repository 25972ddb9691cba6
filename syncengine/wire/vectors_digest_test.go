package wire

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// TestDigestVectors: the digest of a row, its bucket, and the sum of those before it (I52).
func TestDigestVectors(t *testing.T) {
	type vector struct {
		Name    string            `json:"name"`
		Table   string            `json:"table"`
		Row     string            `json:"row"`
		Columns []string          `json:"columns"`
		Values  []json.RawMessage `json:"values"` // as the view shows them: masked, NULL where hidden
		Digest  string            `json:"digest"` // hex
		Bucket  int               `json:"bucket"` // of 256
		Sum     string            `json:"sum"`    // hex, of the rows up to this one
	}
	table := &schema.Table{Name: "resident", Columns: schema.BuiltIn()}
	for _, c := range []schema.Column{
		{Name: "name", Type: schema.TypeText}, {Name: "floor", Type: schema.TypeInt}, {Name: "lat", Type: schema.TypeReal},
		{Name: "key", Type: schema.TypeSealed}, {Name: "tags", Type: schema.TypeSet, Policy: schema.PolicyUnion},
	} {
		table.Columns = append(table.Columns, &c)
	}
	(&schema.Schema{Version: 1, Tables: []*schema.Table{table}}).Index()
	columns := []string{"scope", "name", "floor", "lat", "key", "tags", "from a newer version"}
	digester := se.NewDigester(table, columns)
	null := schema.Null()
	var list []vector
	var sum se.Digest
	for i, x := range []struct {
		name   string
		values []schema.Value
	}{
		{"nothing but a scope", []schema.Value{schema.Text("g"), null, null, null, null, null, null}},
		{"every kind", []schema.Value{schema.Text("g"), schema.Text("王秀英"), schema.Int(-3), schema.Real(36.65), schema.Blob([]byte{0, 255}), schema.Text(`["a","独居"]`), null}},
		{"a masked name", []schema.Value{schema.Text("g"), schema.Text("王**"), schema.Int(math.MaxInt64), null, null, null, null}},
		{"empty is not NULL", []schema.Value{schema.Text(""), schema.Text(""), schema.Int(0), schema.Real(0), schema.Blob(nil), schema.Text("[]"), null}},
		{"a whole number in a column of floating-point ones is one", []schema.Value{schema.Text("g"), null, null, schema.Int(5), null, null, null}},
		{"a set in another spelling is another text", []schema.Value{schema.Text("g"), null, null, null, null, schema.Text(`[ "b", "a" ]`), null}},
	} {
		row := make([][]schema.Value, len(table.Cells))
		for j, c := range table.Cells {
			row[j] = make([]schema.Value, len(c.Columns))
			for k, col := range c.Columns {
				for l, name := range columns {
					if name == col.Name {
						row[j][k] = x.values[l]
					}
				}
			}
		}
		id := se.RowID(rowX[:35] + string(rune('a'+i)))
		d := digester.Row(id, row)
		sum.Add(d)
		list = append(list, vector{x.name, table.Name, string(id), columns, valuesJSON(t, x.values), hexDigest(d), id.Bucket(256), hexDigest(sum)})
	}
	vectors(t, "digests.json", list)
	seen := map[string]bool{}
	for _, v := range list {
		require.False(t, seen[v.Digest], v.Name)
		seen[v.Digest] = true
	}
	require.Equal(t, int64(len(list)), sum.Count)
	// The sum is modulo 2^128: the greatest digest and 1 are nothing.
	top := se.Digest{Count: 1, Hi: math.MaxUint64, Lo: math.MaxUint64}
	top.Add(se.Digest{Count: 1, Lo: 1})
	require.Equal(t, se.Digest{Count: 2}, top)
}

func hexDigest(d se.Digest) string {
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, d.Hi), d.Lo)
	return hex.EncodeToString(b)
}

// A Check that no device sends is refused with the field's name.
func TestChecksAreChecked(t *testing.T) {
	for text, path := range map[string]string{
		`{"check":{}}`:                         "check.number",
		`{"check":{"number":1,"tables":[{}]}}`: "check.tables[0].table",
		`{"check":{"number":1,"tables":[{"table":"a","buckets":3}]}}`:                                                           "check.tables[0].buckets",
		`{"check":{"number":1,"tables":[{"table":"a","buckets":2048}]}}`:                                                        "check.tables[0].buckets",
		`{"check":{"number":1,"tables":[{"table":"a","buckets":1},{"table":"a","buckets":1}]}}`:                                 "check.tables[1].table",
		`{"check":{"number":1,"tables":[{"table":"a","buckets":2,"filled":[{"index":2,"count":1}]}]}}`:                          "check.tables[0].filled[0].index",
		`{"check":{"number":1,"tables":[{"table":"a","buckets":2,"filled":[{"index":1,"count":1},{"index":0,"count":1}]}]}}`:    "check.tables[0].filled[1].index",
		`{"check":{"number":1,"tables":[{"table":"a","buckets":2,"filled":[{"index":1}]}]}}`:                                    "check.tables[0].filled[0].count",
		`{"check":{"number":1,"report":{"repaired":-1}}}`:                                                                       "check.report.repaired",
		`{"check":{"number":1,"tables":[` + strings.Repeat(`{"table":"a","buckets":1},`, 1000) + `{"table":"a","buckets":1}]}}`: "check.tables",
		`{"repair":{"number":1}}`: "repair.part",
		`{"repair":{"number":1,"part":1,"covered":[{"table":"a","buckets":4,"index":[4]}]}}`: "repair.covered[0].index[0]",
	} {
		_, err := Unmarshal([]byte(text), JSON, se.DefaultLimits)
		var e *Error
		require.ErrorAs(t, err, &e, text)
		require.Equal(t, path, e.Path)
	}
}
