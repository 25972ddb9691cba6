package cli_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/transport"
)

// secured is the county of settle behind an authority of the centre's own.
func secured(t *testing.T) (*world, *transport.Authority) {
	t.Helper()
	clock := &world{at: start}
	a, err := transport.OpenAuthority(t.TempDir(), nil, clock.Now) // made for no name at all: the pin decides
	require.NoError(t, err)
	return settled(t, newWorldOver(t, a)), a
}

// fails runs a command that must fail and gives what it said.
func (m *machine) fails(exit int, args ...string) string {
	m.world.t.Helper()
	var out, errs bytes.Buffer
	require.Equal(m.world.t, exit, m.run(context.Background(), &bytes.Buffer{}, &out, &errs, nil, args...), "%v\n%s%s", args, out.String(), errs.String())
	return errs.String()
}

// The fingerprint in the code is all that a phone needs: it enrols, synchronises and signs in over TLS, keeps the pin
// whole, and follows the centre to its next authority, of which it was told in time. No clock has a say: the phone's is
// twenty years behind.
func TestPinnedAuthority(t *testing.T) {
	w, a := secured(t)
	require.True(t, strings.HasPrefix(w.url, "https://"))
	wang := w.machine("wang")
	wang.skew = -20 * 365 * 24 * 3600 * 1e9
	wang.do("new", "hazard", "kind_code=stairs", "description=楼梯堵了")
	wang.do("sync")
	w.machine("li").do("sync")
	require.Contains(t, w.machine("li").do("list", "hazard"), "楼梯堵了")

	folder := a.Folder()
	next, err := transport.Announce(folder, w.Now())
	require.NoError(t, err)
	require.NoError(t, a.Reload())
	wang.do("sync") // hears of it
	pw := "--password-file=" + filepath.Join(w.dir, "password")
	w.machine("zhou").do("login", "--server", w.url, "--login", "zhou", pw) // the pin is remembered, and the next one heard

	switched, err := transport.SwitchOver(folder)
	require.NoError(t, err)
	require.Equal(t, next, switched)
	require.NoError(t, a.Reload())
	wang.do("sync")
	w.machine("zhou").do("whoami")
	require.Contains(t, w.machine("li").fails(4, "sync"), "不是本机登记时的那个中心") // he was not there in between
	w.machine("li").do("trust", next.Fingerprint())
	w.machine("li").do("sync")
	_, err = transport.SwitchOver(folder)
	require.ErrorIs(t, err, transport.ErrNotAnnounced)
}

// Nobody but the pinned authority is taken: not another one of the same making, and not without any pin. Nothing is
// sent to them, and a code for the true centre is not used up.
func TestForeignAuthorityIsRefused(t *testing.T) {
	w, _ := secured(t)
	other, _ := secured(t)
	mallory := other.url
	fresh := code(w.machine("root").do("code", "create", "wang"))
	phone := w.machine("phone")
	require.Contains(t, phone.fails(4, "enrol", "--server", mallory, "--code", fresh), "不是本机登记时的那个中心")
	require.Contains(t, phone.fails(4, "enrol", "--server", w.url, "--code", fresh[:11]), "不是本机登记时的那个中心", "no pin, and nobody vouches for it")
	require.Contains(t, phone.fails(4, "enrol", "--server", strings.Replace(w.url, "https", "http", 1), "--code", fresh), "明文")
	require.NoFileExists(t, phone.file())
	pw := "--password-file=" + filepath.Join(w.dir, "password")
	nobody := w.machine("nobody")
	require.Contains(t, nobody.fails(4, "login", "--server", w.url, "--login", "zhou", pw), "不是本机所知的那个中心")
	require.Contains(t, nobody.fails(4, "login", "--server", w.url, "--login", "zhou", pw, "--fingerprint", "00000-00000-00000-00000"), "不是本机所知的那个中心")
	require.Contains(t, nobody.fails(2, "login", "--server", w.url, "--login", "zhou", pw, "--fingerprint", "abc"), "不是中心的指纹")
	nobody.do("login", "--server", w.url, "--login", "zhou", pw, "--fingerprint", fresh[12:])
	phone.do("enrol", "--server", w.url, "--code", strings.ToLower(fresh))

	// An enrolled phone whose name now leads to somebody else.
	other.server.CloseClientConnections()
	require.Contains(t, sentTo(t, phone, mallory), "不是本机登记时的那个中心")
}

// sentTo moves a phone's address to another host and synchronises.
func sentTo(t *testing.T, m *machine, url string) string {
	t.Helper()
	out, err := exec.Command("sqlite3", "-batch", m.file(), "UPDATE ds_state SET centre = '"+url+"'").CombinedOutput()
	require.NoError(t, err, string(out))
	return m.fails(4, "sync")
}

// Plain text is for loopback, and for whoever says so.
func TestPlainTextOnlyOnLoopback(t *testing.T) {
	w := settle(t)
	phone := w.machine("phone")
	far := "http://centre.example:1"
	fresh := code(w.machine("root").do("code", "create", "wang"))
	require.Contains(t, phone.fails(4, "enrol", "--server", far, "--code", fresh), "明文")
	pw := "--password-file=" + filepath.Join(w.dir, "password")
	require.Contains(t, phone.fails(4, "login", "--server", far, "--login", "zhou", pw), "明文")
	phone.fails(3, "enrol", "--server", far, "--code", fresh, "--insecure-plain-text") // it was tried: offline
	require.Contains(t, sentTo(t, w.machine("wang"), far), "明文")
}
