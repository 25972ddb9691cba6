package wire

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// TestColumnVectors: other clients read chunks in columns by these, and what was packed once is read for ever.
func TestColumnVectors(t *testing.T) {
	type vector struct {
		Name    string          `json:"name"`
		Items   json.RawMessage `json:"items"`
		Columns json.RawMessage `json:"columns"`
		Size    int             `json:"size"`
		Packed  string          `json:"packed"`
	}
	var recorded, list []vector
	b, err := os.ReadFile(filepath.Join("testdata", "vectors", "columns.json"))
	if err == nil {
		require.NoError(t, json.Unmarshal(b, &recorded))
	}
	for i, x := range columnExamples() {
		items, err := itemsToWire(x.items)
		require.NoError(t, err)
		columns, err := columnsToWire(x.items)
		require.NoError(t, err)
		packed, size, err := Columned{}.Pack(x.items)
		require.NoError(t, err)
		if i < len(recorded) && recorded[i].Name == x.name { // another version of zstd may pack it otherwise
			packed, err = base64.StdEncoding.DecodeString(recorded[i].Packed)
			require.NoError(t, err)
			size = recorded[i].Size
		}
		back, err := Unpack(se.Columns, packed, size)
		require.NoError(t, err, x.name)
		require.Equal(t, x.items, back, x.name)
		list = append(list, vector{x.name, compact(t, &DeltaItems{Items: items}), compact(t, columns), size, base64.StdEncoding.EncodeToString(packed)})
	}
	vectors(t, "columns.json", list)
}

type columnExample struct {
	name  string
	items []se.DeltaItem
}

func columnExamples() []columnExample {
	row := func(seq int64, id se.RowID, cells ...se.CellValue) se.DeltaItem {
		return se.DeltaItem{Seq: seq, Kind: se.DeltaRow, Table: "visit", Row: id, Whole: true, Cells: cells}
	}
	cell := func(name string, values ...schema.Value) se.CellValue {
		return se.CellValue{Cell: name, Values: values}
	}
	text := schema.Text
	many := []se.DeltaItem{}
	for i := range 6 {
		many = append(many, row(int64(100+i), se.RowID("01941f29-7c0"+string("0123456789abcdef"[i])+"-7000-8000-00000000000a"),
			cell("household_id", text(devA)), cell("state", text([]string{"done", "open"}[i%2])), cell("visited_at", schema.Int(1_790_000_000_000+int64(i*i)*1000)),
			cell("note", text("无异常"+"甲乙丙丁戊己"[3*i:3*i+3]))))
	}
	return []columnExample{
		{"one row", []se.DeltaItem{row(9, rowX, cell("scope", text("g")), cell("place", schema.Real(1), schema.Null()))}},
		{"rows that are alike", many},
		{"two record types in turn", []se.DeltaItem{
			row(9, rowX, cell("scope", text("g"))), {Seq: 10, Kind: se.DeltaRow, Table: "wish", Row: rowY, Whole: true}, row(11, rowY, cell("scope", text("g"))),
			{Seq: 12, Kind: se.DeltaDead, Table: "visit", Row: rowX}, {Seq: 12, Kind: se.DeltaEvict, Table: "wish", Row: rowY},
		}},
		{"cells that some lack", []se.DeltaItem{
			row(9, rowX, cell("a", text("1")), cell("c", text("3"))), row(10, rowY, cell("b", text("2")), cell("c", schema.Int(-3))), row(11, rowY),
		}},
		{"cells in another order", []se.DeltaItem{row(9, rowX, cell("a", text("1")), cell("b", text("2"))), row(10, rowY, cell("b", text("2")), cell("a", text("1")))}},
		{"a cell that none has", []se.DeltaItem{row(9, rowX, cell("z"), cell("a", text("1"))), row(10, rowY, cell("a", text("2")), cell("b", text("1"), text("2")), cell("z"))}},
		{"every kind of value", []se.DeltaItem{
			row(9, rowX, cell("v", schema.Null())), row(9, rowX, cell("v", schema.Int(-1))), row(9, rowX, cell("v", schema.Real(-1.5))), row(9, rowX, cell("v", text("\xff"))),
			row(9, rowX, cell("v", schema.Blob([]byte{0, 1}))), row(9, rowX, cell("v", schema.Blob(nil))), row(9, rowX, cell("v", text(""))), row(9, rowX, cell("v")),
		}},
		{"ids that are no UUIDs", []se.DeltaItem{row(9, "R1", cell("a", text(devA))), row(10, rowX, cell("a", text("R1")))}},
	}
}
