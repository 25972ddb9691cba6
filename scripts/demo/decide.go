package main

import (
	"context"
	"fmt"
)

type conflictHead struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Record string `json:"record"`
	Label  string `json:"record_label"`
	Row    string `json:"row"`
	Cell   string `json:"cell"`
	Name   string `json:"cell_label"`
	Open   bool   `json:"open"`
}

type side struct {
	ID     *writeID `json:"id"`
	Author string   `json:"author_name"`
	Values []struct {
		Text string `json:"text"`
	} `json:"values"`
}

type writeID struct {
	Device string `json:"device"`
	N      int64  `json:"n"`
}

func (s *side) text() string {
	if len(s.Values) == 0 {
		return ""
	}
	return s.Values[0].Text
}

// decide: the supervisor looks at the queue and decides the conflict about the dispute's facts.
func (d *demo) decide(ctx context.Context) error {
	d.title("社区书记裁决冲突", "The supervisor decides")
	var session struct {
		Token string `json:"token"`
	}
	if err := d.centre.call(ctx, "POST", "/v1/login", map[string]string{"login": "supervisor", "password": d.people.password}, &session); err != nil {
		return err
	}
	d.centre.token = session.Token
	var list struct {
		Conflicts []conflictHead `json:"conflicts"`
	}
	if err := d.centre.call(ctx, "GET", "/v1/conflicts", nil, &list); err != nil {
		return err
	}
	seen := map[string]int{}
	var facts *conflictHead
	for i, c := range list.Conflicts {
		d.line("待办 %s：%s %s %s", "waiting %s: %s %s %s", c.ID, d.kind(c.Kind), c.Label, c.Name)
		seen[c.Kind+" "+c.Record+" "+c.Cell]++
		if c.Record == "dispute" && c.Cell == "facts" {
			facts = &list.Conflicts[i]
		}
	}
	for _, want := range []string{"cell dispute facts", "cell dispute risk_level", "duplicate dwelling ", "workflow wish "} {
		d.check(seen[want] == 1, "应有 1 个冲突：%s", "there should be one conflict: %s", want)
	}
	if facts == nil {
		return fmt.Errorf("no conflict about the dispute's facts")
	}
	var con struct {
		Standing side   `json:"standing"`
		Sides    []side `json:"candidates"`
		Epoch    int64  `json:"epoch"`
		ReadAt   int64  `json:"read_at"`
	}
	if err := d.centre.call(ctx, "GET", "/v1/conflicts/"+facts.ID, nil, &con); err != nil {
		return err
	}
	if len(con.Sides) != 1 || con.Sides[0].ID == nil {
		return fmt.Errorf("the conflict about the dispute's facts should have one candidate and has %d", len(con.Sides))
	}
	d.line("现值（%s）：%s", "stands (%s): %s", con.Standing.Author, con.Standing.text())
	d.line("候选（%s）：%s", "waits  (%s): %s", con.Sides[0].Author, con.Sides[0].text())
	body := map[string]any{"choice": "take", "take": con.Sides[0].ID, "shown": []*writeID{con.Sides[0].ID}, "epoch": con.Epoch, "read_at": con.ReadAt, "reason": "已向双方核实"}
	var decided struct {
		Verdict string `json:"verdict"`
		Open    bool   `json:"open"`
	}
	if err := d.centre.call(ctx, "POST", "/v1/conflicts/"+facts.ID+"/decision", body, &decided); err != nil {
		return err
	}
	d.check(!decided.Open, "裁决后冲突应关闭", "the conflict should be closed")
	for _, x := range d.people.all {
		if err := d.sync(ctx, x); err != nil {
			return err
		}
	}
	for _, x := range []*phone{d.people.worker[0], d.people.desk, d.people.tablet} {
		var got string
		if err := x.replica.QueryRow(ctx, "SELECT facts FROM dispute WHERE id = ?", string(morning.dispute)).Scan(&got); err != nil {
			return err
		}
		d.check(got == con.Sides[0].text(), "%s 应显示裁决结果", "%s should show the decision", x.name)
	}
	d.line("裁决：采用候选，理由“已向双方核实”；下一次同步后各设备显示同一文本，双方都收到通知", "decided: the candidate replaces it; after the next sync every device shows it, and both authors are told")
	return nil
}

func (d *demo) kind(k string) string {
	return map[string]string{
		"cell": d.say("同一内容两种写法", "two values for"), "delete": d.say("删除与修改", "deleted and edited"),
		"duplicate": d.say("重复登记", "entered twice"), "workflow": d.say("重复办理", "step taken twice"),
	}[k]
}
