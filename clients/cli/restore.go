package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

// restoreCommand is what an administrator does when the centre was put back to a backup.
func (a *app) restoreCommand() *cobra.Command {
	return a.group("restore", "restore", a.restoreShowCommand(), a.restoreConfirmCommand())
}

func (a *app) restoreShowCommand() *cobra.Command {
	return a.command("restore_show", "show", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		r, err := client.RestoreGetWithResponse(cmd.Context())
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		return a.restoreText(r.JSON200)
	})
}

func (a *app) restoreConfirmCommand() *cobra.Command {
	return a.command("restore_confirm", "confirm", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		before, err := client.RestoreGetWithResponse(cmd.Context())
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return before.JSON200 != nil, before.Body, before.HTTPResponse }); err != nil {
			return err
		}
		r, err := client.RestoreConfirmWithResponse(cmd.Context())
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if !a.json && before.JSON200.Waiting && !r.JSON200.Waiting {
			a.print("restore_confirmed")
			return nil
		}
		return a.restoreText(r.JSON200)
	})
}

func (a *app) restoreText(x *restclient.Restored) error {
	switch {
	case a.json:
		return a.emit(x)
	case !x.Waiting:
		a.print("restore_none")
	case x.Epoch != nil:
		head := int64(0) // a centre put back to before its first commit
		if x.Head != nil {
			head = *x.Head
		}
		a.print("restore_waits", *x.Epoch, head, a.moment(x.At))
	}
	return nil
}
