package cli

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

func (a *app) deviceCommand() *cobra.Command {
	return a.group("device", "device", a.deviceListCommand(), a.deviceRevokeCommand(), a.deviceMinimumCommand())
}

func (a *app) devices(ctx context.Context, client *restclient.ClientWithResponses, account *string, limit int) ([]restclient.Device, bool, error) {
	return pages(limit, func(after *string, n *int64) ([]restclient.Device, *string, error) {
		r, err := client.DeviceListWithResponse(ctx, &restclient.DeviceListParams{Account: account, After: after, Limit: n})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return nil, nil, err
		}
		return r.JSON200.Devices, r.JSON200.Next, nil
	})
}

func (a *app) deviceListCommand() *cobra.Command {
	var limit int
	c := a.command("device_list", "list [ACCOUNT] [--limit N]", a.between(0, 1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		var account *string
		if len(args) == 1 {
			id, err := a.account(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			account = &id
		}
		list, more, err := a.devices(cmd.Context(), client, account, limit)
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"devices": list, "more": more})
		}
		lines := make([][]string, len(list))
		for i, x := range list {
			lines[i] = []string{x.Id, clean(x.AccountName), clean(x.Label), a.deviceNote(x)}
		}
		a.list(lines, more)
		return nil
	})
	a.limitFlag(c, &limit)
	return c
}

// clockOff is the offset from which a clock is worth a word, as the centre tells the device.
const clockOff = time.Minute

func (a *app) deviceNote(x restclient.Device) string {
	note := ""
	switch {
	case x.RevokedAt != nil:
		note = a.say("device_revoked_at", a.moment(x.RevokedAt))
	case x.Console:
		note = a.say("device_console")
	case x.LastContact == nil:
		note = a.say("device_silent")
	default:
		note = a.say("device_contact", a.moment(x.LastContact))
	}
	if off := time.Duration(x.ClockOffsetMs) * time.Millisecond; off.Abs() > clockOff {
		note += a.say("comma") + a.say("device_clock", off.Round(time.Second).String())
	}
	return note
}

func (a *app) deviceRevokeCommand() *cobra.Command {
	return a.command("device_revoke", "revoke DEVICE", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		list, _, err := a.devices(cmd.Context(), client, nil, 100_000)
		if err != nil {
			return err
		}
		ids := make([]string, len(list))
		for i := range list {
			ids[i] = list[i].Id
		}
		id, err := among(ids, args[0])
		if err != nil {
			return err
		}
		r, err := client.DeviceRevokeWithResponse(cmd.Context(), id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.print("device_revoked", clean(r.JSON200.Label), clean(r.JSON200.AccountName), id)
		return nil
	})
}

func (a *app) codeCommand() *cobra.Command {
	return a.group("code", "code", a.codeCreateCommand())
}

// codeCreateCommand prints the code and nothing else to standard output, so that it can be handed on.
func (a *app) codeCreateCommand() *cobra.Command {
	return a.command("code_create", "create ACCOUNT", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.account(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		r, err := client.CodeCreateWithResponse(cmd.Context(), restclient.CodeCreateRequest{Account: id})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON201 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON201)
		}
		a.print("code", r.JSON201.Code)
		a.warn("code_until", a.moment(&r.JSON201.ExpiresAt))
		return nil
	})
}
