package cli

import (
	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
)

// copiedTexts are the sentences about replicas that were copied, put back, or set aside.
var copiedTexts = map[string]schema.Label{
	"became":         {ZH: "这个副本曾被复制、恢复成旧的样子，或重新登记，现在是一台单独的设备 %s，照常同步，没有丢失内容。", EN: "This replica was copied, put back to an older state or enrolled again; it is a device of its own now, %s, and goes on. Nothing was lost."},
	"status.became":  {ZH: "以前的设备", EN: "device before"},
	"became_at":      {ZH: "%s（到 %s）", EN: "%s (until %s)"},
	"status.asides":  {ZH: "中心恢复前的副本另存了 %d 份，共 %s MB；确认不再需要后用 doorstep asides --drop 删除。", EN: "%d {copy|copies} of this replica from before the centre was restored {is|are} kept, %s MB in all; remove them with doorstep asides --drop once they are not needed."},
	"fresh_all":      {ZH: "--fresh 只用于一个副本，不能与 --all 同用；请去掉一个。", EN: "--fresh is for one replica and does not go with --all; leave one out."},
	"help.asides":    {ZH: "列出或删除中心恢复时另存的旧副本", EN: "List or remove the copies that were set aside when the centre was restored"},
	"flag.drop":      {ZH: "删除它们", EN: "remove them"},
	"asides_none":    {ZH: "没有另存的旧副本。", EN: "Nothing was set aside."},
	"asides_dropped": {ZH: "已删除 %d 份另存的旧副本。", EN: "%d {copy|copies} set aside {was|were} removed."},
	"device.parent":  {ZH: "以前的设备", EN: "device before"},
	"device_parent":  {ZH: "%s（相同到第 %d）", EN: "%s (the same up to n %d)"},
	"device_copy":    {ZH: "由 %s 分出", EN: "parted from %s"},
}

// asideDoc is a copy that was set aside, for programs.
type asideDoc struct {
	Path  string `json:"path"`
	Epoch int64  `json:"epoch"`
	Bytes int64  `json:"bytes"`
}

// becameDoc is what a replica became, for programs.
type becameDoc struct {
	Device string `json:"device"`
	Parent string `json:"parent"`
	Fork   int64  `json:"fork"`
	At     string `json:"at"`
}

func asideDocs(list []device.Aside) (out []asideDoc) {
	for _, x := range list {
		out = append(out, asideDoc{absolute(x.Path), x.Epoch, x.Bytes})
	}
	return out
}

func becameDocs(list []device.Became) (out []becameDoc) {
	for _, x := range list {
		out = append(out, becameDoc{x.Device, x.Parent, x.Fork, stamp(x.At)})
	}
	return out
}

// statusAsides tells what was set aside.
func (a *app) statusAsides(d statusDoc) {
	if len(d.Asides) == 0 {
		return
	}
	n := 0
	for _, x := range d.Asides {
		n += int(x.Bytes)
	}
	a.print("status.asides", len(d.Asides), megabytes(n))
}

func (a *app) asidesCommand() *cobra.Command {
	var drop bool
	c := a.command("asides", "asides [--drop]", a.exactly(0), func(*cobra.Command, []string) error {
		r, err := a.open()
		if err != nil {
			return err
		}
		list, err := r.Asides()
		if err == nil && drop {
			err = r.DropAsides()
		}
		switch {
		case err != nil:
			return err
		case a.json:
			docs := asideDocs(list)
			if docs == nil {
				docs = []asideDoc{}
			}
			return a.emit(map[string]any{"asides": docs, "dropped": drop})
		case len(list) == 0:
			a.print("asides_none")
		case drop:
			a.print("asides_dropped", len(list))
		default:
			for _, d := range asideDocs(list) {
				a.put(d.Path + "  " + megabytes(int(d.Bytes)) + " MB")
			}
		}
		return nil
	})
	c.Flags().BoolVar(&drop, "drop", false, a.say("flag.drop"))
	return c
}
