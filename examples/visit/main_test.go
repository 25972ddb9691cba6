package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/internal/loopback"
)

const org = `code,name,level,parent,grid_type
37,山东省,province,,
3701,济南市,city,37,
370115,济阳区,county,3701,
370115003,崔寨街道,street,370115,
370115003239,王河村村民委员会,community,370115003,
370115003239001,一网格,grid,370115003239,base
`

// The example uses what every program of a device may use, and nothing else.
func TestImports(t *testing.T) { imports.Check(t, "examples/visit", "server", "clients/cli") }

// The example as a person runs it, against a centre of its own: enrolled once, a visit written and sent, one written
// while the centre is away, and sent when it is back.
func TestVisit(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"server/cmd/doorstepd", "clients/cmd/doorstep", "examples/visit"} {
		out, err := exec.Command("go", "build", "-tags", "sqlite_fts5", "-o", dir, "../../"+p).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "org.csv"), []byte(org), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pw"), []byte("correct horse battery\n"), 0o600))
	sh := func(script string) (string, error) {
		cmd := exec.CommandContext(context.Background(), "bash", "-euo", "pipefail", "-c", script)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "DOORSTEP_LANG=en"}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(script string) string {
		t.Helper()
		out, err := sh(script)
		require.NoError(t, err, "%s\n%s", script, out)
		return out
	}
	stop, url, code := serve(t, dir, loopback.Address(t))
	must(`doorstep bootstrap --server ` + url + ` --code ` + code + ` --login root --name Root --password-file pw
doorstep org import org.csv
doorstep account create --login wang --name Wang
doorstep account create --login zhou --name Zhou --password-file pw
doorstep assign create wang grid_worker 370115003239001
doorstep assign create zhou supervisor 370115003239
export DOORSTEP_REPLICA=desk.db
doorstep enrol --server ` + url + ` --code "$(doorstep code create zhou 2>/dev/null)"
doorstep new building scope=370115003239001 no=7
sqlite3 desk.db "INSERT INTO dwelling(scope, building_id, room_no) SELECT scope, id, '301' FROM building"
sqlite3 desk.db "INSERT INTO household(scope, dwelling_id) SELECT scope, id FROM dwelling"
doorstep sync`)
	enrol := must(`doorstep code create wang 2>/dev/null`)
	said := must(`visit --lang en --replica phone.db --centre ` + url + ` --code ` + strings.TrimSpace(enrol))
	require.Contains(t, said, "in step: 0 changesets sent, 3 rows in\n0 changesets wait")

	said = must(`visit --lang en --replica phone.db --door 301 --note "low water pressure"`)
	require.Contains(t, said, "○ visit to 301 saved on this device\nin step: 1 changesets sent, 1 rows in\n● ")
	require.Contains(t, said, "visit low water pressure\n0 changesets wait")
	require.Contains(t, must(`DOORSTEP_REPLICA=desk.db doorstep sync && DOORSTEP_REPLICA=desk.db doorstep list visit`), "low water pressure")

	stop()
	said = must(`visit --replica phone.db --door 301 --note 第二次`)
	require.Regexp(t, regexp.MustCompile(`(?s)○ 已记下 301 的走访，保存在本机\n没有网络；已保存在本机，下次再发送\n.*○ \S+ \S+ 走访 第二次\n.*待发送 1 个变更集`), said)
	stop, _, _ = serve(t, dir, strings.TrimPrefix(url, "http://"))
	defer stop()
	said = must(`visit --lang en --replica phone.db`)
	require.Contains(t, said, "in step: 1 changesets sent, 1 rows in")
	require.NotContains(t, said, "○")

	said, err := sh(`visit --lang en --replica phone.db --door 999`)
	require.Error(t, err)
	require.Contains(t, said, "No household of this device lives there")
	said, err = sh(`visit --lang en --replica none.db`)
	require.Error(t, err)
	require.NotContains(t, said, "no such file", "a sentence, not a system's error")
	require.NoFileExists(t, filepath.Join(dir, "none.db"))
}

// serve starts the centre and gives its address and the code of the first administrator.
func serve(t *testing.T, dir, listen string) (stop func(), url, code string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "doorstepd"), "serve", "--data", filepath.Join(dir, "data"), "--listen", listen, "--json")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	reader := bufio.NewReader(stdout)
	line, err := reader.ReadBytes('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	var greeting struct {
		URL  string
		Code string `json:"admin_code"`
	}
	require.NoError(t, json.Unmarshal(line, &greeting))
	return func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }, greeting.URL, greeting.Code
}
