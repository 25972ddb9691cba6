package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// comeBack: signal returns. One connection is cut at random bytes, one device is killed in the middle.
func (d *demo) comeBack(ctx context.Context) error {
	d.title("信号恢复：陆续回来同步", "Signal returns: they come back and synchronise")
	if err := d.cutAtRandomBytes(ctx, d.people.worker[0]); err != nil {
		return err
	}
	if err := d.killInTheMiddle(ctx, d.people.worker[1]); err != nil {
		return err
	}
	for range 2 { // the first round sends, the second brings everybody what came after his turn
		for _, x := range d.people.all {
			if err := d.sync(ctx, x); err != nil {
				return err
			}
		}
	}
	d.table(ctx)
	return d.refusal(ctx)
}

// proxy stands between a device and the centre, on loopback.
func (d *demo) proxy() (*toxiproxy.Proxy, error) {
	u, err := url.Parse(d.centre.url)
	if err != nil {
		return nil, err
	}
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "faults", "127.0.0.1:0", u.Host)
	if err := proxy.Start(); err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	return proxy, nil
}

// cutAtRandomBytes lets the device sync through a proxy that closes the connection after so many bytes.
func (d *demo) cutAtRandomBytes(ctx context.Context, x *phone) error {
	proxy, err := d.proxy()
	if err != nil {
		return err
	}
	defer proxy.Stop()
	through, err := remote(ctx, x.replica, "http://"+proxy.Listen)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(d.seed, 4))
	cuts, where := 0, []string{}
	for i := range 6 {
		stream := []string{"upstream", "downstream"}[i%2]
		bytesLeft := 600 + r.IntN(9000)
		toxic := fmt.Sprintf(`{"name":"cut%d","type":"limit_data","stream":"%s","attributes":{"bytes":%d}}`, i, stream, bytesLeft)
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return fmt.Errorf("set the cut: %w", err)
		}
		tryCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
		rep, err := x.replica.Sync(tryCtx, through)
		cancel()
		x.note(rep)
		if err != nil {
			cuts++
			where = append(where, fmt.Sprint(bytesLeft))
		}
		if err := proxy.Toxics.RemoveToxic(ctx, fmt.Sprintf("cut%d", i)); err != nil {
			return fmt.Errorf("lift the cut: %w", err)
		}
	}
	d.check(cuts > 0, "连接应至少被切断一次", "the connection should have been cut at least once")
	d.line("%s 的连接在随机字节处被切断 %d 次（%s 字节），每次从断点续传", "the connection of %s was cut %d times at random bytes (%s); each time it went on from there", x.name, cuts, strings.Join(where, ", "))
	return nil
}

const childCommand = "sync-child"

// heardBeforeKill is how many verdicts the device that is killed has filed by then.
const heardBeforeKill = 3

// child is one device in a process of its own, to be killed. With some of its verdicts filed it says so and stands
// still, so that the kill always comes in the middle.
func child(args []string) int {
	if len(args) != 2 {
		return 2
	}
	ctx := context.Background()
	r, err := device.Open(args[0], device.Options{App: "demo"})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	to, err := remote(ctx, r, args[1])
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	err = r.Run(ctx, to, device.Events{Progress: func(p device.Progress) {
		if p.Verdicts >= heardBeforeKill {
			fmt.Println("progress", p.Sent, p.Verdicts)
			select {}
		}
	}})
	fmt.Println("error", err)
	return 1
}

