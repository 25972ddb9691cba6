package kill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// centre is a doorstepd with its folder. It comes back at the same address.
type centre struct {
	*child.Child
	t       testing.TB
	program string
	dir     string
	points  string
	listen  string
	url     string
	code    string // for the first administrator
	token   string
	down    bool // it was killed, and is not started again
}

// launch runs doorstepd. Each start makes a new signing key, so that each writes a file.
func (c *centre) launch() {
	c.t.Helper()
	if c.listen == "" {
		c.listen = "127.0.0.1:0"
	}
	var err error
	c.Child, err = child.Start(c.program, environment("PROVE_POINTS="+c.points, "DOORSTEP_KEYS_ROTATE_AFTER=1ms"),
		"serve", "--json", "--data", c.dir, "--listen", c.listen)
	require.NoError(c.t, err)
	c.down = false
}

// start launches it and waits until it listens.
func (c *centre) start() {
	c.t.Helper()
	c.launch()
	select {
	case <-c.More:
	case <-c.Done:
		c.t.Fatalf("doorstepd ended by itself: %s", c.Errors())
	case <-time.After(20 * time.Second):
		c.t.Fatal("doorstepd did not say within 20 s where it listens")
	}
	var greeting struct {
		URL  string `json:"url"`
		Code string `json:"admin_code"`
	}
	require.NoError(c.t, json.Unmarshal([]byte(c.Lines(0)[0]), &greeting))
	u, err := url.Parse(greeting.URL)
	require.NoError(c.t, err)
	require.True(c.t, net.ParseIP(u.Hostname()).IsLoopback(), "only this machine")
	c.url, c.listen, c.code = greeting.URL, u.Host, greeting.Code
}

// call is one REST request that is answered.
func (c *centre) call(path string, body, out any) {
	c.t.Helper()
	require.NoError(c.t, c.ask("POST", path, body, out))
}

// ask is one REST request. The error says that it was not done, or that nobody said whether it was.
func (c *centre) ask(method, path string, body, out any) error {
	text, kind := []byte(nil), "application/json"
	if csv, ok := body.(string); ok {
		text, kind = []byte(csv), "text/csv"
	} else if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s %s", path, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// people makes the county's units and an account for the desk, each phone and one that moves; it gives their ids and an enrolment code for each.
func (c *centre) people(phones int) (accounts, codes []string) {
	c.t.Helper()
	var session struct{ Token string }
	c.call("/v1/bootstrap", map[string]string{"code": c.code, "login": "admin", "name": "管理员", "password": "only for this proof"}, &session)
	c.token = session.Token
	c.call("/v1/org/import", "code,name,level,parent\n"+
		"37,山东省,province,\n3701,济南市,city,37\n370115,济阳区,county,3701\n370115003,崔寨街道,street,370115\n"+
		workload.Community+",王河,community,370115003\n"+workload.Scope+",第一网格,grid,"+workload.Community+"\n"+
		workload.Other+",第二网格,grid,"+workload.Community+"\n"+workload.Empty+",第三网格,grid,"+workload.Community+"\n", nil)
	for who := range phones + 2 {
		role, scope := "grid_worker", workload.Scope
		switch who {
		case workload.Desk:
			role = "supervisor"
		case phones + 1:
			scope = workload.Empty
		}
		var account struct{ ID string }
		c.call("/v1/accounts", map[string]string{"login": fmt.Sprintf("phone%d", who), "name": fmt.Sprintf("人%d", who)}, &account)
		c.call("/v1/assignments", map[string]string{"account": account.ID, "role": role, "scope": scope}, nil)
		if who == workload.Desk {
			c.call("/v1/assignments", map[string]string{"account": account.ID, "role": role, "scope": workload.Other}, nil)
		}
		var code struct{ Code string }
		c.call("/v1/codes", map[string]string{"account": account.ID}, &code)
		accounts, codes = append(accounts, account.ID), append(codes, code.Code)
	}
	return accounts, codes
}

func (c *centre) file() string { return filepath.Join(c.dir, "doorstep.db") }
