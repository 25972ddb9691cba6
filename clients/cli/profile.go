package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
)

// profileTexts are the sentences about a phone that several people use.
var profileTexts = map[string]schema.Label{
	"help.use":     {ZH: "多人共用一台手机：切换到某人的副本；不写名字则列出", EN: "Several people on one phone: switch to somebody's replica; without a name, list them"},
	"flag.all":     {ZH: "逐个发送每个人的未发送内容，不显示任何记录（需要 DOORSTEP_HOME）", EN: "send what each person has not sent, one after the other, showing no record (needs DOORSTEP_HOME)"},
	"no_home":      {ZH: "没有设置多人共用的文件夹；请用 DOORSTEP_HOME 指定。", EN: "There is no folder for several people; name one with DOORSTEP_HOME."},
	"profile_form": {ZH: "“%s”不能作名字；请用字母、数字或汉字，不超过 64 个。", EN: "%q cannot be a name; use letters and digits, 64 at most."},
	"used":         {ZH: "现在使用“%s”的副本；此前的人未发送的内容仍归他自己，由 sync --all 发送。", EN: "Now using the replica of %q; what the person before has not sent stays his, and sync --all sends it."},
	"drained":      {ZH: "%s：发送 %d 个变更集", EN: "%s: %d {changeset|changesets} sent"},
	"drain_failed": {ZH: "%s：没有发送完", EN: "%s: not everything was sent"},
}

// home gives the folder of a phone that several people use, nil if there is none.
func (a *app) home() (*device.Home, error) {
	dir := a.Env("DOORSTEP_HOME")
	if dir == "" {
		return nil, fail(ExitUsage, "no_home")
	}
	return device.OpenHome(dir)
}

// profile is the replica of who uses the phone, "" where nobody said so.
func (a *app) profile() string {
	h, err := a.home()
	if err != nil || h.Current() == "" {
		return ""
	}
	path, err := h.Path(h.Current())
	if err != nil {
		return ""
	}
	return path
}

func (a *app) useCommand() *cobra.Command {
	return a.command("use", "use [NAME]", a.between(0, 1), func(_ *cobra.Command, args []string) error {
		h, err := a.home()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			switch err := h.Use(args[0]); {
			case errors.Is(err, device.ErrProfile):
				return wrong("profile_form", clean(args[0]))
			case err != nil:
				return err
			}
		}
		list, err := h.Profiles()
		if err != nil {
			return err
		}
		switch {
		case a.json:
			return a.emit(map[string]any{"current": h.Current(), "profiles": append([]string{}, list...)})
		case len(args) == 1:
			a.print("used", args[0])
			return nil
		}
		for _, name := range list {
			mark := "  "
			if name == h.Current() {
				mark = "* "
			}
			fmt.Fprintln(a.Out, mark+clean(name))
		}
		return nil
	})
}

// drain sends what everybody on this phone has not sent.
func (a *app) drain(cmd *cobra.Command) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	o, err := a.options()
	if err != nil {
		return err
	}
	list, err := h.Drain(cmd.Context(), o)
	if err != nil {
		return err
	}
	type doc struct {
		Profile string `json:"profile"`
		Sent    int    `json:"sent"`
		Code    string `json:"code,omitempty"`
	}
	var docs []doc
	var first error
	for _, d := range list {
		x := doc{d.Profile, d.Sent, ""}
		if d.Err != nil {
			x.Code = a.explain(d.Err).code
			if first == nil {
				first = d.Err
			}
		}
		docs = append(docs, x)
		switch {
		case a.json:
		case d.Err != nil:
			a.warn("drain_failed", clean(d.Profile))
		default:
			a.print("drained", clean(d.Profile), d.Sent)
		}
	}
	if a.json {
		if err := a.emit(map[string]any{"profiles": docs}); err != nil {
			return err
		}
	}
	return first
}
