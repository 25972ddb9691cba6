package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
)

func (a *app) gridCommand() *cobra.Command {
	return a.group("grid", "grid", a.gridSplitCommand(), a.gridMergeCommand(),
		a.group("grid_plan", "plan", a.gridPlanListCommand(), a.gridPlanShowCommand(), a.gridPlanRunCommand(), a.gridPlanDropCommand()))
}

// maxPlanDoors is how many doors the centre takes in one plan.
const maxPlanDoors = 20_000

// gridOrder is what both commands take.
type gridOrder struct {
	workers  []string
	stewards bool
	dry, yes bool
}

func (a *app) gridFlags(c *cobra.Command, o *gridOrder) {
	c.Flags().BoolVar(&o.stewards, "stewards", false, a.say("flag.grid_stewards"))
	c.Flags().StringSliceVar(&o.workers, "worker", nil, a.say("flag.grid_worker"))
	c.Flags().BoolVar(&o.dry, "dry-run", false, a.say("flag.grid_dry"))
	c.Flags().BoolVar(&o.yes, "yes", false, a.say("flag.grid_yes"))
}

func (a *app) gridSplitCommand() *cobra.Command {
	var o gridOrder
	var name, file string
	var doors, along []string
	c := a.command("grid_split", "split SOURCE TARGET [--name TEXT] [--door ID,… | --doors FILE] [--along LOGIN,…] [--stewards] [--worker LOGIN,…] [--dry-run | --yes]", a.exactly(2),
		func(cmd *cobra.Command, args []string) error {
			list, err := a.doorsUpTo(maxPlanDoors, doors, file)
			if err != nil {
				return err
			}
			return a.planGrid(cmd.Context(), restclient.TerritoryInputBody{
				Kind: "split", Source: args[0], Target: args[1], Name: given(name), Doors: &list, Along: &along, Stewards: &o.stewards, Workers: &o.workers}, &o)
		})
	c.Flags().StringVar(&name, "name", "", a.say("flag.grid_name"))
	c.Flags().StringSliceVar(&doors, "door", nil, a.say("flag.grid_door"))
	c.Flags().StringVar(&file, "doors", "", a.say("flag.grid_doors"))
	c.Flags().StringSliceVar(&along, "along", nil, a.say("flag.grid_along"))
	a.gridFlags(c, &o)
	return c
}

func (a *app) gridMergeCommand() *cobra.Command {
	var o gridOrder
	c := a.command("grid_merge", "merge SOURCE TARGET [--stewards] [--worker LOGIN,…] [--dry-run | --yes]", a.exactly(2), func(cmd *cobra.Command, args []string) error {
		return a.planGrid(cmd.Context(), restclient.TerritoryInputBody{Kind: "merge", Source: args[0], Target: args[1], Stewards: &o.stewards, Workers: &o.workers}, &o)
	})
	a.gridFlags(c, &o)
	return c
}

// planGrid makes a plan, shows its dry run, and runs it if that is wanted.
func (a *app) planGrid(ctx context.Context, in restclient.TerritoryInputBody, o *gridOrder) error {
	for _, list := range []*[]string{in.Doors, in.Along, in.Workers} {
		if list != nil && *list == nil {
			*list = []string{}
		}
	}
	client, err := a.centre()
	if err != nil {
		return err
	}
	r, err := client.TerritoryPlanWithResponse(ctx, in)
	if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON201 != nil, r.Body, r.HTTPResponse }); err != nil {
		return err
	}
	p := r.JSON201
	if o.dry || a.json && !o.yes {
		if a.json {
			return a.emit(p)
		}
		a.planText(p)
		a.print("plan_kept", p.Id, p.Id, p.Id)
		return nil
	}
	if !a.json {
		a.planText(p)
	}
	if !o.yes {
		yes, answered := a.agrees()
		if !yes {
			a.print("plan_kept", p.Id, p.Id, p.Id)
		}
		if !answered {
			return misuse("plan_unanswered")
		}
		if !yes {
			return nil
		}
	}
	return a.runPlan(ctx, client, p.Id)
}

