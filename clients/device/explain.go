package device

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// reasons has one entry for every syncengine.Code: what happened, and what to do. %[1]s is the record type's label,
// %[2]s the column's.
var reasons = map[se.Code]sentence{
	se.CodeUnknownTable:     {zh: "中心没有“%[1]s”这种记录；请先同步，再升级应用后重新填写。", en: "The centre has no records of type %[1]s; sync, upgrade the app and enter it again."},
	se.CodeUnknownCell:      {zh: "“%[1]s”没有字段“%[2]s”；请先同步，再升级应用后重新填写。", en: "%[1]s has no column %[2]s at the centre; sync, upgrade the app and enter it again."},
	se.CodeBadRow:           {zh: "这条“%[1]s”的编号不对；请重新新建这条记录。", en: "This %[1]s record has an id that cannot be used; make the record anew."},
	se.CodeBadValue:         {zh: "“%[1]s”的“%[2]s”填写有误；请改正后重新保存。", en: "The %[2]s of %[1]s cannot be stored as it is; correct it and save again."},
	se.CodeMissing:          {zh: "“%[1]s”缺少必填的“%[2]s”；请补上后重新保存。", en: "%[1]s needs a %[2]s; fill it in and save again."},
	se.CodeTooLarge:         {zh: "这次保存的内容太多，中心没有接收；请分几次重新保存。", en: "This was too much at once for the centre; save it again in several steps."},
	se.CodeOutOfScope:       {zh: "这条“%[1]s”不在你负责的网格内；请检查所属网格，或交给负责的同事。", en: "This %[1]s record is not in a grid of yours; check its grid, or hand it to the colleague who has it."},
	se.CodeNoRight:          {zh: "你的岗位不能填写“%[1]s”的“%[2]s”；请找主管修改，或申请权限。", en: "Your role may not write the %[2]s of %[1]s; ask your supervisor to change it or for the right."},
	se.CodeCentralOnly:      {zh: "“%[1]s”的“%[2]s”由中心填写；请留空后重新保存。", en: "The %[2]s of %[1]s is filled in by the centre; leave it out and save again."},
	se.CodeAppendOnly:       {zh: "“%[1]s”登记后不能修改或删除；请作废后重新登记。", en: "%[1]s cannot be changed or deleted once recorded; void it and record a new one."},
	se.CodeUnknownReference: {zh: "“%[1]s”的“%[2]s”指向中心没有的记录；请重新选择后保存。", en: "The %[2]s of %[1]s points to a record that the centre does not have; choose it again and save."},
	se.CodeBadStep:          {zh: "“%[1]s”现在的状态不能办理这一步；请同步后查看最新进展，再办理。", en: "This step is not possible in the present state of %[1]s; sync, look where the case stands, then take the next step."},
	se.CodeBadDecision:      {zh: "这项冲突已经有人处理，或所选办法不适用；请同步后重新查看。", en: "This conflict was decided already, or the choice does not fit it; sync and look again."},
	se.CodeBaseAhead:        {zh: "本机的同步位置超前于中心；请再同步一次，如仍这样请联系管理员。", en: "This replica is ahead of the centre; sync once more, and call the administrator if it stays so."},
	se.CodeWrongAuthor:      {zh: "这些记录不是登记本机的人填写的；请用本人的设备重新填写。", en: "This was written by somebody else than this device is enrolled for; enter it on that person's device."},
	se.CodeGrantEnded:       {zh: "你在这个网格的工作已经结束，这些记录由主管决定是否收下；请等待结果，无需重新填写。", en: "Your work in this grid has ended, so a supervisor decides about this; there is nothing to enter again."},
	se.CodeDeviceRevoked:    {zh: "本机已被停用，这些内容已完整交给中心，由主管决定是否收下；请联系主管。", en: "This device has been revoked; what it had not sent is at the centre, whole, and a supervisor decides about it."},
	se.CodeAwaits:           {zh: "这条“%[1]s”要等另一条记录到达中心后才能收下；请等待，或重新填写缺少的那条记录。", en: "This %[1]s record waits for another one to reach the centre; wait, or enter the missing one again."},
	se.CodeQuota:            {zh: "这里已经放满，没有收下；请联系社区清理或提高上限后再试，原内容保留在本机。", en: "There is no more room for this at the centre, so it was not taken; ask the supervisor to clear some or raise the limit, then retry. What you wrote is kept here."},
	se.CodeHandled:          {zh: "原来那次保存已经有人处理过了，这次不再收下；请同步后查看结果。", en: "What this was to replace has been dealt with already, so it was not taken; sync and look at the result."},
	se.CodeSalvage:          {zh: "中心恢复后缺少这条“%[1]s”，本机已把它交回，由主管决定是否收下；请等待结果，无需重新填写。", en: "The restored centre lacks this %[1]s record and this device gave it back; a supervisor decides about it, there is nothing to enter again."},
	se.CodeGone:             {zh: "中心恢复前收下的一次保存，本机已不再留有内容；请核对当天的记录，缺少的请重新填写。", en: "Something the centre took before it was restored is no longer on this device; check that day's records and enter again what is missing."},
	se.CodeInternal:         {zh: "中心处理这次保存时出错，内容完好地留在本机和中心；请联系管理员。", en: "The centre failed to process this; it is safe on this device and at the centre. Call the administrator."},
}

