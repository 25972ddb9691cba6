package device_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func write(t testing.TB, r *device.Replica, fn func(tx *device.Tx) error) {
	t.Helper()
	_, err := r.Write(bg, fn)
	require.NoError(t, err)
}

// A form that was open while a delta came in is saved on what its person had read: the centre sees a concurrent edit,
// and nothing of the other one is lost.
func TestAFormIsSavedAtTheCursorAtWhichItWasRead(t *testing.T) {
	c, a, b := pair(t)
	synced(t, a, c)
	id := insert(t, a, "dispute", map[string]any{"kind_code": "neighbour", "facts": "noise", "outcome": "open", "notes": "n"})
	other := insert(t, a, "dispute", map[string]any{"kind_code": "neighbour"})
	synced(t, a, c)
	synced(t, b, c)
	form, err := b.Form(bg, "dispute", id)
	require.NoError(t, err)
	require.Equal(t, schema.Text("noise"), form.Values["facts"])

	write(t, a, func(tx *device.Tx) error {
		return tx.Set("dispute", id, map[string]any{"facts": "water", "outcome": "settled", "agreement_terms": "pays", "notes": "new"})
	})
	synced(t, a, c)
	synced(t, b, c)
	write(t, b, func(tx *device.Tx) error {
		return tx.SetForm(form, map[string]any{"facts": "smoke", "agreement_terms": "shares", "notes": "n"})
	})
	cs := outbox(t, b)[0]
	require.Len(t, cs.Changes[0].Cells, 2, "notes were not touched in the form")
	for _, w := range cs.Changes[0].Cells {
		require.Equal(t, form.Seen.Base, w.Base, w.Cell)
		if w.Cell == "result" {
			require.Equal(t, []schema.Value{schema.Text("open"), schema.Text("shares"), schema.Null(), schema.Null()}, w.Values, "the group as the form shows it")
		}
	}
	report := synced(t, b, c)
	require.Equal(t, 1, report.Kinds[se.Conflicts])
	list, err := b.Conflicts(bg)
	require.NoError(t, err)
	require.Len(t, list, 2)

	now, err := b.Status(bg)
	require.NoError(t, err)
	write(t, b, func(tx *device.Tx) error {
		if err := tx.SetForm(form, map[string]any{"demands": "quiet"}); err != nil {
			return err
		}
		return tx.Set("dispute", other, map[string]any{"notes": "later"})
	})
	bases := map[string]se.Base{}
	for _, c := range outbox(t, b)[0].Changes {
		for _, w := range c.Cells {
			bases[w.Cell] = w.Base
		}
	}
	require.Equal(t, map[string]se.Base{"demands": form.Seen.Base, "notes": now.Cursor}, bases, "the form's cursor is for the form alone")
}

// A form that was opened over an edit under way has seen no more of the cell than that edit had.
func TestAFormOverAPendingEdit(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	id := household(t, a)
	synced(t, a, c)
	write(t, a, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": "one"}) })
	first := outbox(t, a)[0].Changes[0].Cells[0].Base
	insert(t, a, "dispute", map[string]any{"kind_code": "neighbour"})
	form, err := a.Form(bg, "household", id)
	require.NoError(t, err)
	require.Equal(t, schema.Text("one"), form.Values["notes"])
	synced(t, a, c) // the edit is in; the cursor has moved
	write(t, a, func(tx *device.Tx) error { return tx.SetForm(form, map[string]any{"notes": "two"}) })
	require.Equal(t, first, outbox(t, a)[0].Changes[0].Cells[0].Base)
}

func TestAFormFromTheFutureIsRefused(t *testing.T) {
	r := create(t)
	_, err := r.Write(bg, func(tx *device.Tx) error { return tx.ReadAt(se.Base{Epoch: 1, Seq: 11}) })
	require.Equal(t, device.CodeAhead, device.CodeOf(err))
}

func TestHelpersCheckBeforeTheyWrite(t *testing.T) {
	r := create(t)
	id := dwelling(t, r)
	for name, x := range map[string]struct {
		code device.Code
		says string
		run  func(tx *device.Tx) error
	}{
		"no such type":   {device.CodeNoTable, `"flat"`, func(tx *device.Tx) error { _, err := tx.Insert("flat", nil); return err }},
		"no such column": {device.CodeNoColumn, `"colour"`, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"colour": "red"}) }},
		"no such row":    {device.CodeNoRow, "sync first", func(tx *device.Tx) error { return tx.Set("household", deviceB, map[string]any{"notes": "x"}) }},
		"value":          {device.CodeBadValue, `"Phone" is no valid phone number`, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"phone": "abc"}) }},
		"type":           {device.CodeBadValue, `"Phone" has the wrong type`, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"phone": 5}) }},
		"required":       {device.CodeBadValue, `Fill in "Dwelling"`, func(tx *device.Tx) error { _, err := tx.Insert("household", map[string]any{"notes": "x"}); return err }},
		"emptied":        {device.CodeBadValue, `Fill in "Dwelling"`, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"dwelling_id": nil}) }},
		"central":        {device.CodeNotWritable, `"Last visit" is filled in by the centre`, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"last_visit_at": time.Now()}) }},
		"envelope":       {device.CodeNotWritable, `"Created by"`, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"created_by": "me"}) }},
		"id":             {device.CodeNotWritable, `"Id"`, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"id": deviceB}) }},
		"append":         {device.CodeAppendOnly, `void it`, func(tx *device.Tx) error { return tx.Set("visit", id, map[string]any{"outcome": "met"}) }},
		"append delete":  {device.CodeAppendOnly, `"Visit"`, func(tx *device.Tx) error { return tx.Delete("visit", id) }},
		"delete":         {device.CodeNoRow, "sync first", func(tx *device.Tx) error { return tx.Delete("household", deviceB) }},
		"add text":       {device.CodeBadValue, "", func(tx *device.Tx) error { return tx.AddTo("building", id, "floors", "many") }},
		"go type":        {device.CodeBadValue, "", func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"notes": struct{}{}}) }},
		"set in no row":  {device.CodeNoRow, "", func(tx *device.Tx) error { return tx.SetAdd("household", deviceB, "tags", "x") }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Write(bg, x.run)
			var e *device.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, x.code, e.Code, "%v", err)
			require.Contains(t, e.In("en"), x.says)
			require.NotEmpty(t, e.In("zh-CN"))
		})
	}
	require.Len(t, outbox(t, r), 1, "nothing was written")
}

