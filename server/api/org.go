package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/doorstep-sync/doorstep/server/directory"
)

// Unit is an org unit.
type Unit struct {
	Code      string     `json:"code"`
	Name      string     `json:"name"`
	Level     string     `json:"level" enum:"province,city,county,street,community,grid"`
	Label     string     `json:"level_label" doc:"The level's name for people."`
	Parent    string     `json:"parent,omitempty"`
	GridType  string     `json:"grid_type,omitempty" enum:"base,dedicated,micro"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Successor string     `json:"successor,omitempty" doc:"Of an ended unit: the code of the one that took it over."`
}

func toUnit(lang string, u directory.Unit) Unit {
	return Unit{u.Code, u.Name, string(u.Level), u.Level.Label().In(lang), u.Parent, u.GridType, maybe(u.To), u.Successor}
}

// Finding is something about one cell of a file.
type Finding struct {
	Line    int    `json:"line" doc:"As in a text editor, from 1; 0 = the whole file."`
	Column  string `json:"column,omitempty"`
	Value   string `json:"value,omitempty"`
	Code    string `json:"code" doc:"For programs."`
	Message string `json:"message" doc:"What is wrong and what to do."`
}

// ImportReport tells what an import did or would do.
type ImportReport struct {
	OK        bool           `json:"ok" doc:"False: the file has errors and nothing was imported."`
	DryRun    bool           `json:"dry_run"`
	Encoding  string         `json:"encoding,omitempty"`
	Rows      int            `json:"rows"`
	New       int            `json:"new"`
	Changed   int            `json:"changed"`
	Unchanged int            `json:"unchanged"`
	Levels    map[string]int `json:"levels,omitempty" doc:"Rows by level."`
	Errors    int            `json:"errors" doc:"All of them; findings holds the first 200."`
	Findings  []Finding      `json:"findings"`
	Hints     []Finding      `json:"hints" doc:"Odd, but imported."`
}

func toReport(lang string, r directory.Report) ImportReport {
	out := ImportReport{OK: r.Errors == 0, DryRun: r.DryRun, Encoding: r.Encoding, Rows: r.Rows, New: r.New, Changed: r.Changed, Unchanged: r.Unchanged,
		Errors: r.Errors, Findings: toFindings(lang, r.Findings), Hints: toFindings(lang, r.Hints)}
	for l, n := range r.Levels {
		if out.Levels == nil {
			out.Levels = map[string]int{}
		}
		out.Levels[string(l)] = n
	}
	return out
}

func toFindings(lang string, list []directory.Finding) []Finding {
	out := make([]Finding, len(list))
	for i, f := range list {
		out[i] = Finding{f.Line, f.Column, f.Value, string(f.Text.Key), f.Text.In(lang)}
	}
	return out
}

// importBody answers 200 for a clean file and 422 for one with errors, with the same report.
type importBody struct {
	Status int
	Body   ImportReport
}

func toImport(lang string, r directory.Report) *importBody {
	out := &importBody{http.StatusOK, toReport(lang, r)}
	if r.Errors > 0 {
		out.Status = http.StatusUnprocessableEntity
	}
	return out
}

type importInput struct {
	DryRun  bool   `query:"dry_run" doc:"Only check, write nothing."`
	RawBody []byte `contentType:"text/csv" doc:"The file: UTF-8 (with or without BOM) or GB18030."`
}

// importing allows large bodies, and declares the report that a file with errors is answered with.
func importing(op *huma.Operation) {
	op.MaxBodyBytes = directory.MaxImportBytes + 1
	op.BodyReadTimeout = 2 * time.Minute
	op.RequestBody = &huma.RequestBody{} // filled in by huma
	op.Responses = map[string]*huma.Response{
		"422": {
			Description: "The file has errors and nothing was imported.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/ImportReport"}}},
		},
		"default": {
			Description: "Error",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}},
		},
	}
}

type unitsInput struct {
	Parent string `query:"parent" maxLength:"20" doc:"Only units right below this one."`
	Level  string `query:"level" enum:"province,city,county,street,community,grid"`
	After  string `query:"after" maxLength:"20" doc:"Code after which the list goes on."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

type unitsBody struct {
	Body struct {
		Units []Unit `json:"units"`
		Next  string `json:"next,omitempty" doc:"Give it as after to go on; absent at the end."`
	}
}

// UnitDetail is an org unit with its place.
type UnitDetail struct {
	Unit
	Path []Unit `json:"path" doc:"The units above it, from the top."`
}

type staffingInput struct {
	Scope string `query:"scope" maxLength:"20" doc:"Only grids of this unit and below it."`
}

// Staffing is what the check found about one grid.
type Staffing struct {
	Grid       Unit   `json:"grid"`
	Households int    `json:"households"`
	OK         bool   `json:"ok"`
	Message    string `json:"message,omitempty" doc:"What to consider."`
}

type staffingBody struct {
	Body struct {
		Min     int        `json:"min"`
		Max     int        `json:"max"`
		Flagged int        `json:"flagged" doc:"Grids outside min to max."`
		Grids   []Staffing `json:"grids"`
	}
}

func (a *API) orgRoutes() {
	route(a, "org-import", "POST", "/v1/org/import", person, "Import org units from CSV (code,name,level,parent[,grid_type])",
		func(ctx context.Context, in *importInput) (*importBody, error) {
			if _, err := a.admin(ctx); err != nil {
				return nil, err
			}
			r, err := a.Directory.ImportOrg(ctx, bytes.NewReader(in.RawBody), in.DryRun)
			if err != nil {
				return nil, err
			}
			a.Log.Info().Bool("dry_run", r.DryRun).Int("rows", r.Rows).Int("new", r.New).Int("changed", r.Changed).Int("errors", r.Errors).Msg("org import")
			return toImport(language(ctx), r), nil
		}, importing)
	route(a, "org-list", "GET", "/v1/org", either, "List org units", a.units)
	route(a, "org-show", "GET", "/v1/org/{code}", either, "Show an org unit", a.unit)
	route(a, "staffing", "GET", "/v1/staffing", person, "Check the households of grids against the rule of 300 to 500", a.staffing)
}

func (a *API) units(ctx context.Context, in *unitsInput) (*unitsBody, error) {
	if _, err := a.me(ctx); err != nil {
		return nil, err
	}
	list, err := a.Directory.Units(ctx, directory.UnitFilter{Parent: in.Parent, Level: directory.Level(in.Level), After: in.After, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	var out unitsBody
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next = list[in.Limit-1].Code
	}
	out.Body.Units = make([]Unit, len(list))
	for i, u := range list {
		out.Body.Units[i] = toUnit(language(ctx), u)
	}
	return &out, nil
}

func (a *API) unit(ctx context.Context, in *struct {
	Code string `path:"code" maxLength:"20"`
}) (*struct{ Body UnitDetail }, error) {
	if _, err := a.me(ctx); err != nil {
		return nil, err
	}
	u, err := a.Directory.Unit(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	chain, err := a.Directory.Chain(ctx, u.Code)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body UnitDetail }{UnitDetail{Unit: toUnit(language(ctx), u), Path: []Unit{}}}
	for i := len(chain) - 1; i > 0; i-- {
		out.Body.Path = append(out.Body.Path, toUnit(language(ctx), chain[i]))
	}
	return out, nil
}

// staffing is for administrators, and for supervisors in their own units.
func (a *API) staffing(ctx context.Context, in *staffingInput) (*staffingBody, error) {
	r, err := a.me(ctx)
	if err != nil {
		return nil, err
	}
	if !r.Admin {
		if _, err = a.supervisor(ctx); err != nil {
			return nil, err
		}
	}
	list, err := a.Directory.Staffing(ctx, in.Scope, a.Households)
	if err != nil {
		return nil, err
	}
	mine := map[string]bool{}
	if !r.Admin {
		scopes, err := a.Directory.ConsoleScopes(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, s := range scopes {
			mine[s] = true
		}
	}
	var out staffingBody
	out.Body.Min, out.Body.Max, out.Body.Grids = directory.MinHouseholds, directory.MaxHouseholds, []Staffing{}
	for _, s := range list {
		if !r.Admin && !mine[s.Grid.Code] {
			continue
		}
		if !s.OK {
			out.Body.Flagged++
		}
		out.Body.Grids = append(out.Body.Grids, Staffing{toUnit(language(ctx), s.Grid), s.Households, s.OK, a.say(ctx, s.Text)})
	}
	return &out, nil
}
