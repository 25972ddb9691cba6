package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// tap stands between phones and the centre and keeps what passes, as messages and not as masked frames.
type tap struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (p *tap) keep(b []byte) { p.mu.Lock(); defer p.mu.Unlock(); p.seen.Write(b) }

func (p *tap) bytes() []byte { p.mu.Lock(); defer p.mu.Unlock(); return bytes.Clone(p.seen.Bytes()) }

// url gives the address of a tap before a centre.
func (p *tap) url(t *testing.T, centre string) string {
	to, err := url.Parse(centre)
	require.NoError(t, err)
	rest := httputil.NewSingleHostReverseProxy(to)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != device.SyncPath {
			rest.ServeHTTP(w, r)
			return
		}
		d := websocket.Dialer{Subprotocols: websocket.Subprotocols(r)}
		far, resp, err := d.Dial(strings.Replace(centre, "http", "ws", 1)+device.SyncPath, http.Header{"Authorization": r.Header["Authorization"]})
		if err != nil {
			w.WriteHeader(resp.StatusCode)
			return
		}
		defer far.Close()
		up := websocket.Upgrader{Subprotocols: []string{far.Subprotocol()}}
		near, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer near.Close()
		done := make(chan struct{})
		pump := func(from, to *websocket.Conn) {
			for {
				kind, b, err := from.ReadMessage()
				if err != nil {
					break
				}
				p.keep(b)
				if to.WriteMessage(kind, b) != nil {
					break
				}
			}
			near.Close()
			far.Close()
			done <- struct{}{}
		}
		go pump(far, near)
		go pump(near, far)
		<-done
		<-done
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// disguises are the ways in which a text might lie somewhere.
func disguises(text string) map[string][]byte {
	out := map[string][]byte{"as it is": []byte(text), "hex": []byte(hex.EncodeToString([]byte(text))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(text))))}
	for i := range 3 { // what of it stands in whole groups of base64, wherever it begins
		all := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + text))
		out["base64+"+string(rune('0'+i))] = []byte(all[4 : len(all)-4])
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(text)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	out["UTF-16"] = wide
	return out
}

// hits lists where a text lies in what is given.
func hits(places map[string][]byte, text string) (out []string) {
	for place, b := range places {
		for how, form := range disguises(text) {
			if bytes.Contains(b, form) {
				out = append(out, place+" "+how)
			}
		}
	}
	return out
}

// files reads everything in a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			// By another process: closing a database file that this one has open would drop SQLite's locks on it.
			out[path], err = exec.Command("cat", path).Output()
		}
		return err
	}))
	return out
}

const (
	citizen = "11010519491231002X" // the example of GB 11643
	another = "440524188001010014"
)

// sealedWorld is a county with one household, and wang's second phone behind a tap.
func sealedWorld(t *testing.T) (w *world, phone *machine, p *tap, household string) {
	t.Helper()
	w = settle(t)
	p = &tap{}
	phone = w.machine("phone")
	phone.do("enrol", "--server", p.url(t, w.url), "--code", code(w.machine("root").do("code", "create", "wang")))
	b := id(w.machine("zhou").do("--json", "new", "building", "scope="+grid, "no=3"))
	w.machine("zhou").do("sync")
	phone.do("sync")
	d := id(phone.do("--json", "new", "dwelling", "building_id="+b, "room_no=201"))
	household = id(phone.do("--json", "new", "household", "dwelling_id="+d))
	return w, phone, p, household
}

func id(out string) string {
	return ownID.FindStringSubmatch(strings.ReplaceAll(out, `"id":"`, `"id": "`))[1]
}

