package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// centre is a running doorstepd.
type centre struct {
	cmd   *exec.Cmd
	url   string
	data  string
	token string // of whoever is signed in
	lang  string // of its sentences
	log   *os.File
}

// started is what doorstepd prints first with --json.
type started struct {
	URL       string `json:"url"`
	AdminCode string `json:"admin_code"`
}

func startCentre(dir string) (*centre, *started, error) {
	if _, err := os.Stat("bin/doorstepd"); err != nil {
		return nil, nil, fmt.Errorf("bin/doorstepd is missing: run ./scripts/task demo, which builds it: %w", err)
	}
	c := &centre{data: filepath.Join(dir, "centre")}
	var err error
	if c.log, err = os.Create(filepath.Join(dir, "centre.log")); err != nil {
		return nil, nil, err
	}
	c.cmd = exec.Command("bin/doorstepd", "serve", "--data", c.data, "--listen", "127.0.0.1:0", "--json")
	c.cmd.Stderr = c.log
	// A Ctrl-C in the terminal ends the demo, which ends the centre in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the centre: %w", err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return nil, nil, fmt.Errorf("the centre did not say where it listens; see %s: %w", c.log.Name(), err)
	}
	go func() { _, _ = io.Copy(c.log, lines) }()
	var s started
	if err := json.Unmarshal(first, &s); err != nil {
		return nil, nil, fmt.Errorf("read the centre's first line %q: %w", first, err)
	}
	c.url = s.URL
	return c, &s, nil
}

func (c *centre) db() string { return filepath.Join(c.data, "doorstep.db") }

func (c *centre) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		_ = c.cmd.Process.Kill()
		return fmt.Errorf("it did not stop within 20 s and was killed; see %s", c.log.Name())
	}
}

// call does one REST request as JSON; body may be nil, []byte (CSV) or anything that has a JSON form.
func (c *centre) call(ctx context.Context, method, path string, body, out any) error {
	var r io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		r, kind = bytes.NewReader(b), "text/csv"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, r)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept-Language", c.lang)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// openCentre starts it, makes the first administrator and imports the real divisions.
func (d *demo) openCentre(ctx context.Context) error {
	d.title("中心：零配置启动，导入真实行政区划", "The centre: started without configuration, real divisions imported")
	began := d.now()
	c, s, err := startCentre(d.dir)
	if err != nil {
		return err
	}
	d.centre, c.lang = c, d.lang
	d.line("监听 %s（仅本机），数据目录 %s，启动用时 %d 毫秒", "listens on %s (this machine only), data in %s, up in %d ms", c.url, c.data, d.now().Sub(began).Milliseconds())
	var session struct {
		Token string `json:"token"`
	}
	err = c.call(ctx, "POST", "/v1/bootstrap", map[string]string{"code": s.AdminCode, "login": "admin", "name": "县级管理员", "password": "demo-only-" + c.url}, &session)
	if err != nil {
		return err
	}
	c.token = session.Token
	divisions, err := os.ReadFile("data/divisions.csv")
	if err != nil {
		return err
	}
	type report struct {
		Rows, New, Unchanged, Errors int
	}
	var dry, real, again report
	for _, step := range []struct {
		path string
		into *report
	}{{"/v1/org/import?dry_run=true", &dry}, {"/v1/org/import", &real}, {"/v1/org/import", &again}} {
		if err := c.call(ctx, "POST", step.path, divisions, step.into); err != nil {
			return err
		}
	}
	d.line("区划导入：试运行 %d 行无误；导入 %d 个单位；再导一次，%d 个未变", "divisions: dry run of %d rows clean; %d units imported; imported again, %d unchanged", dry.Rows, real.New, again.Unchanged)
	d.check(real.New == 2559 && again.New == 0 && again.Unchanged == 2559, "应导入 2559 个单位", "2,559 units should have been imported")
	grids := "code,name,level,parent\n"
	for i, g := range gridCodes {
		grids += fmt.Sprintf("%s,王河第%s网格,grid,%s\n", g, [...]string{"一", "二"}[i], community)
	}
	err = c.call(ctx, "POST", "/v1/org/import", []byte(strings.Replace(grids, gridCodes[1]+",", "37011500323900X,", 1)), nil)
	d.check(err != nil && strings.Contains(err.Error(), "422"), "坏网格编码应被指出", "a bad grid code should have been pointed out")
	return c.call(ctx, "POST", "/v1/org/import", []byte(grids), nil)
}
