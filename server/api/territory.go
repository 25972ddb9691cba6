package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/server/territory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// TypeCount is how many records of a type.
type TypeCount struct {
	Record     string `json:"record"`
	RecordName string `json:"record_label"`
	Count      int    `json:"count"`
}

// LooseCount are the records of a type that belong to no door, and who wrote them.
type LooseCount struct {
	Record     string        `json:"record"`
	RecordName string        `json:"record_label"`
	Count      int           `json:"count"`
	Along      int           `json:"along" doc:"Those that the plan takes along."`
	Authors    []AuthorCount `json:"authors"`
}

// AuthorCount is how many of them one person wrote.
type AuthorCount struct {
	Account     string `json:"account"`
	AccountName string `json:"account_name"`
	Count       int    `json:"count"`
}

// PlanPerson is somebody with an assignment to the grid itself.
type PlanPerson struct {
	Account     string `json:"account"`
	AccountName string `json:"account_name"`
	Role        string `json:"role"`
	RoleName    string `json:"role_label"`
	Assignment  string `json:"assignment"`
	Doors       int    `json:"doors"`
	Moving      int    `json:"moving" doc:"His doors that move."`
	Effect      string `json:"effect" enum:"stays,moves,both,cut,loses_it" doc:"stays: nothing changes. moves: gets the target instead. both: gets the target too. cut: loses the doors that move. loses_it: merge, his grid is closed and he gets no other."`
}

// PlanPhone holds work that is not at the centre, or was not heard for seven days.
type PlanPhone struct {
	Device      string     `json:"device"`
	Account     string     `json:"account"`
	AccountName string     `json:"account_name"`
	Label       string     `json:"label"`
	LastContact *time.Time `json:"last_contact,omitempty"`
	Waiting     int64      `json:"waiting" doc:"Changesets without a verdict, as it said at that contact."`
	Oldest      *time.Time `json:"oldest_waiting,omitempty"`
	Silent      bool       `json:"silent"`
}

// PlanStaffing is a grid's households before and after.
type PlanStaffing struct {
	Grid     string `json:"grid"`
	GridName string `json:"grid_name"`
	Before   int    `json:"before"`
	After    int    `json:"after"`
	OK       bool   `json:"ok"`
	Message  string `json:"message,omitempty"`
}

// PlanReport is what a plan would do, found at one state of the centre.
type PlanReport struct {
	Seq         int64          `json:"seq"`
	Doors       int            `json:"doors" doc:"Doors that move."`
	DoorsLeft   int            `json:"doors_left"`
	Moves       []TypeCount    `json:"moves"`
	Loose       []LooseCount   `json:"loose" doc:"Records without a door: a split leaves them unless their authors are named in along; a merge takes all."`
	Shared      []string       `json:"shared" doc:"What doors of both grids are in then, such as a building: it stays, and is not shown in the target."`
	Stuck       []TypeCount    `json:"stuck" doc:"What you have no right to move; then the plan cannot be run."`
	Conflicts   int            `json:"conflicts" doc:"Open ones on what moves; they move along."`
	Cases       []TypeCount    `json:"cases" doc:"Cases that are not closed; they move with their steps."`
	Quarantined int            `json:"quarantined" doc:"Refused changesets about what moves."`
	People      []PlanPerson   `json:"people"`
	Phones      []PlanPhone    `json:"phones" doc:"Phones to synchronise first, of all people with a grant on the source."`
	PhonesAll   int            `json:"phones_all"`
	Staffing    []PlanStaffing `json:"staffing"`
}

// PlanRefusal is a record that could not be moved.
type PlanRefusal struct {
	Record     string `json:"record"`
	RecordName string `json:"record_label"`
	Row        string `json:"row"`
	Code       string `json:"code"`
}