// agrees asks whether to go on. An answer that is not there is a no, and whoever counted on a yes hears of it.
func (a *app) agrees() (yes, answered bool) {
	fmt.Fprintln(a.Err, a.say("plan_ask"))
	line, err := bufio.NewReader(io.LimitReader(a.In, 64)).ReadString('\n')
	if err != nil && (err != io.EOF || line == "") {
		return false, false
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "是", "yes", "y":
		return true, true
	}
	return false, true
}

// runPlan goes on with a plan until it ends, and tells how far it has come.
func (a *app) runPlan(ctx context.Context, client *restclient.ClientWithResponses, id int64) error {
	for {
		r, err := client.TerritoryRunWithResponse(ctx, id, &restclient.TerritoryRunParams{})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		p := r.JSON200
		if p.State == "running" {
			a.warn("plan_progress", p.Items-p.Waiting, p.Items)
			continue
		}
		if a.json {
			if err := a.emit(p); err != nil {
				return err
			}
		} else {
			a.planState(p)
		}
		if p.State == "failed" {
			return fail(ExitFailed, "plan_failed", p.Id, p.Refused, p.Id)
		}
		if !a.json {
			a.print("plan_done", p.Id)
		}
		return nil
	}
}

func (a *app) planState(p *restclient.TerritoryPlan) {
	a.print("plan_is", a.say("plan_state."+string(p.State)), p.Moved, p.Needless, p.Refused, p.Waiting)
	for _, x := range p.Refusals {
		a.print("plan_refusal", clean(x.RecordLabel), x.Row, clean(x.Code))
	}
}

// planText shows a dry run.
func (a *app) planText(p *restclient.TerritoryPlan) {
	r := &p.Report
	what := []any{p.Id, clean(p.Source), clean(p.SourceName), r.Doors, r.DoorsLeft, clean(p.Target), clean(p.TargetName)}
	if p.Kind == "merge" {
		a.print("plan_merge", what...)
	} else {
		a.print("plan_split", what...)
	}
	if p.TargetNew {
		a.print("plan_new")
	}
	a.print("plan_moves")
	var lines [][]string
	for _, x := range r.Moves {
		lines = append(lines, []string{"", clean(x.RecordLabel), fmt.Sprint(x.Count)})
	}
	columns(a.Out, lines)
	left := false
	for _, x := range r.Loose {
		var who []string
		for _, w := range x.Authors {
			who = append(who, fmt.Sprintf("%s %d", clean(w.AccountName), w.Count))
		}
		a.print("plan_loose", clean(x.RecordLabel), x.Count, x.Along, strings.Join(who, ", "))
		left = left || x.Along < x.Count
	}
	if left {
		a.print("plan_loose_more")
	}
	for _, id := range r.Shared {
		a.print("plan_shared", id)
	}
	a.planPeople(r)
	a.planPhones(r)
	for _, x := range r.Staffing {
		a.print("plan_staffing", clean(x.Grid), clean(x.GridName), x.Before, x.After)
		if x.Message != nil {
			a.put("  " + clean(*x.Message))
		}
	}
	for _, x := range r.Stuck {
		a.print("plan_stuck", clean(x.RecordLabel), x.Count)
	}
}

func (a *app) planPeople(r *restclient.PlanReport) {
	for _, x := range r.Cases {
		a.print("plan_cases", clean(x.RecordLabel), x.Count)
	}
	if r.Conflicts > 0 {
		a.print("plan_conflicts", r.Conflicts)
	}
	if r.Quarantined > 0 {
		a.print("plan_quarantined", r.Quarantined)
	}
	for _, x := range r.People {
		a.print("plan_person", clean(x.AccountName), clean(x.RoleLabel), x.Doors, x.Moving, a.say("plan_effect."+string(x.Effect)))
	}
}

