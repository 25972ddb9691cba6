// Package operations holds the operations page and the Debian package to their word.
package operations

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/loopback"
)

const org = `code,name,level,parent,grid_type
37,山东省,province,,
3701,济南市,city,37,
370115,济阳区,county,3701,
370115003,崔寨街道,street,370115,
370115003239,王河村村民委员会,community,370115003,
370115003239001,一网格,grid,370115003239,base
370115003239002,二网格,grid,370115003239,base
`

var block = regexp.MustCompile("(?ms)^```sh ([a-z-]+)\n(.*?)^```")

// The page's commands are run as written, against a centre with people and a phone; both languages have the same.
func TestOperationsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	chinese, err := os.ReadFile("../../docs/operations.zh-CN.md")
	require.NoError(t, err)
	blocks := block.FindAllStringSubmatch(string(page), -1)
	require.Equal(t, blocks, block.FindAllStringSubmatch(string(chinese), -1))
	require.GreaterOrEqual(t, len(blocks), 4)

	dir := t.TempDir()
	for _, p := range []string{"server/cmd/doorstepd", "clients/cmd/doorstep"} {
		out, err := exec.Command("go", "build", "-tags", "sqlite_fts5", "-o", dir, "../../"+p).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	data, backups := filepath.Join(dir, "data"), filepath.Join(dir, "backups")
	require.NoError(t, os.Mkdir(backups, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "org.csv"), []byte(org), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pw"), []byte("correct horse battery\n"), 0o600))
	start := func(listen string) (stop func(), url, code string) {
		serve := exec.Command(filepath.Join(dir, "doorstepd"), "serve", "--data", data, "--listen", listen, "--json")
		stdout, err := serve.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, serve.Start())
		reader := bufio.NewReader(stdout)
		line, err := reader.ReadBytes('\n')
		require.NoError(t, err)
		var greeting struct {
			URL  string
			Code string `json:"admin_code"`
		}
		require.NoError(t, json.Unmarshal(line, &greeting))
		return func() { _ = serve.Process.Signal(os.Interrupt); _, _ = io.Copy(io.Discard, reader); _ = serve.Wait() }, greeting.URL, greeting.Code
	}
	stop, url, code := start(loopback.Address(t))
	defer func() { stop() }()
	env := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "DOORSTEP_LANG=en", "DOORSTEP_REPLICA=" + filepath.Join(dir, "wang.db"),
		"DATA=" + data, "BACKUPS=" + backups, "URL=" + url, "CODE=" + code, "NEW_GRID=370115003239002"}
	sh := func(script string) string {
		t.Helper()
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Env, cmd.Dir = env, dir
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		require.NoError(t, err, "%s\n%s%s", script, out, errs.String())
		return string(out)
	}
	sh(`doorstep bootstrap --server "$URL" --code "$CODE" --login root --name Root --password-file pw
doorstep org import org.csv
doorstep account create --login wang --name Wang
doorstep assign create wang grid_worker 370115003239001
doorstep account create --login zhou --name Zhou --password-file pw
doorstep assign create zhou supervisor 370115003239
DOORSTEP_SETTINGS=zhou doorstep login --server "$URL" --login zhou --password-file pw
doorstep enrol --server "$URL" --code "$(doorstep code create wang 2>/dev/null)" --label phone
doorstep new dispute scope=370115003239001 kind_code=noise facts=loud
doorstep sync`)
	first := func(list, script string) string {
		var doc map[string]any
		require.NoError(t, json.Unmarshal([]byte(sh(script)), &doc))
		return doc[list].([]any)[0].(map[string]any)["id"].(string)
	}
	env = append(env, "PHONE="+first("devices", "doorstep --json device list wang"), "ASSIGNMENT="+first("assignments", "doorstep --json assign list wang"))
	said := map[string]string{}
	play := func(name string) {
		t.Helper()
		for _, b := range blocks {
			if b[1] == name {
				said[name] += sh(b[2])
			}
		}
		require.NotEmpty(t, said[name], name)
	}
	play("restore-drill")
	play("audit")
	sh("doorstep new dispute scope=370115003239001 kind_code=noise facts=offline") // before he hears that he is moved
	play("moved-worker")
	sh("doorstep sync")
	sh("doorstep new dispute scope=370115003239002 kind_code=noise facts=new")
	sh("doorstep sync")
	sh(`sqlite3 wang.db "INSERT INTO building(id, scope, no) VALUES('018f0000-0000-7000-8000-00000000b007', '370115003239002', '7')"
doorstep sync || true`) // he may not: what another program wrote is refused
	env = append(env, "DOORSTEP_SETTINGS="+filepath.Join(dir, "zhou"))
	play("quarantine")
	env = env[:len(env)-1]
	play("check")
	play("minimum")
	stop()
	play("restore")
	stop, _, _ = start(strings.TrimPrefix(url, "http://"))
	ready, err := http.Get(url + "/readyz")
	require.NoError(t, err)
	waiting, err := io.ReadAll(ready.Body)
	require.NoError(t, errors.Join(err, ready.Body.Close()))
	play("restored")
	play("moved-worker") // it was after the backup: it is done again
	play("confirm")
	sh("doorstep sync || true") // what he may not write is refused again
	after := sh("doorstep list dispute --columns facts")
	play("lost-phone") // last: nobody syncs after it
	require.Contains(t, said["restore-drill"], "the drill succeeded: 1:1")
	require.Contains(t, said["audit"], "In order: 1 entries of history")
	require.Contains(t, said["moved-worker"], "370115003239002")
	require.Contains(t, said["quarantine"], "Building")
	require.Contains(t, said["check"], "Nothing differs")
	require.Contains(t, said["minimum"], "declarations from version 1")
	require.Contains(t, said["restore"], "restored to seq 1, epoch 2 begins")
	require.Contains(t, string(waiting), "restored")
	require.Contains(t, said["restored"], "epoch 2 begins at 1")
	require.Contains(t, said["confirm"], "devices are served")
	require.Contains(t, after, "new", "the phone offered again what the backup lacks")
	require.NotContains(t, after, "loud", "the old grid has left it again")
	cmd := exec.Command(filepath.Join(dir, "doorstep"), "sync")
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "the lost phone is refused: %s", out)
}

