//go:build prove

package net

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// centre is a running doorstepd.
type centre struct {
	*child.Child
	t      testing.TB
	dir    string
	url    string
	client *http.Client // how this test reaches it
	token  string
}

// start runs it, behind other words of the command line if there are any, and waits until it listens.
func (c *centre) start(front []string, program, listen string) (code string) {
	c.t.Helper()
	line := slices.Concat(front, []string{program, "serve", "--json", "--data", c.dir, "--listen", listen})
	var err error
	c.Child, err = child.Start(line[0], []string{"DOORSTEP_LOG_LEVEL=warn"}, line[1:]...)
	require.NoError(c.t, err)
	select {
	case <-c.More:
	case <-c.Done:
		c.t.Fatalf("doorstepd ended by itself: %s", c.Errors())
	case <-time.After(30 * time.Second):
		c.t.Fatal("doorstepd did not say within 30 s where it listens")
	}
	var greeting struct {
		URL  string `json:"url"`
		Code string `json:"admin_code"`
	}
	require.NoError(c.t, json.Unmarshal([]byte(c.Lines(0)[0]), &greeting))
	c.url = greeting.URL
	return greeting.Code
}

// ask is one REST request that is answered.
func (c *centre) ask(method, path string, body, out any) {
	c.t.Helper()
	text, kind := []byte(nil), "application/json"
	if csv, ok := body.(string); ok {
		text, kind = []byte(csv), "text/csv"
	} else if body != nil {
		var err error
		text, err = json.Marshal(body)
		require.NoError(c.t, err)
	}
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(text))
	require.NoError(c.t, err)
	req.Header.Set("Content-Type", kind)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.client.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, 2, resp.StatusCode/100, "%s: %s %s", path, resp.Status, answer)
	if out != nil {
		require.NoError(c.t, json.Unmarshal(answer, out))
	}
}

// people makes the county's units and an account for the desk and each phone, and gives an enrolment code for each.
func (c *centre) people(admin string, phones int) (codes []string) {
	c.t.Helper()
	var session struct{ Token string }
	c.ask("POST", "/v1/bootstrap", map[string]string{"code": admin, "login": "admin", "name": "管理员", "password": "only for this proof"}, &session)
	c.token = session.Token
	c.ask("POST", "/v1/org/import", "code,name,level,parent\n"+
		"37,山东省,province,\n3701,济南市,city,37\n370115,济阳区,county,3701\n370115003,崔寨街道,street,370115\n"+
		workload.Community+",王河,community,370115003\n"+workload.Scope+",第一网格,grid,"+workload.Community+"\n", nil)
	for who := range phones + 1 {
		role := "grid_worker"
		if who == workload.Desk {
			role = "supervisor"
		}
		var account struct{ ID string }
		c.ask("POST", "/v1/accounts", map[string]string{"login": fmt.Sprintf("phone%d", who), "name": fmt.Sprintf("人%d", who)}, &account)
		c.ask("POST", "/v1/assignments", map[string]string{"account": account.ID, "role": role, "scope": workload.Scope}, nil)
		var code struct{ Code string }
		c.ask("POST", "/v1/codes", map[string]string{"account": account.ID}, &code)
		codes = append(codes, code.Code)
	}
	return codes
}

func (c *centre) file() string { return filepath.Join(c.dir, "doorstep.db") }
