package cli

import "github.com/doorstep-sync/doorstep/schema"

// recoverTexts are about a damaged replica.
var recoverTexts = map[string]schema.Label{
	"help.recover":       {ZH: "副本文件损坏时：旧文件保留，可读的未发送记录转入新副本", EN: "After the replica was damaged: keep the old file, bring unsent work that can be read into a new one"},
	"recover_sound":      {ZH: "副本完好，什么也没有改变。", EN: "The replica is sound; nothing was done."},
	"recover_aside":      {ZH: "损坏的文件原样保留在 %s，请不要删除。", EN: "The damaged file is kept as it was: %s. Do not delete it."},
	"recover_unsent":     {ZH: "○ 已转入 %d 个未发送的变更集。", EN: "○ %d unsent {changeset was|changesets were} brought over."},
	"recover_refused":    {ZH: "! 已转入 %d 个被退回的变更集。", EN: "! %d refused {changeset was|changesets were} brought over."},
	"recover_lost":       {ZH: "! %d 个未发送的变更集读不出来（号码 %s）；若中心没有收到过，请重新填写，并把损坏的文件交给管理员。", EN: "! %d unsent {changeset|changesets} could not be read (number %s); where the centre has not had them, enter them again, and give the damaged file to the administrator."},
	"recover_again":      {ZH: "%d 个变更集的处理结果读不出来，会再向中心询问。", EN: "What became of %d {changeset|changesets} could not be read; the centre is asked again."},
	"recover_unsure":     {ZH: "%d 个早已处理的变更集没有留下记录（号码 %s）；一般不影响使用。", EN: "Nothing is left of %d {changeset|changesets} that had been dealt with (number %s); as a rule this changes nothing."},
	"recover_unreadable": {ZH: "未能读全：%s", EN: "Not read whole: %s"},
	"recover_next":       {ZH: "记录会在下次同步时重新下载：请执行 doorstep sync。", EN: "The records come anew with the next sync: run doorstep sync."},
}