// An identity number is typed, kept, sent, refused, disputed, shown and backed up, and lies nowhere in clear.
func TestSealedNowhereInClear(t *testing.T) {
	w, phone, p, household := sealedWorld(t)
	const inClear = "王丽canary"
	r := id(phone.do("--json", "new", "resident", "household_id="+household, "name="+inClear, "id_no_sealed="+citizen))
	require.Contains(t, phone.do("show", "resident", r), citizen, "its person sees it")
	clean := func(when string) {
		t.Helper()
		places := files(t, w.dir)
		places["the wire"] = p.bytes()
		backup := filepath.Join(t.TempDir(), "backup.db")
		text, err := exec.Command("sqlite3", "-batch", filepath.Join(w.dir, "centre.sqlite"), "VACUUM INTO '"+backup+"'").CombinedOutput()
		require.NoError(t, err, string(text))
		places["the backup"], err = os.ReadFile(backup)
		require.NoError(t, err)
		for _, text := range []string{citizen, another} {
			require.Empty(t, hits(places, text), when)
		}
	}
	clean("before it is sent")
	require.NotEmpty(t, hits(files(t, w.dir), inClear), "the search finds what there is")
	phone.do("sync")
	w.machine("li").do("sync")
	require.NotEmpty(t, hits(map[string][]byte{"the wire": p.bytes()}, inClear), "and on the wire")
	clean("at the centre and on another phone")
	li := w.machine("li")
	require.Contains(t, li.do("show", "resident", r), citizen)
	require.Contains(t, li.do("list", "resident", "id_no_sealed="+citizen), inClear, "found by its keyed hash")

	// Two people change it at once; a supervisor sees both in clear, and the audit log that he did.
	phone.do("set", "resident", r, "id_no_sealed="+another, "id_type=passport")
	li.do("set", "resident", r, "id_no_sealed="+another, "id_type=citizen")
	phone.do("sync")
	li.do("sync")
	clean("in a conflict")
	open := w.machine("zhou").do("conflict", "list")
	con := strings.Fields(open)[0]
	require.Contains(t, w.machine("zhou").do("conflict", "show", con), another)
	var noted int
	require.NoError(t, w.store.Reader().QueryRow(`SELECT count(*) FROM audit WHERE what LIKE '%id_no_sealed%'`).Scan(&noted))
	require.Positive(t, noted)
	clean("in the audit log")

	// A refused changeset is kept whole, on the phone and at the centre.
	copied := `INSERT INTO resident(id, scope, household_id, name, phone, id_no_sealed) SELECT '0190163d-8694-739b-aea5-966c26f8ad90', scope, household_id, name, '12', id_no_sealed FROM resident WHERE id = '` + r + `'`
	out, err := exec.Command("sqlite3", "-batch", phone.file(), copied).CombinedOutput()
	require.NoError(t, err, string(out))
	phone.fails(4, "sync")
	phone.do("rejected")
	clean("in quarantine")
	require.NotContains(t, phone.do("status"), citizen)
}

// Two people who type the same number into one cell have no conflict; the same number in two rows has nothing in common
// but the keyed hash.
func TestSealedEqualValuesConverge(t *testing.T) {
	w, phone, _, household := sealedWorld(t)
	r := id(phone.do("--json", "new", "resident", "household_id="+household, "name=王丽"))
	phone.do("sync")
	li := w.machine("li")
	li.do("sync")
	phone.do("set", "resident", r, "id_no_sealed="+citizen)
	li.do("set", "resident", r, "id_no_sealed="+citizen)
	phone.do("sync")
	li.do("sync")
	phone.do("sync")
	require.Contains(t, li.do("--json", "status"), `"conflicts": 0`)
	other := id(phone.do("--json", "new", "resident", "household_id="+household, "name=王芳", "id_no_sealed="+citizen))
	phone.do("sync")
	li.do("sync")
	cell := func(m *machine, row, column string) string {
		out, err := exec.Command("sqlite3", "-batch", m.file(), "SELECT quote("+column+") FROM resident WHERE id = '"+row+"'").Output()
		require.NoError(t, err)
		return string(out)
	}
	require.Equal(t, cell(phone, r, "id_no_sealed"), cell(li, r, "id_no_sealed"))
	require.NotEqual(t, cell(phone, r, "id_no_sealed")[16:60], cell(phone, other, "id_no_sealed")[16:60])
	require.Equal(t, cell(phone, r, "id_no_hash"), cell(phone, other, "id_no_hash"))
	var list struct{ Rows []any }
	require.NoError(t, json.Unmarshal([]byte(li.do("--json", "list", "resident", "id_no_sealed="+citizen)), &list))
	require.Len(t, list.Rows, 2, "doubles are found")

	// What breaks the rules of the number never gets sealed.
	require.Contains(t, phone.fails(2, "set", "resident", r, "id_no_sealed=110105194912310021"), "不是有效的证件号码")
	require.Contains(t, phone.fails(2, "set", "resident", r, "id_no_sealed="+strings.Repeat("9", 600)), "id_no_sealed")
}

// Whose grants end holds no key after his next contact: what he has stays sealed to him, and he cannot write it.
func TestKeysGoneAtPurge(t *testing.T) {
	w, phone, _, household := sealedWorld(t)
	r := id(phone.do("--json", "new", "resident", "household_id="+household, "name=王丽", "id_no_sealed="+citizen))
	phone.do("sync")
	keys := device.SealPath(phone.file())
	info, err := os.Stat(keys)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	root := w.machine("root")
	var assigned struct {
		Assignments []struct{ ID, Account string }
	}
	require.NoError(t, json.Unmarshal([]byte(root.do("--json", "assign", "list", "wang")), &assigned))
	root.do("assign", "end", assigned.Assignments[0].ID)
	w.advance(1e9)
	_ = phone.run(t.Context(), &bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}, nil, "sync")
	require.NoFileExists(t, keys)
	var out bytes.Buffer
	_ = phone.run(t.Context(), &bytes.Buffer{}, &out, &out, nil, "show", "resident", r)
	require.NotContains(t, out.String(), citizen)
	left, err := filepath.Glob(keys + "*")
	require.NoError(t, err)
	require.Empty(t, left)
	require.FileExists(t, device.SealPath(w.machine("li").file()), "another's are his")
}

