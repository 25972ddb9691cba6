package wire_test

import (
	"encoding/base64"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// An error names the field by its path and says what to do. What devices may not send is tried through a real socket
// in server/gateway; here are the messages of the centre, which a device checks as strictly.
func TestErrorsNameTheField(t *testing.T) {
	h := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, x := range []struct{ json, path string }{
		{`{"welcome":{"epoch":"-1"}}`, "welcome.epoch"},
		{`{"welcome":{"hash":"AAAA"}}`, "welcome.hash"},
		{`{"welcome":{"limits":{"maxFrame":"-5"}}}`, "welcome.limits.maxFrame"},
		{`{"welcome":{"grants":[{"scope":"g","role":"r"},{"scope":"g"}]}}`, "welcome.grants[1].role"},
		{`{"welcome":{"grants":[{"scope":"g","role":"r","doors":["a",""]}]}}`, "welcome.grants[0].doors[1]"},
		{`{"verdicts":{"verdicts":[{"n":"0","kind":"VERDICT_KIND_ACCEPTED","seq":"1"}]}}`, "verdicts.verdicts[0].n"},
		{`{"verdicts":{"verdicts":[{"n":"1","kind":"VERDICT_KIND_ACCEPTED"}]}}`, "verdicts.verdicts[0].seq"},
		{`{"verdicts":{"verdicts":[{"n":"1","hash":"` + h + `"}]}}`, "verdicts.verdicts[0].kind"},
		{`{"verdicts":{"verdicts":[{"n":"1","kind":"VERDICT_KIND_REJECTED"}]}}`, "verdicts.verdicts[0].reason"},
		{`{"verdicts":{"verdicts":[{"n":"1","kind":"VERDICT_KIND_REJECTED","reason":{}}]}}`, "verdicts.verdicts[0].reason.code"},
		{`{"verdicts":{"verdicts":[{"n":"1","kind":"VERDICT_KIND_PARKED","reason":{"code":"x","current":[{}]}}]}}`, "verdicts.verdicts[0].reason.current[0]"},
		{`{"verdicts":{"verdicts":[{"n":"1","kind":"VERDICT_KIND_MERGED","seq":"1","conflicts":[{"id":"1-0"}]}]}}`, "verdicts.verdicts[0].conflicts[0].key.kind"},
		{`{"delta":{"from":{"seq":"-1"}}}`, "delta.from"},
		{`{"delta":{"items":[{}]}}`, "delta.scope"},
		{`{"delta":{"scope":"g","items":[{"kind":"DELTA_KIND_ROW","table":"t"}]}}`, "delta.items[0].row"},
		{`{"delta":{"scope":"g","items":[{"table":"t","row":"r"}]}}`, "delta.items[0].kind"},
		{`{"delta":{"scope":"g","items":[{"kind":"DELTA_KIND_ROW","table":"t","row":"r","cells":[{"values":[{"null":true}]}]}]}}`, "delta.items[0].cells[0].cell"},
		{`{"delta":{"scope":"g","items":[{"kind":"DELTA_KIND_ROW","table":"t","row":"r","cells":[{"cell":"c","values":[{"int":"1"},{}]}]}]}}`, "delta.items[0].cells[0].values[1]"},
		{`{"delta":{"start":{"seq":"-1"}}}`, "delta.start.seq"},
		{`{"delta":{"scopes":[{"scope":"a"},{}]}}`, "delta.scopes[1].scope"},
		{`{"inbox":{"messages":[{"number":"0","kind":"x","conflict":{"id":"1","key":{"kind":"cell"}}}]}}`, "inbox.messages[0].number"},
		{`{"inbox":{"messages":[{"number":"1","kind":"x"}]}}`, "inbox.messages[0].conflict.id"},
		{`{"notice":{}}`, "notice.code"},
		{`{"notice":{"code":"x","text":"` + strings.Repeat("y", 65<<10) + `"}}`, "notice.text"},
	} {
		_, err := wire.Unmarshal([]byte(x.json), wire.JSON, se.DefaultLimits)
		e := &wire.Error{}
		require.ErrorAs(t, err, &e, x.json)
		require.Equal(t, x.path, e.Path, e.Problem)
		require.NotEmpty(t, e.Problem)
		require.Equal(t, session.NoticeProtocol, e.Notice())
	}
}

// An error never repeats a value: it may be logged (S20).
func TestErrorsHoldNoValues(t *testing.T) {
	const canary = "C-18612345678"
	for _, text := range []string{
		`{"seen":{"frames":"` + canary + `"}}`, `{"` + canary + `":`, `{"hello":{"device":"` + canary + `"}}`, canary,
		`{"seen":` + canary + `}`, `{"push":{"changesets":[{"n":"` + canary + `"}]}}`, `{"seen":{},"seen":"` + canary + `"}`,
		`{"notice":{"code":{"` + canary + `":1}}}`, `{"push":{"changesets":[{"prev":"` + canary + `"}]}}`,
	} {
		_, err := wire.Unmarshal([]byte(text), wire.JSON, se.DefaultLimits)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "18612345678", text)
	}
}

