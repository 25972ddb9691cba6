package cli

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

func (a *app) deviceCommand() *cobra.Command {
	return a.group("device", "device", a.deviceListCommand(), a.deviceShowCommand(), a.deviceResnapshotCommand(), a.deviceRevokeCommand(), a.deviceEraseCommand(), a.deviceMinimumCommand())
}

func (a *app) devices(ctx context.Context, client *restclient.ClientWithResponses, params restclient.DeviceListParams, limit int) ([]restclient.Device, bool, error) {
	return pages(limit, func(after *string, n *int64) ([]restclient.Device, *string, error) {
		params.After, params.Limit = after, n
		r, err := client.DeviceListWithResponse(ctx, &params)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return nil, nil, err
		}
		return r.JSON200.Devices, r.JSON200.Next, nil
	})
}

func (a *app) deviceListCommand() *cobra.Command {
	var limit int
	var silent, behind int64
	var waiting bool
	c := a.command("device_list", "list [ACCOUNT] [--silent DAYS] [--waiting] [--behind N] [--limit N]", a.between(0, 1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		params := restclient.DeviceListParams{}
		if silent > 0 {
			params.Silent = &silent
		}
		if behind > 0 {
			params.Behind = &behind
		}
		if waiting {
			params.Waiting = &waiting
		}
		if len(args) == 1 {
			id, err := a.account(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			params.Account = &id
		}
		list, more, err := a.devices(cmd.Context(), client, params, limit)
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"devices": list, "more": more})
		}
		a.deviceTable(list, more)
		return nil
	})
	a.limitFlag(c, &limit)
	c.Flags().Int64Var(&silent, "silent", 0, a.say("flag.silent"))
	c.Flags().BoolVar(&waiting, "waiting", false, a.say("flag.waiting"))
	c.Flags().Int64Var(&behind, "behind", 0, a.say("flag.behind"))
	return c
}

// clockOff is the offset from which a clock is worth a word, as the centre tells the device.
const clockOff = time.Minute

// deviceNote is all there is to say of the state of a device in one phrase.
func (a *app) deviceNote(x restclient.Device) string {
	note := ""
	switch {
	case x.RevokedAt != nil || x.Console:
	case x.LastContact == nil:
		note = a.say("device_silent")
	default:
		note = a.say("device_contact", a.moment(x.LastContact))
	}
	if x.Waiting > 0 && x.RevokedAt == nil {
		note = a.joined(note, a.say("device_waiting", x.Waiting, a.moment(x.OldestWaiting)))
	}
	note = a.joined(note, a.deviceRemarks(&x))
	if off := time.Duration(x.ClockOffsetMs) * time.Millisecond; off.Abs() > clockOff {
		note = a.joined(note, a.say("device_clock", off.Round(time.Second).String()))
	}
	return note
}

// deviceRemarks is what is not so of every device.
func (a *app) deviceRemarks(x *restclient.Device) string {
	note := ""
	switch {
	case x.RevokedAt != nil && emptied(*x):
		note = a.say("device_emptied_at", a.moment(x.PurgedAt), a.moment(x.ErasedAt))
	case x.RevokedAt != nil && x.PurgedAt != nil:
		note = a.say("device_purged_at", a.moment(x.PurgedAt))
	case x.RevokedAt != nil && x.ErasedAt != nil:
		note = a.say("device_erased_at", a.moment(x.ErasedAt))
	case x.RevokedAt != nil:
		note = a.say("device_revoked_at", a.moment(x.RevokedAt))
	case x.Console:
		note = a.say("device_console")
	}
	if x.Repaired != nil && *x.Repaired > 0 && x.RevokedAt == nil {
		note = a.joined(note, a.say("device_repaired", *x.Repaired))
	}
	if x.Parent != nil {
		note = a.joined(note, a.say("device_copy", *x.Parent))
	}
	return note
}

// joined puts two phrases into one, either of which may be empty.
func (a *app) joined(one, two string) string {
	if one == "" || two == "" {
		return one + two
	}
	return one + a.say("comma") + two
}

// emptied tells whether a device had purged before it was to be erased: its files and its key are there yet.
func emptied(x restclient.Device) bool {
	return x.PurgedAt != nil && x.ErasedAt != nil && !x.PurgedAt.After(*x.ErasedAt)
}

// deviceID finds the one device whose id begins as a person typed it.
func (a *app) deviceID(ctx context.Context, client *restclient.ClientWithResponses, typed string) (string, error) {
	list, _, err := a.devices(ctx, client, restclient.DeviceListParams{}, 100_000)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].Id
	}
	return among(ids, typed)
}

