package cli

import "github.com/doorstep-sync/doorstep/schema"

// checkTexts are about comparing a replica with the centre, and what it may do without contact.
var checkTexts = map[string]schema.Label{
	"help.check":     {ZH: "现在就与中心核对本机的副本，不同之处按中心改正", EN: "Compare the replica with the centre now, and mend what differs"},
	"help.repairs":   {ZH: "核对时改正过哪些记录：原来是什么，改成了什么", EN: "What checks mended: what was there, and what is there now"},
	"flag.again":     {ZH: "即使因改正太多已停止核对，也再核对一次", EN: "check though checking has stopped for too many repairs"},
	"flag.fresh":     {ZH: "重新下载全部内容；未发送的内容不受影响", EN: "take everything anew; unsent work stays"},
	"check_offline":  {ZH: "连接不上中心，没有核对；有网络时请再执行 doorstep check。", EN: "The centre cannot be reached, so nothing was compared; run doorstep check again when there is a network."},
	"check_scopes":   {ZH: "已与中心核对 %d 个范围。", EN: "Compared %d {scope|scopes} with the centre."},
	"check_same":     {ZH: "● 没有不同。", EN: "● Nothing differs."},
	"check_repaired": {ZH: "%d 行与中心不同，已按中心改正。", EN: "%d {row|rows} differed from the centre and {was|were} mended."},
	"check_local":    {ZH: "%d 行显示的不是副本自己记下的内容，已改正。", EN: "%d {row|rows} did not show what the replica itself holds and {was|were} mended."},
	"check_kept":     {ZH: "被替换的内容没有丢，见 doorstep repairs；未发送的内容没有动过。", EN: "What was replaced is kept: see doorstep repairs. Unsent work was not touched."},
	"check_unmended": {ZH: "! 仍有内容与中心不同；请运行 doorstep sync --fresh 重新下载全部内容，未发送的记录不会丢失。若还不行，请联系管理员。", EN: "! Something differs still; run doorstep sync --fresh to take everything anew, unsent work stays. If that does not help, call the administrator."},
	"check_stopped":  {ZH: "! 一小时内改正太多，自动核对停止一天；请联系管理员查明原因（存储损坏，或有程序绕过记录写入）。", EN: "! Too many repairs within an hour: checking by itself stops for a day. Ask the administrator to find out why (failing storage, or a program that writes past the record)."},

	"repairs_none":    {ZH: "核对时没有改正过任何记录。", EN: "No check has mended anything."},
	"repairs_hint":    {ZH: "左边是本机原来的内容，右边是中心的；左边若是对的，请用 doorstep set 重新填写。", EN: "What this device held is on the left, what the centre holds on the right; where the left is true, write it again with doorstep set."},
	"repair.changed":  {ZH: "已改正", EN: "mended"},
	"repair.restored": {ZH: "本机缺失，已补回", EN: "was missing here, is back"},
	"repair.removed":  {ZH: "中心没有，已移除", EN: "is not at the centre, was removed"},
	"repair_local":    {ZH: "（由副本自己）", EN: " (by the replica itself)"},

	"status.checked":       {ZH: "上次核对", EN: "last compared"},
	"status.checked_same":  {ZH: "%s，没有不同", EN: "%s, nothing differed"},
	"status.checked_mend":  {ZH: "%s，改正 %d 行", EN: "%s, %d {row|rows} mended"},
	"status.checked_still": {ZH: "%s，仍有不同", EN: "%s, something differs still"},
	"status.repaired":      {ZH: "核对时共改正 %d 行；见 doorstep repairs。", EN: "Checks have mended %d {row|rows}; see doorstep repairs."},
	"status.locks":         {ZH: "若一直没有联系中心，本机的记录将在 %s 锁定（还有 %d 天）。", EN: "This replica locks on %s unless it has contact with the centre (%d {day|days} left)."},
	"status.locked":        {ZH: "! 太久没有联系中心，本机的记录已锁定；请联网执行 doorstep sync，未发送的内容都在。", EN: "! Too long without contact: the records here are locked. Connect and run doorstep sync; unsent work is safe."},
}
