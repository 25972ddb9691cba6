package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// presented gives the SHA-256 of the key of the last certificate that an address shows, and its leaf.
func presented(t *testing.T, url string) (pin string, leaf []byte) {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	defer conn.Close()
	chain := conn.ConnectionState().PeerCertificates
	sum := sha256.Sum256(chain[len(chain)-1].RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), chain[0].Raw
}

// Beyond loopback the centre makes itself an authority, whose fingerprint is behind its codes; it stays over a restart,
// and SIGHUP brings in the next one without dropping anybody.
func TestOwnAuthorityBeyondLoopback(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := startWith(t, data, func(c *config) { c.Listen = "0.0.0.0:0" })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.URL, "https://"))
	require.NoError(t, err)
	url := "https://127.0.0.1:" + port
	pin, leaf := presented(t, url)
	require.NotEmpty(t, r.Fingerprint)
	require.True(t, strings.HasSuffix(r.AdminCode, "-"+r.Fingerprint), r.AdminCode)
	resp, err := http.Get("http://127.0.0.1:" + port + "/healthz")
	if err == nil {
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, "plain text gets nothing")
		require.NoError(t, resp.Body.Close())
	}

	old, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	defer old.Close()
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(soon(t), []string{"tls", "announce", "--data", data}, &out, &errs, environment(), time.Now), errs.String())
	require.Equal(t, exitOK, run(soon(t), []string{"tls", "switch", "--data", data}, &out, &errs, environment(), time.Now), errs.String())
	require.Equal(t, exitFailed, run(soon(t), []string{"tls", "switch", "--data", data}, &out, &errs, environment(), time.Now))
	require.Contains(t, errs.String(), "tls announce")
	again, same := presented(t, url)
	require.Equal(t, pin, again, "not before it is told")
	require.Equal(t, leaf, same)
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { again, _ = presented(t, url); return again != pin }, time.Minute, 10*time.Millisecond)
	_, err = old.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
	require.NoError(t, err)
	answer := make([]byte, 15)
	_, err = old.Read(answer)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200 OK", string(answer), "a connection from before is served on")
	require.NoError(t, r.end())

	r = startWith(t, data, func(c *config) { c.TLS.Own = true })
	pin, _ = presented(t, r.URL)
	require.Equal(t, again, pin)
	require.NoError(t, r.end())
}

// Plain text beyond loopback is served by an explicit word alone, with a warning.
func TestPlainTextIsSaid(t *testing.T) {
	r := startWith(t, filepath.Join(t.TempDir(), "data"), func(c *config) { c.Listen, c.TLS.Plain = "0.0.0.0:0", true })
	require.True(t, strings.HasPrefix(r.URL, "http://"))
	require.Empty(t, r.Fingerprint)
	require.Contains(t, r.log.String(), "insecure_plain_text: everybody on the network can read along")
	require.NoError(t, r.end())
}

// A running centre takes over a key that the command made, and makes one itself when it is due.
func TestKeysRotateWhileRunning(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := startWith(t, data, func(*config) {})
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(soon(t), []string{"keys", "rotate", "--data", data}, &out, &errs, environment(), time.Now), errs.String())
	require.Regexp(t, `new key: [0-9a-f]{16}`, out.String())
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "signing keys were rotated") }, time.Minute, 10*time.Millisecond)
	require.NoError(t, r.end())
	require.Equal(t, exitUsage, run(soon(t), []string{"keys", "rotate", "--data", filepath.Join(data, "none")}, &out, &errs, environment(), time.Now))

	r = startWith(t, data, func(c *config) { c.RotateAfter = time.Nanosecond })
	require.Contains(t, r.log.String(), "as configured")
	require.NoError(t, r.end())
}