func TestOperationsTravelAsDifferences(t *testing.T) {
	r := create(t)
	id := dwelling(t, r)
	write(t, r, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"tags": []string{"a", "b"}}) })
	write(t, r, func(tx *device.Tx) error {
		if err := tx.SetAdd("household", id, "tags", "c"); err != nil {
			return err
		}
		return tx.SetRemove("household", id, "tags", "a")
	})
	w := outbox(t, r)[2].Changes[0].Cells[0]
	require.Equal(t, []string{"c"}, w.In)
	require.Equal(t, []string{"a"}, w.Out)
	require.Nil(t, w.Values)
	require.Equal(t, schema.Text(`["b","c"]`), field(t, r, id, "tags"))
}

func TestParseTakesWhatPeopleType(t *testing.T) {
	s := create(t).Schema()
	col := func(table, name string) *schema.Column { return s.Table(table).Column(name) }
	for _, x := range []struct {
		c    *schema.Column
		text string
		want schema.Value
	}{
		{col("household", "phone"), "138", schema.Text("138")},
		{col("household", "phone"), "", schema.Null()},
		{col("household", "tags"), "a, b，a", schema.Text(`["a","b"]`)},
		{col("household", "tags"), `["b","a"]`, schema.Text(`["a","b"]`)},
		{col("visit", "started_at"), "2026-03-05T08:00:00+08:00", schema.Int(1772668800000)},
		{col("visit", "started_at"), "1772668800000", schema.Int(1772668800000)},
		{col("visit", "voided"), "是", schema.Int(1)},
		{col("visit", "lat"), "36.5", schema.Real(36.5)},
		{col("building", "floors"), "6", schema.Int(6)},
		{col("resident", "id_no_sealed"), "00ff", schema.Text("00ff")},
	} {
		v, err := device.Parse(x.c, x.text)
		require.NoError(t, err, x.text)
		require.Equal(t, x.want, v, x.text)
	}
	for _, c := range []*schema.Column{col("building", "floors"), col("visit", "lat"), col("visit", "voided"), col("visit", "started_at"), col("household", "tags")} {
		_, err := device.Parse(c, "[x")
		require.Equal(t, device.CodeBadValue, device.CodeOf(err), c.Name)
		require.NotContains(t, err.Error(), "[x", "values are not repeated")
	}
}

func TestListFilters(t *testing.T) {
	r := create(t)
	id := dwelling(t, r)
	insert(t, r, "household", map[string]any{"dwelling_id": building})
	rows, err := r.List(bg, "household", map[string]any{"phone": "13812345678"}, 0)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, id, rows[0].ID)
	rows, err = r.List(bg, "household", map[string]any{"phone": nil}, 0)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	rows, err = r.List(bg, "household", nil, 1)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	_, err = r.List(bg, "household", map[string]any{`phone" IS NULL OR 1 --`: "x"}, 0)
	require.Equal(t, device.CodeNoColumn, device.CodeOf(err))
	_, err = r.Get(bg, "household", deviceB)
	require.Equal(t, device.CodeNoRow, device.CodeOf(err))
	var gone string
	require.Error(t, r.QueryRow(bg, `DELETE FROM household RETURNING id`).Scan(&gone))
	require.Equal(t, "2", shell(t, r, "SELECT count(*) FROM household;"), "readers cannot write")
}

func TestANewRowNeedsAGrid(t *testing.T) {
	r := create(t)
	two := append(grants(), se.Grant{Scope: "370115003239002", Role: "grid_worker"})
	greet(t, r.Session(), &se.Welcome{Epoch: 1, View: viewA, Grants: two, Limits: se.DefaultLimits})
	_, err := r.Write(bg, func(tx *device.Tx) error {
		_, err := tx.Insert("dispute", map[string]any{"kind_code": "neighbour"})
		return err
	})
	var e *device.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, device.CodeNoScope, e.Code)
	require.Contains(t, e.In("en"), "The new Dispute has no grid")
	require.Empty(t, outbox(t, r))
	insert(t, r, "dispute", map[string]any{"kind_code": "neighbour", "scope": two[1].Scope})
}

func TestTooMuchForOneSave(t *testing.T) {
	r := create(t)
	small := se.DefaultLimits
	small.MaxChanges = 2
	greet(t, r.Session(), &se.Welcome{Epoch: 1, View: viewA, Grants: grants(), Limits: small})
	_, err := r.Write(bg, func(tx *device.Tx) error {
		for range 3 {
			if _, err := tx.Insert("dispute", map[string]any{"kind_code": "neighbour"}); err != nil {
				return err
			}
		}
		return nil
	})
	require.Equal(t, device.CodeTooLarge, device.CodeOf(err))
	require.Empty(t, outbox(t, r))
}
