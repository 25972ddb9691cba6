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
	"now.replaced":         {ZH: "后来被改写", EN: "replaced since"},
}