// The package holds both programs, the unit and the settings; what is unpacked from it runs.
func TestDebPackage(t *testing.T) {
	dir := t.TempDir()
	deb := exec.Command("../deb.sh", dir)
	deb.Env = append(os.Environ(), "DPKG_DEB_COMPRESSOR_TYPE=gzip", "DPKG_DEB_COMPRESSOR_LEVEL=1") // packing well takes half a minute
	out, err := deb.CombinedOutput()
	require.NoError(t, err, string(out))
	lines := strings.Fields(string(out))
	pack := lines[len(lines)-1]
	list, err := exec.Command("dpkg-deb", "-c", pack).Output()
	require.NoError(t, err)
	for _, want := range []string{"./usr/bin/doorstepd", "./usr/bin/doorstep\n", "./usr/lib/systemd/system/doorstepd.service", "./etc/doorstep/doorstepd.yaml", "operations.zh-CN.md", "root/root"} {
		require.Contains(t, string(list), want)
	}
	root := filepath.Join(dir, "root")
	out, err = exec.Command("dpkg-deb", "-R", pack, root).CombinedOutput()
	require.NoError(t, err, string(out))
	conffiles, err := os.ReadFile(filepath.Join(root, "DEBIAN", "conffiles"))
	require.NoError(t, err)
	require.Equal(t, "/etc/doorstep/doorstepd.yaml\n", string(conffiles))
	for _, script := range []string{"postinst", "prerm"} {
		out, err = exec.Command("sh", "-n", filepath.Join(root, "DEBIAN", script)).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	out, err = exec.Command(filepath.Join(root, "usr/bin/doorstepd"), "--lang", "en", "version").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "store format")
	out, err = exec.Command(filepath.Join(root, "usr/bin/doorstepd"), "serve", "--config", filepath.Join(root, "etc/doorstep/doorstepd.yaml"), "--print-config").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "/var/lib/doorstep")

	if os.Getuid() != 0 {
		return // dpkg gives what it unpacks to root
	}
	scratch := filepath.Join(dir, "scratch")
	require.NoError(t, os.MkdirAll(filepath.Join(scratch, "var/lib/dpkg/info"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(scratch, "var/lib/dpkg/updates"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(scratch, "var/lib/dpkg/status"), nil, 0o600))
	dpkg := func(args ...string) {
		t.Helper()
		out, err := exec.Command("dpkg", append([]string{"--root=" + scratch, "--log=" + filepath.Join(dir, "log"), "--force-depends", "--force-bad-path"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	dpkg("--unpack", pack) // without its scripts, which would run in an empty root
	out, err = exec.Command(filepath.Join(scratch, "usr/bin/doorstep"), "version").CombinedOutput()
	require.NoError(t, err, string(out))
	require.FileExists(t, filepath.Join(scratch, "usr/lib/systemd/system/doorstepd.service"))
	dpkg("--purge", "doorstep")
	require.NoFileExists(t, filepath.Join(scratch, "usr/bin/doorstepd"))
	require.NoFileExists(t, filepath.Join(scratch, "etc/doorstep/doorstepd.yaml"))
}
