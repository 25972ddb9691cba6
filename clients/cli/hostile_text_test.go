package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

// What a device sent may name record types and columns by any bytes: a terminal gets none of them as they are.
func TestNamesFromADeviceDoNotReachTheTerminal(t *testing.T) {
	bad, hazard := "no_name\x1b]0;owned\x07\x1b[2J", "hazard"
	for _, q := range []restclient.Quarantined{
		{Device: "d", N: 1, Verdict: "rejected", Code: "unknown_cell", Record: &hazard, Column: &bad, Open: true},
		{Device: "d", N: 1, Verdict: "rejected", Code: "unknown_table", Record: &bad, Open: true},
	} {
		var out bytes.Buffer
		a := &app{lang: "en"}
		a.Out, a.Err = &out, &out
		a.Env = func(string) string { return "" }
		a.quarantineText(&q)
		require.Contains(t, out.String(), "no_name")
		require.NotContains(t, out.String(), "\x1b")
		require.NotContains(t, out.String(), "\x07")
	}
}
