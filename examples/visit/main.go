// Command visit is an example of the Go SDK: a knock at a door is written where there is no network, and sent when there
// is one. What it shows is what any program on a device needs: open or make a replica, enrol it once, write, sync, and
// tell a person how far each record has come.
//
//	visit --replica phone.db --centre https://centre.example --code CODE    # once: makes the device known
//	visit --replica phone.db --door 301 --note 水压不足                       # writes a visit, then tries to send it
//	visit --replica phone.db                                                # sends what waits, and tells where it stands
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// given is what the person typed.
type given struct {
	replica, centre, code, door, note, lang string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var g given
	flag.StringVar(&g.replica, "replica", "visit.db", "the replica's file / 副本文件")
	flag.StringVar(&g.centre, "centre", "", "address of the centre, to enrol / 中心地址（登记用）")
	flag.StringVar(&g.code, "code", "", "enrolment code / 登记码")
	flag.StringVar(&g.door, "door", "", "room number of the household that was visited / 走访住户的房号")
	flag.StringVar(&g.note, "note", "", "what they said / 意见建议")
	flag.StringVar(&g.lang, "lang", "zh-CN", "zh-CN or en")
	flag.Parse()
	err := run(ctx, g, time.Now, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, explain(err, g.lang))
		os.Exit(1)
	}
}

// run is the whole program.
func run(ctx context.Context, g given, now func() time.Time, out io.Writer) (err error) {
	to := speaker{g.lang, out}
	r, err := replica(ctx, g)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	if g.door != "" {
		id, err := write(ctx, r, now(), g.door, g.note)
		if err != nil {
			return err
		}
		mark, err := r.Mark(ctx, "visit", id)
		if err != nil {
			return err
		}
		to.say("written", mark, g.door) // ○: it is durable on this device, whatever becomes of the network
	}
	if err := send(ctx, r, to); err != nil {
		return err
	}
	return tell(ctx, r, to)
}

// replica opens the file or makes it, and with a code makes a device of it.
func replica(ctx context.Context, g given) (*device.Replica, error) {
	opts := device.Options{App: "visit example"}
	r, err := device.Open(g.replica, opts)
	if device.CodeOf(err) == device.CodeMissingFile && g.code != "" {
		r, err = device.Create(g.replica, opts)
	}
	if err != nil || g.code == "" {
		return r, err
	}
	if _, err := r.Enrol(ctx, device.Enrolment{Centre: g.centre, Code: g.code, Label: "visit example", Lang: g.lang}); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}