// killInTheMiddle starts the device as a process and kills it (SIGKILL) when some, but not all, verdicts are in.
func (d *demo) killInTheMiddle(ctx context.Context, x *phone) error {
	waiting, err := x.outbox(ctx)
	if err != nil {
		return err
	}
	if err := x.replica.Close(); err != nil {
		return err
	}
	x.replica = nil
	// A thin line, so that what is sent takes a few seconds and there is a middle.
	proxy, err := d.proxy()
	if err != nil {
		return err
	}
	defer proxy.Stop()
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"name":"thin","type":"bandwidth","stream":"upstream","attributes":{"rate":3}}`)); err != nil {
		return fmt.Errorf("thin the line: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, childCommand, x.path, "http://"+proxy.Listen)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	seen := 0
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("device process of %s ended: %w", x.name, err)
	}
	sent := 0
	if _, err := fmt.Sscanf(line, "progress %d %d", &sent, &seen); err != nil {
		return fmt.Errorf("device process of %s: %s", x.name, line)
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // killed: that is what we want
	if x.replica, err = device.Open(x.path, device.Options{App: "demo"}); err != nil {
		return fmt.Errorf("open the replica of %s after the kill: %w", x.name, err)
	}
	if x.remote, err = remote(ctx, x.replica, d.centre.url); err != nil {
		return err
	}
	left, err := x.outbox(ctx)
	if err != nil {
		return err
	}
	d.check(seen >= heardBeforeKill && left > 0 && left < waiting, "%s 应在同步中途被杀", "%s should have been killed in the middle", x.name)
	d.line("%s 同步到一半被 kill -9：待发 %d 条，已回执 %d 条，重开后还剩 %d 条，继续", "%s was killed (kill -9) in the middle: %d waiting, %d verdicts heard, %d left after reopening; it goes on", x.name, waiting, seen, left)
	return nil
}

func (x *phone) outbox(ctx context.Context) (n int, err error) {
	err = x.replica.QueryRow(ctx, "SELECT count(*) FROM ds_outbox").Scan(&n)
	return n, err
}

// tally is one line of the table: verdicts by kind, then rows held and what the line carried since the morning.
type tally struct {
	sent     int
	verdicts [5]int
	rows     int
	sum      device.Report
}

var tallied = [5]se.VerdictKind{se.Accepted, se.Merged, se.Conflicts, se.Rejected, se.Parked}

// table shows what each device sent and what came of it.
func (d *demo) table(ctx context.Context) {
	heads := []string{
		d.say("发送", "sent"), d.say("接受", "accepted"), d.say("合并", "merged"), d.say("冲突", "conflict"), d.say("退回", "rejected"), d.say("搁置", "parked"),
		d.say("行数", "rows"), d.say("上行", "up"), d.say("下行", "down"), d.say("毫秒", "ms"),
	}
	show := func(name string, cells ...string) {
		fmt.Print("   ", pad(name, 20))
		for _, c := range cells {
			fmt.Print(pad(c, 10))
		}
		fmt.Println()
	}
	line := func(name string, t tally) {
		cells := []string{fmt.Sprint(t.sent)}
		for _, n := range t.verdicts {
			cells = append(cells, fmt.Sprint(n))
		}
		show(name, append(cells, fmt.Sprint(t.rows), size(t.sum.Out), size(t.sum.In), fmt.Sprint(t.sum.Took.Milliseconds()))...)
	}
	show(d.say("设备", "device"), heads...)
	var stewards tally
	for _, x := range d.people.all {
		t, err := x.tally(ctx)
		if err != nil {
			d.fail("%v", err)
			return
		}
		if x.role != "steward" {
			line(x.name, t)
			continue
		}
		for i, n := range t.verdicts {
			stewards.verdicts[i] += n
		}
		stewards.rows += t.rows
		stewards.sent += t.sent
		stewards.sum.In += t.sum.In
		stewards.sum.Out += t.sum.Out
		stewards.sum.Took += t.sum.Took
	}
	line(fmt.Sprintf(d.say("楼长 ×%d", "stewards ×%d"), len(d.people.steward)), stewards)
	d.line("发送为上午之后的变更集；被切断的几次和被杀的进程所传的字节不在内", "sent: changesets since the morning; what cut rounds and the killed process carried is not in the bytes")
}

// judged counts the changesets that have a verdict here.
func (x *phone) judged(ctx context.Context) (n int, err error) {
	err = x.replica.QueryRow(ctx, "SELECT count(*) FROM ds_journal").Scan(&n)
	return n, err
}

// tally counts a device's verdicts by kind, and the rows it holds.
func (x *phone) tally(ctx context.Context) (t tally, err error) {
	t.sum = x.sum
	if t.sent, err = x.judged(ctx); err != nil {
		return t, err
	}
	t.sent -= x.before
	for i, k := range tallied {
		if err := x.replica.QueryRow(ctx, "SELECT count(*) FROM ds_journal WHERE kind = ?", int(k)).Scan(&t.verdicts[i]); err != nil {
			return t, err
		}
	}
	for _, table := range x.replica.Schema().Tables {
		var n int
		if err := x.replica.QueryRow(ctx, `SELECT count(*) FROM "`+table.Name+`"`).Scan(&n); err != nil {
			return t, err
		}
		t.rows += n
	}
	return t, nil
}

// refusal shows the sentence that the steward reads, and that his replica shows the centre's value again.
func (d *demo) refusal(ctx context.Context) error {
	x := d.people.steward[4]
	list, err := x.replica.Rejected(ctx, false)
	if err != nil {
		return err
	}
	d.check(len(list) == 1, "%s 应有 1 条退回，有 %d 条", "%s should have 1 refusal and has %d", x.name, len(list))
	if len(list) > 0 {
		d.line("%s 看到：%s", "%s reads: %s", x.name, list[0].In(d.lang))
	}
	var notes string
	if err := x.replica.QueryRow(ctx, "SELECT notes FROM household WHERE id = ?", d.village.blocks[4].homes[0].household).Scan(&notes); err != nil {
		return err
	}
	d.check(notes == invented, "退回后应显示中心的值", "after the refusal the centre's value should show")
	return nil
}