// TerritoryPlan is a split or merge of grids.
type TerritoryPlan struct {
	ID          int64         `json:"id"`
	Kind        string        `json:"kind" enum:"split,merge"`
	Source      string        `json:"source"`
	SourceName  string        `json:"source_name"`
	Target      string        `json:"target"`
	TargetName  string        `json:"target_name"`
	TargetNew   bool          `json:"target_new" doc:"The target is made when the plan is run."`
	State       string        `json:"state" enum:"planned,running,done,failed"`
	PlannerName string        `json:"planner"`
	CreatedAt   time.Time     `json:"created_at"`
	RunnerName  string        `json:"runner,omitempty"`
	StartedAt   *time.Time    `json:"started_at,omitempty"`
	EndedAt     *time.Time    `json:"ended_at,omitempty"`
	NeedsAdmin  bool          `json:"needs_admin" doc:"It makes or closes a grid or changes assignments: an administrator runs it."`
	Items       int           `json:"items" doc:"Doors, and records without one: the rest follows them."`
	Waiting     int           `json:"waiting"`
	Moved       int           `json:"moved"`
	Needless    int           `json:"needless" doc:"Gone, or moved by somebody else before."`
	Refused     int           `json:"refused"`
	Refusals    []PlanRefusal `json:"refusals" doc:"The first 20."`
	Report      PlanReport    `json:"report" doc:"Of the dry run."`
}

type territoryInput struct {
	Body struct {
		Kind     string   `json:"kind" enum:"split,merge"`
		Source   string   `json:"source" maxLength:"20" doc:"Code of the grid that is split, or merged into the target and closed."`
		Target   string   `json:"target" maxLength:"20" doc:"Code of the grid that rows go to."`
		Name     string   `json:"name,omitempty" maxLength:"100" doc:"split: name of the target if it is to be made."`
		Doors    []string `json:"doors,omitempty" maxItems:"20000" doc:"split: ids of dwellings, or of buildings for all that are in them."`
		Along    []string `json:"along,omitempty" maxItems:"100" doc:"split: logins of people whose records without a door go too."`
		Stewards bool     `json:"stewards,omitempty" doc:"Who looks after doors that move keeps them: his assignment moves too."`
		Workers  []string `json:"workers,omitempty" maxItems:"100" doc:"Logins of people of the source who get their roles in the target too."`
	}
}

type planInput struct {
	ID int64 `path:"id" minimum:"1"`
}

type planBody struct{ Body TerritoryPlan }

