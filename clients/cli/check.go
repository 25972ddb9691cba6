package cli

import (
	"github.com/spf13/cobra"
)

// checkDoc is a comparison of the replica with the centre, for programs.
type checkDoc struct {
	Scopes   int  `json:"scopes"`   // compared
	Repaired int  `json:"repaired"` // rows that differed from the centre's
	Local    int  `json:"local"`    // rows that did not show what the replica itself held for them
	Unmended bool `json:"unmended"` // something differs still
	Stopped  bool `json:"stopped"`  // too many repairs: no check for a day
}

// checkCommand compares the replica with the centre and repairs what differs.
func (a *app) checkCommand() *cobra.Command {
	var again bool
	c := a.command("check", "check [--again]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		remote, err := a.remote(cmd.Context())
		if err != nil {
			return err
		}
		report, err := a.replica.Check(cmd.Context(), remote, again)
		if err != nil {
			return a.kept(err)
		}
		doc := checkDoc{report.Scopes, report.Repaired, report.Local, report.Unmended, report.Stopped}
		if a.json {
			return a.emit(doc)
		}
		switch {
		case report.Unmended:
			return fail(ExitFailed, "check_unmended")
		case report.Differed():
			a.print("check_mended", report.Repaired+report.Local)
		default:
			a.print("check_same", report.Scopes)
		}
		if report.Stopped {
			a.warn("check_stopped")
		}
		return nil
	})
	c.Flags().BoolVar(&again, "again", false, a.say("flag.check_again"))
	return c
}
