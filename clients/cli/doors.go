package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

// assignDoorsCommand replaces the doors of an assignment: those given are the whole list from now on.
func (a *app) assignDoorsCommand() *cobra.Command {
	var doors []string
	var file string
	var none bool
	c := a.command("assign_doors", "doors ID --door ID,… | --doors FILE | --none", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		list, err := a.doors(doors, file)
		if err != nil {
			return err
		}
		if none == (len(list) > 0) {
			return misuse("doors_which")
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.assignmentID(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		if list == nil {
			list = []string{}
		}
		r, err := client.AssignmentDoorsWithResponse(cmd.Context(), id, restclient.DoorsInputBody{Doors: list})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.print("assign_doors_set", id, len(r.JSON200.Doors))
		a.assignmentNotes(r.JSON200)
		return nil
	})
	c.Flags().StringSliceVar(&doors, "door", nil, a.say("flag.door"))
	c.Flags().StringVar(&file, "doors", "", a.say("flag.doors"))
	c.Flags().BoolVar(&none, "none", false, a.say("flag.no_doors"))
	return c
}

// assignmentNotes tells on standard error what the centre says about an assignment, such as that it shows nothing yet.
func (a *app) assignmentNotes(x *restclient.Assignment) {
	if x.Notes == nil {
		return
	}
	for _, n := range *x.Notes {
		a.warn("assign_note", clean(n))
	}
}