// Two people share a phone: each has a replica, a device and keys of his own; what the first has not sent is not shown to
// the second and is sent under the first one's device.
func TestSharedPhone(t *testing.T) {
	w, _, _, household := sealedWorld(t)
	shared := w.machine("shared")
	home := filepath.Join(w.dir, "home")
	do := func(exit int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		code := shared.run(t.Context(), &bytes.Buffer{}, &out, &errs, map[string]string{"DOORSTEP_HOME": home, "DOORSTEP_REPLICA": ""}, args...)
		require.Equal(t, exit, code, "%v\n%s%s", args, out.String(), errs.String())
		return out.String() + errs.String()
	}
	enrol := func(login string) {
		do(0, "enrol", "--server", w.url, "--code", code(w.machine("root").do("code", "create", login)))
	}
	do(2, "use", "../wang")
	do(0, "use", "wang")
	enrol("wang")
	w.machine("phone").do("sync")
	do(0, "sync")
	w.down.Store(true)
	do(0, "new", "resident", "household_id="+household, "name=王丽", "id_no_sealed="+citizen)
	do(3, "sync")
	w.down.Store(false)

	do(0, "use", "李强")
	enrol("li")
	require.NotContains(t, do(0, "list", "resident"), "王丽", "not sent, not his")
	require.Contains(t, do(0, "status"), "李强")
	require.Contains(t, do(0, "use"), "* 李强")
	said := do(0, "sync", "--all")
	require.Contains(t, said, "wang")
	require.NotContains(t, said, "王丽")
	require.Contains(t, do(0, "--json", "sync"), `"sent": 0`)
	require.Contains(t, do(0, "list", "resident"), "王丽", "from the centre, as anybody in the grid")
	var author, device string
	require.NoError(t, w.store.Reader().QueryRow(`SELECT a.login, (SELECT count(*) FROM device d WHERE d.account = a.id AND d.console = 0) FROM rec_resident r JOIN account a ON a.id = r.created_by`).Scan(&author, &device))
	require.Equal(t, "wang", author)
	for _, name := range []string{"wang", "李强"} {
		info, err := os.Stat(filepath.Join(home, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		require.FileExists(t, filepath.Join(home, name, "replica.db.seal"))
	}
	require.Empty(t, hits(files(t, w.dir), citizen))
}

// Somebody whom two phones entered without a network is found by the keyed hash of the identity number, however the names
// were typed, and becomes one person by a supervisor's word; the number is in no list and no title.
func TestPersonEnteredTwiceIsFound(t *testing.T) {
	w, phone, _, household := sealedWorld(t)
	phone.do("sync")
	li, zhou := w.machine("li"), w.machine("zhou")
	li.do("sync")
	one := id(phone.do("--json", "new", "resident", "household_id="+household, "name=王丽", "id_no_sealed="+citizen))
	two := id(li.do("--json", "new", "resident", "household_id="+household, "name=王莉", "id_no_sealed="+citizen, "phone=13812345678"))
	li.do("--json", "new", "resident", "household_id="+household, "name=王丽", "id_no_sealed="+another)
	li.do("--json", "new", "resident", "household_id="+household, "name=王丽")
	phone.do("sync")
	li.do("sync")
	phone.do("sync")
	var list struct {
		Conflicts []struct{ ID, Kind, Row string }
	}
	require.NoError(t, json.Unmarshal([]byte(zhou.do("--json", "conflict", "list")), &list))
	require.Len(t, list.Conflicts, 1, "one person, not the namesakes")
	require.Equal(t, []string{"duplicate", one}, []string{list.Conflicts[0].Kind, list.Conflicts[0].Row})
	shown := zhou.do("conflict", "show", list.Conflicts[0].ID)
	require.Contains(t, shown, "居民")
	require.Contains(t, shown, "王莉")
	hash, err := exec.Command("sqlite3", "-batch", phone.file(), "SELECT id_no_hash FROM resident WHERE id = '"+one+"'").Output()
	require.NoError(t, err)
	require.NotContains(t, zhou.do("conflict", "list"), strings.TrimSpace(string(hash)), "no name for people")
	require.NotContains(t, shown, "居民 "+strings.TrimSpace(string(hash)))
	zhou.do("conflict", "decide", list.Conflicts[0].ID, "merge", "--into", "1")
	phone.do("sync")
	li.do("sync")
	var left struct{ Rows []struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(li.do("--json", "list", "resident", "id_no_sealed="+citizen)), &left))
	require.Len(t, left.Rows, 1, "one person once")
	require.Contains(t, []string{one, two}, left.Rows[0].ID)
	require.Contains(t, phone.do("show", "resident", left.Rows[0].ID), "13812345678", "what the other phone knew")
}
