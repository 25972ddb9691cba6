package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/doorstep-sync/doorstep/clients/restclient"
	"github.com/doorstep-sync/doorstep/schema"
)

// deviceListTexts are the headings of the list of devices, and the words in it.
var deviceListTexts = map[string]schema.Label{
	"devices.contact":  {ZH: "最近联系", EN: "last contact"},
	"devices.waiting":  {ZH: "待发送", EN: "waiting"},
	"devices.behind":   {ZH: "落后", EN: "behind"},
	"devices.versions": {ZH: "程序/声明版本", EN: "app/schema"},
	"devices.clock":    {ZH: "时钟", EN: "clock"},
	"devices.free":     {ZH: "剩余空间", EN: "free"},
	"devices.checked":  {ZH: "上次自检", EN: "last check"},
	"devices.notes":    {ZH: "备注", EN: "notes"},
	"devices_since":    {ZH: "%d（最早 %s）", EN: "%d (oldest %s)"},
}

// unsaid stands where a device has not said anything yet.
const unsaid = "-"

// deviceTable gives the devices a line each under headings: what somebody who looks after forty phones scans.
func (a *app) deviceTable(list []restclient.Device, more bool) {
	lines := make([][]string, 0, len(list)+1)
	if len(list) > 0 {
		lines = append(lines, []string{a.say("device.id"), a.say("device.person"), a.say("device.label"), a.say("devices.contact"), a.say("devices.waiting"),
			a.say("devices.behind"), a.say("devices.versions"), a.say("devices.clock"), a.say("devices.free"), a.say("devices.checked"), a.say("devices.notes")})
	}
	for i := range list {
		lines = append(lines, a.deviceLine(&list[i]))
	}
	a.list(lines, false)
	if more {
		a.print("list_more", len(list))
	}
}

func (a *app) deviceLine(x *restclient.Device) []string {
	line := []string{x.Id, clean(x.AccountName), clean(x.Label), unsaid, unsaid, unsaid, unsaid, unsaid, unsaid, unsaid, ""}
	switch {
	case x.Console:
	case x.LastContact == nil:
		line[3] = a.say("device_silent")
	default:
		copy(line[3:], []string{a.moment(x.LastContact), a.waitingText(x), strconv.FormatInt(x.Behind, 10), versionsText(x), clockText(x), freeText(x.FreeBytes), unsaid})
		if x.CheckedAt != nil {
			line[9] = a.moment(x.CheckedAt)
		}
	}
	line[10] = a.deviceRemarks(x)
	return line
}

// waitingText is the size of the outbox and its age.
func (a *app) waitingText(x *restclient.Device) string {
	if x.Waiting == 0 || x.OldestWaiting == nil {
		return strconv.FormatInt(x.Waiting, 10)
	}
	return a.say("devices_since", x.Waiting, a.moment(x.OldestWaiting))
}

func versionsText(x *restclient.Device) string {
	app, declared := clean(text(x.App)), unsaid
	if app == "" {
		app = unsaid
	}
	if x.Schema != nil {
		declared = strconv.FormatInt(*x.Schema, 10)
	}
	return app + "/" + declared
}

// clockText is how far a clock is off; "!" catches the eye from clockOff on.
func clockText(x *restclient.Device) string {
	off := (time.Duration(x.ClockOffsetMs) * time.Millisecond).Round(time.Second)
	said := off.String()
	if off > 0 {
		said = "+" + said
	}
	if off.Abs() > clockOff {
		said = "!" + said
	}
	return said
}

func freeText(bytes *int64) string {
	const gib = 1 << 30
	switch {
	case bytes == nil || *bytes <= 0:
		return unsaid
	case *bytes >= gib:
		return fmt.Sprintf("%.1f GiB", float64(*bytes)/gib)
	}
	return strconv.FormatInt(*bytes>>20, 10) + " MiB"
}
