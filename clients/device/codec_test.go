package device_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func sample() *se.Changeset {
	return &se.Changeset{
		Device: deviceA, N: 7, Prev: se.Hash{1, 2, 255}, HLC: math.MaxUint64, Wall: -1, Boot: "b", Mono: 1 << 62, Schema: 3,
		Author: "王\x00", Foreign: true, Replaces: 5,
		Changes: []se.Change{
			{Table: "t", Row: "r", Op: se.OpInsert, Cells: []se.CellWrite{
				{Cell: "a", Base: se.Base{Epoch: 2, Seq: 3}, Values: []schema.Value{
					schema.Null(), schema.Int(math.MinInt64), schema.Real(math.SmallestNonzeroFloat64), schema.Real(math.Inf(-1)),
					schema.Text(""), schema.Text("a\x00\xff"), schema.Blob(nil), schema.Blob([]byte{0, 255}),
				}},
				{Cell: "none", Values: []schema.Value{}},
				{Cell: "sum", Add: schema.Int(-2)},
				{Cell: "set", In: []string{"x", ""}, Out: []string{"y"}},
			}},
			{Table: "t", Row: "r2", Op: se.OpDelete, Base: se.Base{Epoch: 1, Seq: math.MaxInt64}},
			{Table: "t", Row: "r3", Op: se.OpDecide, Decide: &se.Decision{Conflict: "1-1", Choice: se.ChoiceSet,
				Shown: []se.WriteID{{Device: "d", N: 1}}, Take: se.WriteID{Device: "e", N: 2}, Values: []schema.Value{schema.Null()}, Reason: "因"}},
		},
	}
}

func TestChangesetsSurviveExactly(t *testing.T) {
	cs := sample()
	back, err := device.DecodeChangeset(device.EncodeChangeset(cs))
	require.NoError(t, err)
	require.Equal(t, cs, back)
	for i := range cs.Changes {
		c, err := device.DecodeChange(device.EncodeChange(&cs.Changes[i]))
		require.NoError(t, err)
		require.Equal(t, cs.Changes[i], c)
	}
	it, copied := se.DeltaItem{Whole: true, Cells: []se.CellValue{{Cell: "x", Values: cs.Changes[0].Cells[0].Values}}}, se.DeltaItem{}
	require.NoError(t, device.DecodeItem(device.EncodeItem(&it), &copied))
	require.Equal(t, it, copied)
}

// The blobs rest on the canonical bytes; the changes in them are the ones that are stored alone.
func TestAStoredChangeIsPartOfTheCanonicalBytes(t *testing.T) {
	cs := sample()
	var changes []byte
	for i := range cs.Changes {
		changes = append(changes, device.EncodeChange(&cs.Changes[i])[1:]...)
	}
	require.True(t, bytes.HasSuffix(cs.Canonical(), changes))
}

func TestDamagedBlobsAreRefused(t *testing.T) {
	blob := device.EncodeChangeset(sample())
	for cut := range blob {
		_, err := device.DecodeChangeset(blob[:cut])
		require.Error(t, err, "cut at %d", cut)
	}
	_, err := device.DecodeChangeset(append(blob, 0))
	require.Error(t, err)
	_, err = device.DecodeChangeset(append([]byte{99}, blob[1:]...))
	require.Error(t, err, "a layout of a later version")
}

func FuzzDecodeChangeset(f *testing.F) {
	f.Add(device.EncodeChangeset(sample()))
	f.Add(device.EncodeChangeset(&se.Changeset{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		cs, err := device.DecodeChangeset(b)
		if err == nil && !bytes.Equal(device.EncodeChangeset(cs), b) {
			t.Fatalf("another spelling of a changeset was accepted")
		}
	})
}

func FuzzDecodeOthers(f *testing.F) {
	cs := sample()
	f.Add(device.EncodeChange(&cs.Changes[0]))
	f.Add(device.EncodeValues(cs.Changes[0].Cells[0].Values))
	f.Add(device.EncodeItem(&se.DeltaItem{Whole: true, Cells: []se.CellValue{{Cell: "x", Values: []schema.Value{schema.Null()}}}}))
	r := create(f)
	t := r.Schema().Table("visit")
	f.Fuzz(func(tb *testing.T, b []byte) {
		if c, err := device.DecodeChange(b); err == nil && !bytes.Equal(device.EncodeChange(&c), b) {
			tb.Fatal("another spelling of a change was accepted")
		}
		if v, err := device.DecodeValues(b); err == nil && !bytes.Equal(device.EncodeValues(v), b) {
			tb.Fatal("another spelling of values was accepted")
		}
		var it se.DeltaItem
		if err := device.DecodeItem(b, &it); err == nil && !bytes.Equal(device.EncodeItem(&it), b) {
			tb.Fatal("another spelling of an item was accepted")
		}
		_, _ = device.DecodeImage(t, b)
	})
}
