package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

// Every phone has what there is to know of it in one line, well or not: somebody scans forty of them.
func TestDeviceTable(t *testing.T) {
	at := time.Date(2046, 3, 2, 0, 30, 0, 0, time.UTC)
	p := func(n int64) *int64 { return &n }
	program, old := "doorstep 0.2.0", at.Add(-50*time.Hour)
	list := []restclient.Device{
		{Id: "d1", AccountName: "王芳", Label: "phone", LastContact: &at, App: &program, Schema: p(2), FreeBytes: p(3 << 30), CheckedAt: &old},
		{Id: "d2", AccountName: "李强", Label: "li", LastContact: &old, Waiting: 7, OldestWaiting: &old, Behind: 12, App: &program, Schema: p(1), ClockOffsetMs: 7_200_000, FreeBytes: p(80 << 20), Repaired: p(4)},
		{Id: "d3", AccountName: "陈", Label: "new"},
		{Id: "d4", AccountName: "周", Label: "c", Console: true},
		{Id: "d5", AccountName: "王芳", Label: "lost", LastContact: &old, RevokedAt: &at, Waiting: 3, OldestWaiting: &old},
	}
	var b strings.Builder
	a := &app{lang: en, Program: Program{Out: &b, Zone: time.FixedZone("", 8*3600)}}
	a.deviceTable(list, true)
	want := `device  person  label  last contact      waiting                      behind  app/schema        clock     free     last check        notes
d1      王芳    phone  2046-03-02 08:30  0                            0       doorstep 0.2.0/2  0s        3.0 GiB  2046-02-28 06:30
d2      李强    li     2046-02-28 06:30  7 (oldest 2046-02-28 06:30)  12      doorstep 0.2.0/1  !+2h0m0s  80 MiB   -                 4 rows put right by checks in 30 days
d3      陈      new    never in contact  -                            -       -                 -         -        -
d4      周      c      -                 -                            -       -                 -         -        -                 console
d5      王芳    lost   2046-02-28 06:30  3 (oldest 2046-02-28 06:30)  0       -/-               0s        -        -                 revoked 2046-03-02 08:30
`
	got := b.String()
	require.True(t, strings.HasPrefix(got, want), got)
	require.Contains(t, strings.TrimPrefix(got, want), "5")
}