// What a newer centre or device adds is passed over, in both formats; a word that is not known is kept.
func TestUnknownFieldsAreTolerated(t *testing.T) {
	m, err := wire.Unmarshal([]byte(`{"seen":{"frames":"3","mood":"good","more":{"a":[1,2]}},"later":1}`), wire.JSON, se.DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, &session.Seen{Frames: 3}, m)

	b, err := wire.Marshal(&session.Notice{Code: "new_word", Text: "a sentence"}, wire.Binary)
	require.NoError(t, err)
	b = protowire.AppendTag(b, 99, protowire.BytesType)
	b = protowire.AppendBytes(b, []byte("later"))
	m, err = wire.Unmarshal(b, wire.Binary, se.DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, &session.Notice{Code: "new_word", Text: "a sentence"}, m)
}

// An enum's value that is not known is an error, not a zero that means something else.
func TestUnknownEnumIsAnError(t *testing.T) {
	b, err := wire.Marshal(&session.Verdicts{Verdicts: []se.Verdict{{N: 1, Kind: se.Parked, Reason: &se.Reason{Code: "x"}}}}, wire.Binary)
	require.NoError(t, err)
	i := strings.Index(string(b), "\x18\x05") // field 3, 5
	require.Positive(t, i)
	b[i+1] = 9
	_, err = wire.Unmarshal(b, wire.Binary, se.DefaultLimits)
	require.ErrorContains(t, err, "verdicts.verdicts[0].kind")
}

// Decoding is bounded by the limits, not by what a frame claims: a frame of empty parts is refused before it costs
// memory (S7).
func TestBombs(t *testing.T) {
	limits := se.Limits{MaxFrame: 48 << 20, MaxChanges: 1000, MaxChangeset: 32 << 20, Window: 64}
	values := strings.Repeat("\x1a\x00", 10<<20) // 20 MB of values
	b := []byte(values)
	for _, num := range []protowire.Number{5, 12, 1, 3} { // cells, changes, changesets, push
		b = protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	text := []byte(`{"push":{"changesets":[{"changes":[` + strings.Repeat("{},", 8<<20) + `{}]}]}}`)
	for f, b := range map[wire.Format][]byte{wire.Binary: b, wire.JSON: text} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := wire.Unmarshal(b, f, limits)
		runtime.ReadMemStats(&after)
		e := &wire.Error{}
		require.True(t, errors.As(err, &e) && e.TooLarge, "%v", err)
		require.Equal(t, session.NoticeTooLarge, e.Notice())
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	}
	_, err := wire.Unmarshal([]byte(`{"x":`+strings.Repeat("[", 1000)), wire.JSON, limits)
	require.ErrorContains(t, err, "nested too deeply")
	_, err = wire.Unmarshal(make([]byte, 11), wire.Binary, se.Limits{MaxFrame: 10, MaxChanges: 1, Window: 1})
	require.ErrorContains(t, err, "maxFrame")
}

// A transaction of 10,000 rows fits into the default limits.
func TestTenThousandRows(t *testing.T) {
	cs := big(10_000)
	require.Less(t, len(cs.Canonical()), se.DefaultLimits.MaxChangeset)
	for _, f := range []wire.Format{wire.Binary, wire.JSON} {
		b, err := wire.Marshal(&session.Push{Changesets: []*se.Changeset{cs}}, f)
		require.NoError(t, err)
		m, err := wire.Unmarshal(b, f, se.DefaultLimits)
		require.NoError(t, err)
		require.Equal(t, cs, m.(*session.Push).Changesets[0])
	}
}

// The binary form of a changeset is not much longer than its canonical bytes, so that what a device may seal fits into
// a frame.
func TestFrameHoldsWhatMayBeSealed(t *testing.T) {
	for _, cs := range []*se.Changeset{big(1000), nulls(1000)} {
		b, err := wire.MarshalChangeset(cs)
		require.NoError(t, err)
		l := se.DefaultLimits
		require.Less(t, float64(len(b))/float64(len(cs.Canonical())), float64(l.MaxFrame)/float64(l.MaxChangeset))
	}
}

func BenchmarkCodec(b *testing.B) {
	cs := big(200)
	m := &session.Push{Changesets: []*se.Changeset{cs}}
	bytes, err := wire.Marshal(m, wire.Binary)
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = wire.Marshal(m, wire.Binary)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = wire.Unmarshal(bytes, wire.Binary, se.DefaultLimits)
		}
	})
}
