package cli

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/schema"
)

// trustTexts are the sentences about whom to take for the centre.
var trustTexts = map[string]schema.Label{
	"flag.fingerprint": {ZH: "中心的指纹（20 个字符），登记码里没有时使用", EN: "the centre's fingerprint (20 characters), where no code carries it"},
	"flag.plain_text":  {ZH: "允许在任何网络上明文传输；任何人都能看到内容", EN: "allow plain text over any network; everybody on it can read along"},
	"fingerprint_form": {ZH: "“%s”不是中心的指纹；请写 20 个字符，如 doorstepd 启动时所示。", EN: "%q is no fingerprint of a centre; write 20 characters, as doorstepd shows them when it starts."},
	"foreign_centre":   {ZH: "对方不是本机所知的那个中心，没有发送任何内容；请检查网络、地址和代码（是否完整、有无抄错），需要时用 --fingerprint 给出管理员核对过的指纹。", EN: "Who answered is not the centre that this machine knows; nothing was sent. Check network, address and code (is it whole, and typed right?), or give a fingerprint that the administrator has confirmed with --fingerprint."},
	"plain_text":       {ZH: "这个地址会明文传输，没有发送任何内容；请使用 https 地址，或确认后加 --insecure-plain-text。", EN: "This address would send everything in plain text, so nothing was sent; use an https address, or --insecure-plain-text if you mean it."},
	"trusted":          {ZH: "本机今后只信任指纹为 %s 的中心。", EN: "This device now takes only the centre with fingerprint %s."},
	"help.trust":       {ZH: "改为信任另一个中心指纹（须先与管理员核对）", EN: "Take a centre with another fingerprint (compare it with the administrator first)"},
}

// trustFlags are how a person says whom to take for the centre.
type trustFlags struct {
	fingerprint string
	plain       bool
}

func (a *app) trustFlags(c *cobra.Command) *trustFlags {
	var f trustFlags
	c.Flags().StringVar(&f.fingerprint, "fingerprint", "", a.say("flag.fingerprint"))
	c.Flags().BoolVar(&f.plain, "insecure-plain-text", false, a.say("flag.plain_text"))
	return &f
}

// trust gives what the flags say, over what is known.
func (f *trustFlags) trust(known trust.Trust) (trust.Trust, error) {
	known.Plain = known.Plain || f.plain
	if f.fingerprint == "" {
		return known, nil
	}
	pin, ok := trust.ParseFingerprint(f.fingerprint)
	if !ok {
		return known, wrong("fingerprint_form", clean(f.fingerprint))
	}
	known.Pins = []string{pin}
	return known, nil
}

const centresFile = "centres.json"

// knownCentres are the centres that this person has met, by address.
func (a *app) knownCentres() map[string]trust.Trust {
	out := map[string]trust.Trust{}
	if dir, err := a.config(); err == nil {
		if text, err := os.ReadFile(filepath.Join(dir, centresFile)); err == nil && json.Unmarshal(text, &out) != nil {
			return map[string]trust.Trust{}
		}
	}
	return out
}

// met keeps whom to take for the centre at an address from now on.
func (a *app) met(server string, t trust.Trust) error {
	if len(t.Pins) == 0 && !t.Plain {
		return nil
	}
	all := a.knownCentres()
	all[strings.TrimRight(server, "/")] = t
	return a.keep(centresFile, all)
}

// client gives the way to a centre over REST.
func (a *app) client(c *trust.Centre) *http.Client {
	if a.Client != nil {
		return a.Client
	}
	return c.Client(time.Minute)
}

// greeted takes over what the centre said of itself when a person signed in.
func (a *app) greeted(server string, c *trust.Centre, pins *[]string) error {
	t := c.Trust()
	if met := c.Met(); met != "" {
		t.Pins = []string{met}
	}
	if pins != nil {
		if anew, ok := c.Announced(*pins); ok {
			t = anew
		}
	}
	return a.met(server, t)
}

// untrusted gives a fault for a centre that was not taken, nil for other failures.
func untrusted(err error) *fault {
	switch {
	case errors.Is(err, trust.ErrPlainText):
		return fail(ExitRefused, "plain_text").because(err)
	case trust.Foreign(err):
		return fail(ExitRefused, "foreign_centre").because(err)
	}
	return nil
}

func (a *app) trustCommand() *cobra.Command {
	return a.command("trust", "trust FINGERPRINT", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		pin, ok := trust.ParseFingerprint(args[0])
		if !ok {
			return wrong("fingerprint_form", clean(args[0]))
		}
		r, err := a.open()
		if err != nil {
			return err
		}
		if err := r.SetTrust(cmd.Context(), trust.Trust{Pins: []string{pin}}); err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"pins": []string{pin}})
		}
		a.print("trusted", pin)
		return nil
	})
}