// Explain gives the sentence for a refusal: what happened and what to do, with record type and column by their labels.
// A code that is newer than this program gets a sentence too.
func Explain(s *schema.Schema, kind se.VerdictKind, why *se.Reason) schema.Label {
	t := s.Table(why.Table)
	table, column := schema.Label{ZH: why.Table, EN: why.Table}, schema.Label{ZH: why.Column, EN: why.Column}
	if t != nil {
		table = t.Label
		column = columnLabel(t, why.Column)
	}
	e, ok := reasons[why.Code]
	switch {
	case why.Code == se.CodeNoRight && why.Column == "" && why.Rule == "delete":
		e = sentence{zh: "你的岗位不能删除“%[1]s”；请找主管删除，或申请权限。", en: "Your role may not delete a %[1]s record; ask your supervisor to delete it or for the right."}
	case why.Code == se.CodeNoRight && why.Column == "" && why.Rule == "insert":
		e = sentence{zh: "你的岗位不能新建“%[1]s”；请找主管新建，或申请权限。", en: "Your role may not add a %[1]s record; ask your supervisor to add it or for the right."}
	case why.Code == se.CodeBadRow && why.Rule == "twice" && why.Column == schema.ColID:
		e = sentence{zh: "这次保存把同一条“%[1]s”写了两次；请升级应用后重新保存。", en: "The same %[1]s record was written twice in one save; upgrade the app and save again."}
	case why.Code == se.CodeBadRow && why.Rule == "twice":
		e = sentence{zh: "这次保存把同一条“%[1]s”的“%[2]s”写了两次；请升级应用后重新保存。", en: "The %[2]s of one %[1]s record was written twice in one save; upgrade the app and save again."}
	case !ok && kind == se.Parked:
		e = sentence{zh: "中心暂存了这次保存，等待处理；请同步查看结果，或联系主管。", en: "The centre keeps this for later; sync to see what became of it, or ask your supervisor."}
	case !ok:
		e = sentence{zh: "中心没有接收这次保存；请升级应用查看原因，或联系主管。", en: "The centre did not take this; upgrade the app to see why, or ask your supervisor."}
	}
	return schema.Label{ZH: fill(e.zh, table.In("zh-CN"), column.In("zh-CN")), EN: fill(e.en, table.In("en"), column.In("en"))}
}

// ExplainChangeset is Explain for who has the changeset that was refused: where the declarations have a sentence of
// their own about the value, that is given.
func ExplainChangeset(s *schema.Schema, kind se.VerdictKind, cs *se.Changeset, why *se.Reason) schema.Label {
	if l, ok := precise(s, cs, why); ok {
		return l
	}
	return Explain(s, kind, why)
}

// precise gives the column's own sentence about the value that was refused, where this device's declarations have one.
func precise(s *schema.Schema, cs *se.Changeset, why *se.Reason) (schema.Label, bool) {
	t := s.Table(why.Table)
	if t == nil || why.Code != se.CodeBadValue {
		return schema.Label{}, false
	}
	cell, col, ok := place(t, why.Column)
	if !ok {
		return schema.Label{}, false
	}
	for _, c := range cs.Changes {
		if c.Table != why.Table || c.Row != why.Row {
			continue
		}
		for _, w := range c.Cells {
			if w.Cell != t.Cells[cell].Name {
				continue
			}
			if p := wrongIn(s, t, t.Cells[cell].Columns[col], col, &w); p != nil {
				return schema.Label{ZH: p.ZH, EN: p.EN}, true
			}
		}
	}
	return schema.Label{}, false
}

// wrongIn gives what is wrong with the value of one column in a write, or with an element that it adds to a set; nil if the
// declarations here find nothing.
func wrongIn(s *schema.Schema, t *schema.Table, c *schema.Column, i int, w *se.CellWrite) *schema.Problem {
	if i < len(w.Values) {
		return s.CheckValue(t, c, w.Values[i])
	}
	for _, x := range w.In {
		if p := s.CheckElement(t, c, x); p != nil {
			return p
		}
	}
	return nil
}

// fill puts the labels into a sentence that names one, both or none.
func fill(sentence, table, column string) string {
	return fmt.Sprintf(sentence+"%[3]s", table, column, "")
}

// columnLabel gives the label of a column, or of the columns of a cell; of the row if neither is named.
func columnLabel(t *schema.Table, name string) schema.Label {
	if c := t.Column(name); c != nil {
		return c.Label
	}
	c := t.Cell(name)
	if c == nil {
		if name == "" {
			return schema.Label{ZH: "内容", EN: "content"}
		}
		return schema.Label{ZH: name, EN: name}
	}
	var out schema.Label
	for i, col := range c.Columns {
		if i > 0 {
			out.ZH += "、"
			out.EN += ", "
		}
		out.ZH += col.Label.In("zh-CN")
		out.EN += col.Label.In("en")
	}
	return out
}