type plansInput struct {
	Before int64 `query:"before" minimum:"0" doc:"As next of the page before."`
	Limit  int   `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type plansBody struct {
	Body struct {
		Plans []TerritoryPlan `json:"plans"`
		Next  int64           `json:"next,omitempty" doc:"Give it as before to go on; absent at the end."`
	}
}

type planRunInput struct {
	ID    int64 `path:"id" minimum:"1"`
	Steps int   `query:"steps" minimum:"1" maximum:"200" default:"50" doc:"At most so many changesets; call again while the plan is running."`
}

func (a *API) territoryRoutes() {
	route(a, "territory-plan", "POST", "/v1/territory/plans", person, "Plan a split or merge of grids; nothing moves yet", a.territoryPlan, made, func(op *huma.Operation) { op.MaxBodyBytes = 2 << 20 })
	route(a, "territory-list", "GET", "/v1/territory/plans", person, "List plans, newest first", a.territoryList)
	route(a, "territory-show", "GET", "/v1/territory/plans/{id}", person, "Show a plan, its dry run and how far it has come", a.territoryShow)
	route(a, "territory-run", "POST", "/v1/territory/plans/{id}/run", person, "Go on with a plan by some changesets; call it until the plan is done or failed", a.territoryRun)
	route(a, "territory-delete", "DELETE", "/v1/territory/plans/{id}", person, "Take back a plan that was not run", a.territoryDelete)
}

func (a *API) territoryPlan(ctx context.Context, in *territoryInput) (*planBody, error) {
	r, err := a.supervisor(ctx)
	if err != nil {
		return nil, err
	}
	b := &in.Body
	spec := territory.Spec{Kind: territory.Kind(b.Kind), Source: b.Source, Target: b.Target, Name: b.Name, Stewards: b.Stewards}
	for _, d := range b.Doors {
		if !directory.ValidUUID(d) {
			return nil, messages.Refuse(messages.BadDoor, shortened(d))
		}
		spec.Doors = append(spec.Doors, syncengine.RowID(d))
	}
	if spec.Along, err = a.accountsOf(ctx, b.Along); err != nil {
		return nil, err
	}
	if spec.Workers, err = a.accountsOf(ctx, b.Workers); err != nil {
		return nil, err
	}
	p, err := a.Territory.Create(ctx, r, spec)
	if err != nil {
		return nil, err
	}
	a.Log.Info().Int64("plan", p.ID).Str("kind", b.Kind).Str("source", b.Source).Str("target", b.Target).Int("items", p.Items.All).Str("by", r.Account.ID).Msg("territory planned")
	return a.planBody(ctx, p)
}

func shortened(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// accountsOf gives the accounts of logins, "" for one that there is not: the plan refuses it together with people who have
// nothing to do with its grid, once it is known that the grid is the planner's.
func (a *API) accountsOf(ctx context.Context, logins []string) (out []string, err error) {
	for _, login := range logins {
		x, err := a.Directory.AccountByLogin(ctx, login)
		if err != nil && !messages.Is(err, messages.NoAccount) {
			return nil, err
		}
		out = append(out, x.ID)
	}
	return out, nil
}

// plan reads a plan that the caller may see: he is an administrator, or works at the centre in its source.
func (a *API) plan(ctx context.Context, id int64) (directory.Rights, territory.Plan, error) {
	r, err := a.me(ctx)
	if err != nil {
		return r, territory.Plan{}, err
	}
	if !r.Admin {
		if r, err = a.supervisor(ctx); err != nil {
			return r, territory.Plan{}, err
		}
	}
	p, err := a.Territory.Get(ctx, id)
	if err == nil {
		var ok bool
		if ok, err = a.seesPlan(ctx, r, &p); err == nil && !ok {
			err = messages.Refuse(messages.NoPlan, id)
		}
	}
	return r, p, err
}

func (a *API) seesPlan(ctx context.Context, r directory.Rights, p *territory.Plan) (bool, error) {
	if r.Admin {
		return true, nil
	}
	covering, err := a.Directory.At(ctx, r, p.Spec.Source)
	return a.Directory.ConsoleAt(covering), err
}

func (a *API) territoryShow(ctx context.Context, in *planInput) (*planBody, error) {
	_, p, err := a.plan(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.planBody(ctx, p)
}

func (a *API) territoryList(ctx context.Context, in *plansInput) (*plansBody, error) {
	r, err := a.me(ctx)
	if err == nil && !r.Admin {
		r, err = a.supervisor(ctx)
	}
	if err != nil {
		return nil, err
	}
	list, err := a.Territory.List(ctx, in.Before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var out plansBody
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next = list[in.Limit-1].ID
	}
	out.Body.Plans = []TerritoryPlan{}
	for i := range list {
		ok, err := a.seesPlan(ctx, r, &list[i])
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		b, err := a.planBody(ctx, list[i])
		if err != nil {
			return nil, err
		}
		out.Body.Plans = append(out.Body.Plans, b.Body)
	}
	return &out, nil
}

// territoryRun lets the planner, or an administrator, go on with a plan. What moves is moved by the planner's console in
// either case; units and assignments are for administrators.
func (a *API) territoryRun(ctx context.Context, in *planRunInput) (*planBody, error) {
	r, p, err := a.plan(ctx, in.ID)
	switch {
	case err != nil:
		return nil, err
	case !r.Admin && p.Spec.Units():
		return nil, messages.Refuse(messages.PlanForAdmins)
	case !r.Admin && p.Planner != r.Account.ID:
		return nil, messages.Refuse(messages.PlanNotYours)
	}
	p, err = a.Territory.Step(ctx, in.ID, r.Account.ID, a.commitAll, in.Steps)
	if err != nil {
		return nil, err
	}
	if p.State != territory.Running {
		a.regranted()
	}
	a.Log.Info().Int64("plan", p.ID).Str("state", string(p.State)).Int("moved", p.Items.Moved).Int("waiting", p.Items.Waiting).
		Int("refused", p.Items.Refused).Str("by", r.Account.ID).Msg("territory run")
	return a.planBody(ctx, p)
}

func (a *API) territoryDelete(ctx context.Context, in *planInput) (*empty, error) {
	r, p, err := a.plan(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !r.Admin && p.Planner != r.Account.ID {
		return nil, messages.Refuse(messages.PlanNotYours)
	}
	return &empty{}, a.Territory.Delete(ctx, in.ID)
}

func (a *API) planBody(ctx context.Context, p territory.Plan) (*planBody, error) {
	accounts := []string{p.Planner, p.Runner}
	for _, l := range p.Report.Loose {
		for _, x := range l.Authors {
			accounts = append(accounts, x.Account)
		}
	}
	for _, x := range p.Report.People {
		accounts = append(accounts, x.Account)
	}
	for _, x := range p.Report.Phones {
		accounts = append(accounts, x.Account)
	}
	names, err := a.Directory.AccountNames(ctx, accounts)
	if err != nil {
		return nil, err
	}
	out := TerritoryPlan{
		ID: p.ID, Kind: string(p.Spec.Kind), Source: p.Spec.Source, Target: p.Spec.Target, State: string(p.State), PlannerName: names[p.Planner],
		CreatedAt: at(p.Created), RunnerName: names[p.Runner], StartedAt: maybe(p.Started), EndedAt: maybe(p.Ended), NeedsAdmin: p.Spec.Units(),
		Items: p.Items.All, Waiting: p.Items.Waiting, Moved: p.Items.Moved, Needless: p.Items.Needless, Refused: p.Items.Refused, Refusals: []PlanRefusal{},
	}
	for _, x := range p.Refused {
		out.Refusals = append(out.Refusals, PlanRefusal{x.Table, a.tableName(ctx, x.Table), string(x.Row), x.Code})
	}
	if out.SourceName, _, err = a.unitName(ctx, p.Spec.Source, ""); err != nil {
		return nil, err
	}
	if out.TargetName, out.TargetNew, err = a.unitName(ctx, p.Spec.Target, p.Spec.Name); err != nil {
		return nil, err
	}
	out.Report, err = a.planReport(ctx, &p.Report, names, out.TargetName)
	return &planBody{out}, err
}

// unitName is a unit's name; what is not there yet has the one that it will get.
func (a *API) unitName(ctx context.Context, code, will string) (name string, isNew bool, err error) {
	u, err := a.Directory.Unit(ctx, code)
	if messages.Is(err, messages.NoUnit) {
		return will, true, nil
	}
	return u.Name, false, err
}

func (a *API) tableName(ctx context.Context, table string) string {
	if t := a.Schema.Table(table); t != nil {
		return t.Label.In(language(ctx))
	}
	return table
}

func (a *API) typeCounts(ctx context.Context, list []territory.Count) []TypeCount {
	out := []TypeCount{}
	for _, x := range list {
		out = append(out, TypeCount{x.Table, a.tableName(ctx, x.Table), x.Rows})
	}
	return out
}

func (a *API) planReport(ctx context.Context, r *territory.Report, names map[string]string, target string) (PlanReport, error) {
	out := PlanReport{
		Seq: r.Seq, Doors: r.Doors, DoorsLeft: r.Left, Moves: a.typeCounts(ctx, r.Moves), Stuck: a.typeCounts(ctx, r.Stuck), Cases: a.typeCounts(ctx, r.Cases),
		Conflicts: r.Conflicts, Quarantined: r.Quarantined, PhonesAll: r.PhonesAll,
		Loose: []LooseCount{}, Shared: []string{}, People: []PlanPerson{}, Phones: []PlanPhone{}, Staffing: []PlanStaffing{},
	}
	for _, id := range r.Shared {
		out.Shared = append(out.Shared, string(id))
	}
	for _, l := range r.Loose {
		x := LooseCount{Record: l.Table, RecordName: a.tableName(ctx, l.Table), Count: l.Rows, Along: l.Goes, Authors: []AuthorCount{}}
		for _, w := range l.Authors {
			x.Authors = append(x.Authors, AuthorCount{w.Account, names[w.Account], w.Rows})
		}
		out.Loose = append(out.Loose, x)
	}
	for _, x := range r.People {
		label := schema.Label{ZH: x.Role, EN: x.Role}
		if role := a.Schema.Roles[x.Role]; role != nil {
			label = role.Label
		}
		out.People = append(out.People, PlanPerson{x.Account, names[x.Account], x.Role, label.In(language(ctx)), x.Assignment, x.Doors, x.Moving, string(x.Effect)})
	}
	for _, x := range r.Phones {
		out.Phones = append(out.Phones, PlanPhone{x.Device, x.Account, names[x.Account], x.Label, maybe(x.LastContact), x.Waiting, maybe(x.Oldest), x.Silent})
	}
	for _, x := range r.Staffing {
		name, _, err := a.unitName(ctx, x.Grid, target)
		if err != nil {
			return out, err
		}
		s := directory.Judge(directory.Unit{Code: x.Grid}, x.After)
		out.Staffing = append(out.Staffing, PlanStaffing{x.Grid, name, x.Before, x.After, s.OK, a.say(ctx, s.Text)})
	}
	return out, nil
}
