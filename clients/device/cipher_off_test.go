//go:build !libsqlite3

package device_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// Asked to encrypt, a program that cannot refuses, and leaves nothing behind and what was there untouched.
func TestEncryptedReplicaFailsClosed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.db")
	key := make([]byte, 32)
	_, err := device.Create(path, device.Options{Cipher: key})
	require.Equal(t, device.CodeNoCipher, device.CodeOf(err), "%v", err)
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, list)
	r, err := device.Create(path, device.Options{})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = device.Open(path, device.Options{Cipher: key})
	require.Equal(t, device.CodeNoCipher, device.CodeOf(err), "%v", err)
	require.NotContains(t, err.Error(), strings.Repeat("00", 32))
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	for _, wrong := range [][]byte{{}, make([]byte, 31)} {
		_, err = device.Open(path, device.Options{Cipher: wrong})
		require.ErrorContains(t, err, "32 bytes")
	}
}
