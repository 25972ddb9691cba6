package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
)

// TestMergeAndSplit: a duplicate is shown side by side, merged with the values picked, and split again; what waited on
// the retired record waits on the other, with its value.
func TestMergeAndSplit(t *testing.T) {
	w := peopled(t)
	a, b, sun := w.enrol("wang"), w.enrol("li"), w.enrol("sun")
	text := func(s string) []schema.Value { return []schema.Value{schema.Text(s)} }
	sun.insert("building", grid1, rowID(50), map[string][]schema.Value{"estate": text("王河"), "no": text("3")})
	for i, p := range []*phone{a, b} {
		p.insert("dwelling", grid1, rowID(60+i), map[string][]schema.Value{
			"building_id": text(string(rowID(50))), "unit_no": text("1"), "room_no": text("302"), "owner_name": text("户主" + string(rune('甲'+i))),
		})
	}
	b.insert("household", grid1, rowID(70), map[string][]schema.Value{"dwelling_id": text(string(rowID(61)))})
	b.update("dwelling", rowID(61), 0, "owner_name", schema.Text("户主丙"))
	a.update("dwelling", rowID(61), 0, "owner_name", schema.Text("户主丁"))
	var id string
	list := w.call("GET", "/v1/conflicts", "sun", nil).want(200)
	for _, x := range list.get("conflicts").([]any) {
		if c := x.(map[string]any); c["kind"] == "duplicate" {
			id = c["id"].(string)
		}
	}
	path := "/v1/conflicts/" + id
	shown := w.call("GET", path, "sun", nil).want(200)
	require.Equal(t, []any{"both", "merge"}, shown.get("choices"))
	require.Equal(t, []any{"户主甲", "户主丁"}, []any{value(shown.get("standing"), "owner_name")["text"], value(shown.get("candidates", 0), "owner_name")["text"]})

	merge := func(more ...any) map[string]any {
		out := with(decision(shown, "merge"), "into", string(rowID(60)))
		for i := 0; i < len(more); i += 2 {
			out = with(out, more[i].(string), more[i+1])
		}
		return out
	}
	w.call("POST", path+"/decision", "sun", decision(shown, "split")).problem(422, "choice_unfit")
	w.call("POST", path+"/decision", "sun", merge("into", string(rowID(50)))).problem(422, "merge_into")
	w.call("POST", path+"/decision", "sun", merge("retired", []string{string(rowID(60))})).problem(422, "merge_into")
	w.call("POST", path+"/decision", "sun", merge("from", map[string]string{"scope": string(rowID(61))})).problem(422, "merge_from")
	w.call("POST", path+"/decision", "sun", merge("from", map[string]string{"owner_name": string(rowID(70))})).problem(422, "merge_from")
	w.call("POST", path+"/decision", "sun", merge("from", map[string]string{"owner_name": string(rowID(61))})).want(200)

	shown = w.call("GET", path, "sun", nil).want(200)
	require.Equal(t, []any{false, "merge", []any{"split"}, true}, []any{shown.get("open"), shown.get("outcome"), shown.get("choices"), shown.get("may_decide")})
	require.Equal(t, "户主丁", value(shown.get("standing"), "owner_name")["text"])
	require.Equal(t, []any{string(rowID(60)), "户主丁"}, []any{shown.get("candidates", 0, "merged_into"), value(shown.get("candidates", 0), "owner_name")["text"]})
	list = w.call("GET", "/v1/conflicts", "sun", nil).want(200)
	require.Len(t, list.get("conflicts"), 1)
	cell := w.call("GET", "/v1/conflicts/"+list.str("conflicts", 0, "id"), "sun", nil).want(200)
	require.Equal(t, []any{string(rowID(60)), string(rowID(61)), "户主丙"}, []any{cell.get("row"), cell.get("candidates", 0, "row"), cell.get("candidates", 0, "values", 0, "text")})

	w.call("POST", path+"/decision", "sun", with(decision(shown, "split"), "retired", []string{string(rowID(50))})).problem(409, "split_nothing")
	w.call("POST", path+"/decision", "sun", decision(shown, "split")).want(200)
	w.call("POST", path+"/decision", "sun", decision(shown, "split")).problem(409, "conflict_closed")
	list = w.call("GET", "/v1/conflicts", "sun", nil).want(200)
	require.Len(t, list.get("conflicts"), 2, "they are duplicates again")
}
