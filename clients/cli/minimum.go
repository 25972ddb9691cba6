package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

// deviceMinimumCommand shows the oldest version that is still served, and with a flag sets it.
func (a *app) deviceMinimumCommand() *cobra.Command {
	var version, grace int
	var app string
	var none bool
	c := a.command("device_minimum", "minimum [--declarations N] [--app VERSION] [--grace DAYS] | --none", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		set := none || cmd.Flags().Changed("declarations") || cmd.Flags().Changed("app")
		if !set {
			r, err := client.MinimumWithResponse(cmd.Context())
			if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
				return err
			}
			return a.showMinimum(r.JSON200)
		}
		body := restclient.MinimumInputBody{}
		if !none {
			schema, days := int64(version), int64(grace)
			body = restclient.MinimumInputBody{Schema: &schema, App: &app, GraceDays: &days}
		}
		r, err := client.MinimumSetWithResponse(cmd.Context(), body)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		return a.showMinimum(r.JSON200)
	})
	c.Flags().IntVar(&version, "declarations", 0, a.say("flag.minimum_declarations"))
	c.Flags().StringVar(&app, "app", "", a.say("flag.minimum_app"))
	c.Flags().IntVar(&grace, "grace", 0, a.say("flag.minimum_grace"))
	c.Flags().BoolVar(&none, "none", false, a.say("flag.minimum_none"))
	return c
}

func (a *app) showMinimum(m *restclient.Minimum) error {
	if a.json {
		return a.emit(m)
	}
	if m.Schema == 0 && m.App == "" {
		a.print("minimum_none")
	} else {
		if m.Schema > 0 {
			a.print("minimum_schema", m.Schema, m.SchemaNow)
		}
		if m.App != "" {
			a.print("minimum_app", m.App)
		}
		a.print("minimum_from", a.moment(m.From), m.Below)
	}
	for _, v := range m.Versions {
		app := clean(v.App)
		if app == "" {
			app = "?"
		}
		if v.Schema == 0 {
			a.print("minimum_silent", v.Devices)
			continue
		}
		a.print("minimum_version", v.Schema, app, v.Devices)
	}
	return nil
}
