package syncengine_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// claim sets a field of a struct to what somebody might claim there: each gives some values to try.
func claims(f reflect.StructField) (out []any) {
	switch f.Type.Kind() {
	case reflect.String:
		for _, x := range []string{"", "boss", "far", "admin", "dev-far", "g2", "999"} {
			out = append(out, x)
		}
	case reflect.Bool:
		out = append(out, true)
	case reflect.Int, reflect.Int64:
		for _, x := range []int64{-1 << 63, -1, 1, 2, 99, 1<<63 - 1} {
			out = append(out, reflect.ValueOf(x).Convert(f.Type).Interface())
		}
	case reflect.Uint64:
		out = append(out, reflect.ValueOf(uint64(1<<64-1)).Convert(f.Type).Interface())
	case reflect.Array:
		x := reflect.New(f.Type).Elem()
		x.Index(0).SetUint(1)
		out = append(out, x.Interface())
	case reflect.Slice:
		x := reflect.MakeSlice(f.Type, 1, 1)
		if x.Index(0).Kind() == reflect.Struct && f.Name == "Staged" {
			x.Index(0).FieldByName("Scope").SetString("g2")
		}
		out = append(out, x.Interface())
	}
	return out
}

// What a device says of itself gives it no right: whichever field of its changeset or its Hello it alters, it neither
// writes into a foreign scope nor is told of one. A new field is tried by itself (S22).
func TestClaimsGiveNoRights(t *testing.T) {
	tried := 0
	each := func(of any, unless string, try func(set func(reflect.Value))) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
			if strings.Contains(unless, f.Name+" ") {
				continue
			}
			values := claims(f)
			require.NotEmpty(t, values, "no claims for the field %s: add some", f.Name)
			for _, x := range values {
				tried++
				try(func(v reflect.Value) { v.FieldByIndex(f.Index).Set(reflect.ValueOf(x)) })
			}
		}
	}
	each(se.Changeset{}, "Changes ", func(claim func(reflect.Value)) {
		s := newStrangers(t)
		before := s.holds("g2")
		for _, c := range []se.Change{upd("home", rid(21), set("phone", 2, "x")), in("g2", ins("home", rid(50))), del("home", rid(21), 2)} {
			cs := s.own.make(c)
			claim(reflect.ValueOf(cs).Elem())
			r := s.own.send(cs)
			if r.Err == nil {
				require.False(t, r.Verdict.Kind.Effective() && len(cs.Changes) > 0 && cs.Gone == (se.Hash{}), "%+v", cs)
			}
			require.Equal(t, before, s.holds("g2"), "%+v", cs)
		}
	})
	// Device is the token's: the gateway compares them (TestTokenOfAnotherDevice).
	each(se.Hello{}, "Device Token ", func(claim func(reflect.Value)) {
		s := newStrangers(t)
		h := se.Hello{Device: s.own.id, App: "x", Schema: 1}
		claim(reflect.ValueOf(&h).Elem())
		wel := view(s.world, func(tx se.ReadTx) (*se.Welcome, error) {
			w, err := s.e.Welcome(tx, h, s.now)
			if err != nil { // it is told that it claims what cannot be
				return nil, nil
			}
			return w, nil
		})
		if wel != nil {
			require.Equal(t, []se.Grant{{Scope: "g1", Role: "worker"}}, wel.Grants, "%+v", h)
		}
		part := view(s.world, func(tx se.ReadTx) (*se.Part, error) {
			return s.e.Next(tx, se.NextRequest{Device: h.Device, View: h.View, Cursor: se.Base{Epoch: h.Epoch, Seq: h.Cursor}, Staged: h.Staged, Now: s.now, Budget: 1 << 20})
		})
		for _, f := range part.Frames {
			require.NotEqual(t, "g2", f.Scope, "%+v", h)
			for _, it := range f.Items {
				require.Less(t, it.Row, rid(20), "%+v", h)
			}
		}
		s.own.refused(se.Parked, se.CodeAwaits, upd("home", rid(21), set("phone", 2, "x")))
	})
	t.Logf("%d claims", tried)
}
