package cli

import "github.com/doorstep-sync/doorstep/schema"

// peopleTexts are the sentences for the people who run a centre: history, audit, devices.
var peopleTexts = map[string]schema.Label{
	"help.history":         {ZH: "一条记录（或其中一项）写过什么：谁、何时、依据什么、结果如何", EN: "What was written to a record, or one column of it: who, when, having seen what, and what became of it"},
	"flag.reason_read":     {ZH: "为什么查看；若显示敏感内容，会记入中心的审计日志", EN: "why you read it; kept in the centre's audit log if it shows anything sensitive"},
	"id_whole":             {ZH: "“%s”不是完整的编号，而本机没有副本可供查找；请写全 36 位编号。", EN: "%q is not a whole id, and there is no replica here to look it up in; write all 36 characters."},
	"history_nothing":      {ZH: "没有您能看到的历史。", EN: "There is no history that you may see."},
	"history_received":     {ZH: "收到 %s", EN: "received %s"},
	"history_device_clock": {ZH: "（时钟可疑，设备上是 %s）", EN: " (suspect clock; the device said %s)"},
	"history_base":         {ZH: "依据 %s", EN: "base %s"},
	"fate.stands":          {ZH: "采纳", EN: "taken"},
	"fate.won":             {ZH: "与他人同时写，采纳此项", EN: "written at once with another, this one taken"},
	"fate.converged":       {ZH: "与已有内容相同", EN: "equal to what stood"},
	"fate.combined":        {ZH: "已累加", EN: "added"},
	"fate.candidate":       {ZH: "列为候选", EN: "became a candidate"},
	"fate.lost":            {ZH: "未采用，只留在历史里", EN: "not taken, in history only"},
	"now.stands":           {ZH: "现在就是它", EN: "stands now"},
	"now.waits":            {ZH: "待裁定", EN: "waits for a decision"},
	"help.audit":           {ZH: "审计", EN: "Audit"},
	"help.audit_verify":    {ZH: "离线核验中心导出的历史和审计日志，指出第一处不对的地方", EN: "Verify an export of history and audit log without a centre; names the first entry that is not as it was written"},
	"flag.anchor":          {ZH: "锚点文件，可多个；末尾被截去或整链重做只有靠它才能发现", EN: "file of anchors, may be repeated; an end cut off or a chain made anew is found only with one"},
	"file_unreadable":      {ZH: "读不到文件“%s”；请检查路径和权限。", EN: "The file %q cannot be read; check path and permissions."},
	"anchor_bad":           {ZH: "“%s”不是锚点文件；请用 doorstepd 写在 anchors.folder 里的文件。", EN: "%q is no file of anchors; give one that doorstepd wrote into anchors.folder."},
	"audit_database":       {ZH: "“%s”是数据库；请在有 doorstepd 的机器上执行 doorstepd audit verify %s。", EN: "%q is a database; run doorstepd audit verify %s where doorstepd is."},
	"audit_clean":          {ZH: "完好：历史 %d 条，到 %d:%d；审计日志 %d 行；符合 %d 个锚点。", EN: "In order: %d entries of history, up to %d:%d; %d lines of the audit log; %d anchors met."},
	"audit_no_anchor":      {ZH: "没有给出锚点：末尾若被截去，看不出来。", EN: "No anchor was given: an end that was cut off cannot be told."},
	"audit_bad":            {ZH: "“%s”第 %d 行不对（%s第 %d 条）：%s。从这里起都不可信；请与其他备份核对。", EN: "%q is not as the centre wrote it, first in line %d (%s, entry %d): %s. Nothing from there on is to be relied upon; compare with other backups."},
	"audit_log.history":    {ZH: "历史", EN: "history"},
	"audit_log.audit":      {ZH: "审计日志", EN: "audit log"},
	"audit_log.file":       {ZH: "文件", EN: "the file itself"},
	"audit_changed":        {ZH: "内容被改动", EN: "it was changed"},
	"audit_cut":            {ZH: "末尾被截去", EN: "the end was cut off"},
	"audit_anew":           {ZH: "与锚点不符，从这里或更早起整链被重做", EN: "it differs from the anchor: from here or earlier the chain was made anew"},
	"audit_order":          {ZH: "缺了、换了位置或多了一条", EN: "something is missing here, was moved, or was put in"},
	"now.replaced":         {ZH: "后来被改写", EN: "replaced since"},
}
