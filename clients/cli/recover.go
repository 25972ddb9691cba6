package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// recoverDoc is what was read of a damaged replica, for programs.
type recoverDoc struct {
	Sound      bool     `json:"sound"` // nothing is wrong with the file; nothing was done
	Replica    string   `json:"replica"`
	Aside      string   `json:"aside"` // the damaged file
	Device     string   `json:"device"`
	Unsent     int      `json:"unsent"` // changesets brought over
	Lost       []int64  `json:"lost"`   // numbers of unsent changesets that could not be read
	Again      int      `json:"again"`  // verdicts that the centre is asked for again
	Unsure     []int64  `json:"unsure"` // numbers of which nothing could be found out
	Filed      int      `json:"filed"`
	Refused    int      `json:"refused"`
	Captured   int      `json:"captured"`   // lines of what other programs wrote
	Unreadable []string `json:"unreadable"` // tables that could not be read whole
}

func (a *app) recoverCommand() *cobra.Command {
	return a.command("recover", "recover", a.exactly(0), func(*cobra.Command, []string) error {
		o, err := a.options()
		if err != nil {
			return err
		}
		if err := a.unlock(a.path(), &o); err != nil {
			return err
		}
		x, err := device.Recover(a.path(), o)
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(recoverDoc{
				x.Sound, absolute(a.path()), x.Aside, x.Identity.Device, x.Unsent, append([]int64{}, x.Lost...), x.Again, append([]int64{}, x.Unsure...),
				x.Filed, x.Refused, x.Captured, append([]string{}, x.Unreadable...),
			})
		}
		a.recoverText(x)
		return nil
	})
}

func (a *app) recoverText(x *device.Recovery) {
	if x.Sound {
		a.print("recover_sound")
		return
	}
	a.print("recover_aside", absolute(x.Aside))
	a.print("recover_unsent", x.Unsent)
	if x.Refused > 0 {
		a.print("recover_refused", x.Refused)
	}
	if len(x.Lost) > 0 {
		a.print("recover_lost", len(x.Lost), numbers(x.Lost))
	}
	if x.Again > 0 {
		a.print("recover_again", x.Again)
	}
	if len(x.Unsure) > 0 {
		a.print("recover_unsure", len(x.Unsure), numbers(x.Unsure))
	}
	if len(x.Unreadable) > 0 {
		a.print("recover_unreadable", strings.Join(x.Unreadable, ", "))
	}
	a.print("recover_next")
}

// numbers lists the first of them.
func numbers(list []int64) string {
	var parts []string
	for i, n := range list {
		if i == 20 {
			return strings.Join(parts, ", ") + " …"
		}
		parts = append(parts, strconv.FormatInt(n, 10))
	}
	return strings.Join(parts, ", ")
}
