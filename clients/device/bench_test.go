package device_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// One row, one changeset, durable.
func BenchmarkWriteOne(b *testing.B) {
	r := create(b)
	id := dwelling(b, r)
	b.ResetTimer()
	for i := range b.N {
		write(b, r, func(tx *device.Tx) error {
			return tx.Set("household", id, map[string]any{"notes": fmt.Sprint(i)})
		})
	}
}

// 10,000 rows in one transaction.
func BenchmarkWriteMany(b *testing.B) {
	for range b.N {
		r := create(b)
		write(b, r, func(tx *device.Tx) error {
			for i := range 10_000 {
				if _, err := tx.Insert("household", map[string]any{"dwelling_id": building, "phone": "13812345678", "notes": fmt.Sprint(i)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// A step of 10,000 rows in ten frames.
func BenchmarkApplyMany(b *testing.B) {
	for range b.N {
		r := create(b)
		s := r.Session()
		for f := range 10 {
			from, to := se.Position{Seq: int64(10 + f)}, se.Position{Seq: int64(11 + f)}
			d := &se.Delta{View: viewA, From: se.Base{Epoch: 1, Seq: 10}, Scope: grid, Start: from, After: to}
			for i := range 1000 {
				d.Items = append(d.Items, se.DeltaItem{Seq: to.Seq, Kind: se.DeltaRow, Table: "household", Whole: true,
					Row: se.RowID(fmt.Sprintf("00000000-0000-7000-8000-%012d", f*1000+i)),
					Cells: []se.CellValue{
						{Cell: "scope", Values: []schema.Value{schema.Text(grid)}}, {Cell: "phone", Values: []schema.Value{schema.Text("13812345678")}},
					}})
			}
			if f == 9 {
				d.Done, d.To, d.Scopes = true, se.Base{Epoch: 1, Seq: to.Seq}, []se.StagedScope{{Scope: grid, After: to}}
			}
			_, err := s.Stage(d)
			require.NoError(b, err)
		}
	}
}