func (a *app) deviceShowCommand() *cobra.Command {
	return a.command("device_show", "show DEVICE", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.deviceID(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		r, err := client.DeviceShowWithResponse(cmd.Context(), id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.deviceText(r.JSON200)
		return nil
	})
}

func (a *app) deviceText(x *restclient.Device) {
	lines := [][]string{
		{a.say("device.id"), x.Id},
		{a.say("device.person"), clean(x.AccountName)},
		{a.say("device.label"), clean(x.Label)},
		{a.say("device.state"), a.deviceNote(*x)},
		{a.say("device.enrolled"), a.moment(&x.EnrolledAt)},
	}
	if x.Parent != nil {
		fork := int64(0)
		if x.Fork != nil {
			fork = *x.Fork
		}
		lines = append(lines, []string{a.say("device.parent"), a.say("device_parent", *x.Parent, fork)})
	}
	lines = append(lines, [][]string{
		{a.say("device.program"), clean(text(x.App))},
	}...)
	if x.Schema != nil {
		lines = append(lines, []string{a.say("device.schema"), strconv.FormatInt(*x.Schema, 10)})
	}
	lines = append(lines, []string{a.say("device.behind"), strconv.FormatInt(x.Behind, 10)}, []string{a.say("device.last_n"), strconv.FormatInt(x.LastN, 10)})
	if x.FreeBytes != nil && *x.FreeBytes > 0 {
		lines = append(lines, []string{a.say("device.free"), strconv.FormatInt(*x.FreeBytes>>20, 10) + " MiB"})
	}
	if !x.Console {
		lines = append(lines, []string{a.say("device.checked"), a.checkNote(x)})
	}
	columns(a.Out, lines)
	a.heldText(x)
}

// checkNote tells when a device last compared its records with the centre's, and how that went.
func (a *app) checkNote(x *restclient.Device) string {
	note := a.say("device_unchecked")
	if x.CheckedAt != nil {
		note = a.moment(x.CheckedAt)
	}
	if x.Repaired != nil && *x.Repaired > 0 {
		note += a.say("comma") + a.say("device_repaired", *x.Repaired)
	}
	return note
}

// heldText lists what the records on a device belong to, and what was taken from it: what somebody who finds it may read.
func (a *app) heldText(x *restclient.Device) {
	if x.Holds != nil && (x.RevokedAt == nil || x.PurgedAt == nil) { // after its receipt it holds nothing
		a.print("device_holds")
		var lines [][]string
		for _, h := range *x.Holds {
			lines = append(lines, a.heldLine(h.Scope, h.Name, h.Role, h.Doors))
		}
		columns(a.Out, lines)
	}
	if x.Taken != nil {
		a.print("device_taken")
		var lines [][]string
		for _, h := range *x.Taken {
			note := a.say("device_no_receipt", a.moment(&h.At))
			if h.PurgedAt != nil {
				note = a.say("device_receipt", a.moment(h.PurgedAt))
			}
			lines = append(lines, append(a.heldLine(h.Scope, h.Name, h.Role, h.Doors), note))
		}
		columns(a.Out, lines)
	}
}

func (a *app) heldLine(scope string, name *string, role string, doors *int64) []string {
	line := []string{"  " + scope, clean(text(name)), a.role(role)}
	if doors != nil && *doors > 0 {
		line[2] += " " + a.say("device_doors", *doors)
	}
	return line
}

func (a *app) deviceResnapshotCommand() *cobra.Command {
	return a.command("device_resnapshot", "resnapshot DEVICE", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.deviceID(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		r, err := client.DeviceResnapshotWithResponse(cmd.Context(), id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.print("device_resnapshot", clean(r.JSON200.Label), clean(r.JSON200.AccountName), id)
		return nil
	})
}

func (a *app) deviceRevokeCommand() *cobra.Command {
	return a.command("device_revoke", "revoke DEVICE", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.deviceID(cmd.Context(), client, args[0])
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
		return a.copies(cmd.Context(), client, id)
	})
}

func (a *app) deviceEraseCommand() *cobra.Command {
	return a.command("device_erase", "erase DEVICE", a.exactly(1), func(cmd *cobra.Command, args []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		id, err := a.deviceID(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		r, err := client.DeviceEraseWithResponse(cmd.Context(), id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		if emptied(*r.JSON200) {
			a.print("device_erased_emptied", clean(r.JSON200.Label), clean(r.JSON200.AccountName), id, a.moment(r.JSON200.PurgedAt))
		} else {
			a.print("device_erased", clean(r.JSON200.Label), clean(r.JSON200.AccountName), id)
		}
		return a.copies(cmd.Context(), client, id)
	})
}

// copies names the devices that a replica of this one has become and that go on: whoever took its files may have made one,
// or its person did with his new phone. Only he knows which.
func (a *app) copies(ctx context.Context, client *restclient.ClientWithResponses, id string) error {
	list, _, err := a.devices(ctx, client, restclient.DeviceListParams{}, 100_000)
	if err != nil {
		return err
	}
	for from := []string{id}; len(from) > 0; from = from[1:] {
		for i := range list {
			x := &list[i]
			if x.Parent == nil || *x.Parent != from[0] {
				continue
			}
			from = append(from, x.Id)
			if x.RevokedAt == nil {
				a.print("device_copy_goes_on", clean(x.Label), clean(x.AccountName), x.Id, x.Id)
			}
		}
	}
	return nil
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