func (a *app) planPhones(r *restclient.PlanReport) {
	if len(r.Phones) == 0 {
		a.print("plan_phones_ok", r.PhonesAll)
		return
	}
	a.print("plan_phones", r.PhonesAll)
	for _, x := range r.Phones {
		last := a.say("plan_phone_never")
		if x.LastContact != nil {
			last = a.moment(x.LastContact)
		}
		line := "  " + a.say("plan_phone", clean(x.AccountName), clean(x.Label), last)
		if x.Waiting > 0 {
			line += a.say("plan_phone_waiting", x.Waiting, a.moment(x.OldestWaiting))
		}
		a.put(line)
	}
}

func planID(typed string) (int64, error) {
	id, err := strconv.ParseInt(typed, 10, 64)
	if err != nil || id < 1 {
		return 0, wrong("plan_id_form", clean(typed))
	}
	return id, nil
}

// planCommand is a command on one plan.
func (a *app) planCommand(key, use string, do func(context.Context, *restclient.ClientWithResponses, int64) error) *cobra.Command {
	return a.command(key, use, a.exactly(1), func(cmd *cobra.Command, args []string) error {
		id, err := planID(args[0])
		if err != nil {
			return err
		}
		client, err := a.centre()
		if err != nil {
			return err
		}
		return do(cmd.Context(), client, id)
	})
}

func (a *app) gridPlanShowCommand() *cobra.Command {
	return a.planCommand("grid_plan_show", "show PLAN", func(ctx context.Context, client *restclient.ClientWithResponses, id int64) error {
		r, err := client.TerritoryShowWithResponse(ctx, id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		if a.json {
			return a.emit(r.JSON200)
		}
		a.planText(r.JSON200)
		a.planState(r.JSON200)
		return nil
	})
}

func (a *app) gridPlanRunCommand() *cobra.Command {
	return a.planCommand("grid_plan_run", "run PLAN", a.runPlan)
}

func (a *app) gridPlanDropCommand() *cobra.Command {
	return a.planCommand("grid_plan_drop", "drop PLAN", func(ctx context.Context, client *restclient.ClientWithResponses, id int64) error {
		r, err := client.TerritoryDeleteWithResponse(ctx, id)
		if err := a.answered(err, func() (bool, []byte, *http.Response) {
			return r.HTTPResponse.StatusCode == http.StatusNoContent, r.Body, r.HTTPResponse
		}); err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"id": id})
		}
		a.print("plan_dropped", id)
		return nil
	})
}

func (a *app) gridPlanListCommand() *cobra.Command {
	var limit int
	c := a.command("grid_plan_list", "list [--limit N]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		client, err := a.centre()
		if err != nil {
			return err
		}
		list, more, err := pages(limit, func(after *string, n *int64) ([]restclient.TerritoryPlan, *string, error) {
			most := min(*n, 200)
			p := &restclient.TerritoryListParams{Limit: &most}
			if after != nil {
				before, _ := strconv.ParseInt(*after, 10, 64)
				p.Before = &before
			}
			r, err := client.TerritoryListWithResponse(cmd.Context(), p)
			if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
				return nil, nil, err
			}
			if r.JSON200.Next == nil {
				return r.JSON200.Plans, nil, nil
			}
			next := strconv.FormatInt(*r.JSON200.Next, 10)
			return r.JSON200.Plans, &next, nil
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(map[string]any{"plans": list, "more": more})
		}
		var lines [][]string
		for i := range list {
			p := &list[i]
			kind := a.say("plan_line_split")
			if p.Kind == "merge" {
				kind = a.say("plan_line_merge")
			}
			lines = append(lines, []string{fmt.Sprint(p.Id), kind, clean(p.Source), "→ " + clean(p.Target), a.say("plan_state." + string(p.State)),
				fmt.Sprintf("%d/%d", p.Items-p.Waiting, p.Items), clean(p.Planner), a.moment(&p.CreatedAt)})
		}
		a.list(lines, more)
		return nil
	})
	a.limitFlag(c, &limit)
	return c
}
