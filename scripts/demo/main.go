// Demo plays a morning in the field on this machine: a centre with the real divisions, the village of 王河 with its
// published sizes and invented people, 22 devices that work offline, come back, disagree and agree. It starts a real
// doorstepd process in a temporary folder, talks to it over loopback only, and compares the databases with the
// sqlite3 shell. It ends with status 0 only if all held.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		os.Exit(child(os.Args[2:]))
	}
	quiet := flag.Bool("quiet-exit", false, "stop the centre at the end and exit: 0 if all held, 1 if not")
	seed := flag.Uint64("seed", 370115003239, "of the invented people and the faults")
	lang := flag.String("lang", language(), "zh-CN or en")
	data := flag.String("data", "", "an empty or new folder for everything the demo makes; default: a temporary one")
	flag.Parse()
	if flag.NArg() > 0 || *lang != "zh-CN" && *lang != "en" {
		fmt.Fprintln(os.Stderr, "usage: demo [--quiet-exit] [--seed N] [--lang zh-CN|en] [--data FOLDER]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	d := &demo{story: story{lang: *lang}, seed: *seed, now: time.Now, began: time.Now()}
	code := d.play(ctx, *data, *quiet)
	d.close(*quiet)
	stop()
	os.Exit(code)
}

// language takes zh-CN unless the environment plainly asks for English.
func language() string {
	for _, name := range []string{"DOORSTEP_LANG", "LC_ALL", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "en") {
				return "en"
			}
			return "zh-CN"
		}
	}
	return "zh-CN"
}

// demo is one run.
type demo struct {
	story
	seed    uint64
	now     func() time.Time
	began   time.Time
	dir     string
	ours    bool // the folder is temporary
	centre  *centre
	village *village
	people  *people
	failed  []string
}

func (d *demo) play(ctx context.Context, data string, quiet bool) int {
	if err := d.folder(data); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, chapter := range []func(context.Context) error{d.openCentre, d.settle, d.enrolAll, d.firstSync, d.morning, d.comeBack, d.decide, d.compare} {
		if err := chapter(ctx); err != nil {
			if ctx.Err() != nil {
				return 130
			}
			d.fail("%v", err)
			break
		}
	}
	if len(d.failed) > 0 {
		d.title("没有全部成立", "Not all of it held")
		for _, f := range d.failed {
			fmt.Println("  ✗", f)
		}
		return 1
	}
	d.title("全部成立", "All of it held")
	d.line("用时 %.1f 秒，种子 %d", "Took %.1f s, seed %d", d.now().Sub(d.began).Seconds(), d.seed)
	if !quiet {
		d.further(ctx)
	}
	return 0
}

func (d *demo) folder(data string) (err error) {
	if data == "" {
		d.ours = true
		d.dir, err = os.MkdirTemp("", "doorstep-demo-")
		return err
	}
	if list, err := os.ReadDir(data); err == nil && len(list) > 0 {
		return fmt.Errorf("the folder %s is not empty: give --data a new one", data)
	}
	d.dir, err = filepath.Abs(data)
	if err != nil {
		return err
	}
	return os.MkdirAll(d.dir, 0o700)
}

// check notes what did not hold; the story goes on to its end.
func (d *demo) check(ok bool, zh, en string, args ...any) {
	if !ok {
		d.failed = append(d.failed, fmt.Sprintf(d.say(zh, en), args...))
	}
}

func (d *demo) fail(format string, args ...any) {
	d.failed = append(d.failed, fmt.Sprintf(format, args...))
}

func (d *demo) close(quiet bool) {
	if d.people != nil {
		d.people.close()
	}
	if d.centre != nil {
		if err := d.centre.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			fmt.Fprintln(os.Stderr, "centre:", err)
		}
	}
	if d.ours && (quiet || len(d.failed) == 0) {
		if err := os.RemoveAll(d.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// further tells how to go on by hand and waits: the centre goes on running.
func (d *demo) further(ctx context.Context) {
	d.title("中心仍在运行，可以继续看（按 Ctrl-C 结束）", "The centre goes on running; look further (Ctrl-C ends it)")
	a, desk := d.people.worker[0], d.people.desk
	id, phone := d.somebody()
	for _, c := range []string{
		"curl -s " + d.centre.url + "/healthz",
		"bin/doorstep --replica " + a.path + " status",
		"bin/doorstep --replica " + a.path + " list visit --limit 5",
		fmt.Sprintf("sqlite3 %s \"UPDATE household SET phone='%s' WHERE id='%s'\"", a.path, phone, id),
		"bin/doorstep --replica " + a.path + " sync",
		"bin/doorstep --replica " + desk.path + " sync",
		"bin/doorstep --replica " + desk.path + " show household " + id,
		fmt.Sprintf("printf '%s' | bin/doorstep login --server %s --login supervisor --password-file -", d.people.password, d.centre.url),
		"bin/doorstep conflict list",
		"sqlite3 -readonly " + d.centre.db() + " \"SELECT count(*) FROM rec_visit\"",
		"ls " + d.dir,
	} {
		fmt.Println("  " + c)
	}
	d.people.close()
	d.people = nil
	<-ctx.Done()
	if d.ours {
		d.line("中心停止，临时目录 %s 已删除", "the centre stops; the temporary folder %s is removed", d.dir)
	}
}
