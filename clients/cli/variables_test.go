package cli

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A misspelt variable is told of once, with what it was meant to be; those of the centre and of scripts are nobody's
// mistake, and a shell that asks for completion hears nothing.
func TestMisspeltVariables(t *testing.T) {
	run := func(args ...string) string {
		var out, errs bytes.Buffer
		environ := []string{
			"DOORSTEP_LANG=en", "DOORSTEP_REPLCIA=x.db", "DOORSTEP_SETTING=y", "DOORSTEP_LISTEN=:1", "DOORSTEP_DATA=/x", "DOORSTEP_COUNTY=7",
			"DOORSTEP_LITESTREAM=l", "DOORSTEP_PIN_FILE=-", "HOME=/x", "DOORSTEPLANG=x", "DOORSTEP_REPLICA_DIR=/x", "DOORSTEP_TLS_NAMES=x",
		}
		p := Program{Version: "t", In: &bytes.Buffer{}, Out: &out, Err: &errs, Now: time.Now, Environ: func() []string { return environ },
			Env: func(name string) string { return map[string]string{"DOORSTEP_LANG": "en"}[name] }}
		require.Zero(t, p.Main(context.Background(), args))
		return errs.String()
	}
	require.Equal(t, "The variable DOORSTEP_REPLCIA means nothing; did you mean DOORSTEP_REPLICA?\n"+
		"The variable DOORSTEP_SETTING means nothing; did you mean DOORSTEP_SETTINGS?\n", run("version"))
	require.NotContains(t, run("__complete", "lis"), "means nothing")
	require.Empty(t, run("version", "--json"))
}
