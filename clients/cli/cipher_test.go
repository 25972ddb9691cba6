//go:build libsqlite3

package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// This test runs in a program that is linked with SQLite3MultipleCiphers: scripts/ciphers.sh go test -run Encrypted ./clients/cli

// The way of an encrypted replica on the command line: made so, or encrypted later; opened by the PIN alone; under another
// key and another PIN; damaged and recovered; left alone by whoever sends for everybody on the phone.
func TestEncryptedReplicaOnTheCommandLine(t *testing.T) {
	w, _, _, household := sealedWorld(t)
	secret := "CANARY-9c1d"
	shared := w.machine("shared")
	home := filepath.Join(w.dir, "home")
	do := func(exit int, pin string, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		env := map[string]string{"DOORSTEP_HOME": home, "DOORSTEP_REPLICA": ""}
		if pin != "" {
			env["DOORSTEP_PIN_FILE"] = "-"
		}
		code := shared.run(t.Context(), strings.NewReader(pin), &out, &errs, env, append([]string{"--lang", "en"}, args...)...)
		require.Equal(t, exit, code, "%v\n%s%s", args, out.String(), errs.String())
		return out.String() + errs.String()
	}
	enrol := func(login string, more ...string) []string {
		return append([]string{"enrol", "--server", w.url, "--code", code(w.machine("root").do("code", "create", login))}, more...)
	}
	clear := func(name string) bool {
		for file, text := range files(t, filepath.Join(home, name)) {
			if bytes.Contains(text, []byte(secret)) {
				t.Log(file)
				return true
			}
		}
		return false
	}
	path := func(name string) string { return filepath.Join(home, name, "replica.db") }

	do(0, "", "use", "wang")
	require.Contains(t, do(2, "", enrol("wang", "--encrypt")...), "PIN is empty")
	require.NoFileExists(t, path("wang"))
	do(0, "2468\n", enrol("wang", "--encrypt")...)
	w.machine("phone").do("sync") // its household is at the centre
	do(0, "2468\n", "sync")
	do(0, "2468\n", "new", "resident", "household_id="+household, "name=王丽", "notes="+secret, "id_no_sealed="+citizen)
	require.Contains(t, do(0, "2468\n", "list", "resident"), "王丽")
	require.False(t, clear("wang"))
	for _, args := range [][]string{{"status"}, {"sync"}, {"recover"}, {"list", "resident"}, {"replica", "rekey"}} {
		said := do(6, "1111\n", args...)
		require.Contains(t, said, "does not open the replica", args)
		require.NotContains(t, said, "damaged;", args)
		require.Contains(t, do(2, "", args...), "PIN is empty", args)
	}

	// Somebody else sends: not what he cannot open, and it is said.
	do(0, "", "use", "li")
	do(0, "", enrol("li")...)
	said := do(6, "", "sync", "--all")
	require.Contains(t, said, "li: 0 changesets sent")
	require.Contains(t, said, "is encrypted")

	// li's replica is in clear; it is encrypted later.
	do(0, "", "new", "resident", "household_id="+household, "name=李四", "notes="+secret)
	require.True(t, clear("li"))
	require.Contains(t, do(0, "135790\n", "replica", "encrypt"), "is encrypted")
	require.False(t, clear("li"))
	require.Contains(t, do(2, "135790\n", "replica", "encrypt"), "encrypted already")
	require.Contains(t, do(0, "135790\n", "list", "resident"), "李四")
	do(0, "135790\n", "sync")

	// Another key, another PIN.
	do(0, "", "use", "wang")
	before, err := os.ReadFile(device.CipherPath(path("wang")))
	require.NoError(t, err)
	do(0, "2468\n", "replica", "rekey")
	after, err := os.ReadFile(device.CipherPath(path("wang")))
	require.NoError(t, err)
	require.NotEqual(t, before, after)
	do(0, "2468\n8642\n", "replica", "pin", "--new-pin-file", "-")
	do(6, "2468\n", "status")
	require.Contains(t, do(0, "8642\n", "list", "resident", "--json"), citizen, "its sealed columns' keys are under the same PIN")

	// Its first page rots: that is damage, and no wrong key.
	f, err := os.OpenFile(path("wang"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{7}, 200), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Contains(t, do(1, "8642\n", "status"), "is damaged")
	require.Contains(t, do(0, "8642\n", "recover"), "1 unsent changeset was brought over")
	do(0, "8642\n", "sync")
	require.Contains(t, do(0, "8642\n", "list", "resident"), "王丽")
	require.False(t, clear("wang"))
}
