package cli

import "github.com/doorstep-sync/doorstep/schema"

// catalogue holds every sentence that the command line says itself, zh-CN first. Verbs are numbered where the two
// languages need another order.
var catalogue = merged(errorTexts, resultTexts, helpTexts)

func merged(parts ...map[string]schema.Label) map[string]schema.Label {
	out := map[string]schema.Label{}
	for _, p := range parts {
		for k, v := range p {
			out[k] = v
		}
	}
	return out
}

// errorTexts name what was wrong and say what to do.
var errorTexts = map[string]schema.Label{
	"failed":      {ZH: "没有完成：%s。请检查后重试。", EN: "This did not work: %s. Check it and try again."},
	"interrupted": {ZH: "已中断；已保存的内容不受影响，请重新执行。", EN: "Interrupted; what was saved is safe. Run it again."},
	"column":      {ZH: "%s：%s（规则：%s）", EN: "%s: %s (rule: %s)"},
	"usage_hint":  {ZH: "用法：%s\n帮助：%s --help", EN: "Usage: %s\nHelp: %s --help"},

	"flag_unknown":       {ZH: "没有选项“%s”；请检查拼写。", EN: "There is no flag %q; check the spelling."},
	"flag_value_missing": {ZH: "选项“%s”后面缺少值；请补上。", EN: "Flag %q needs a value; add it."},
	"flag_value":         {ZH: "选项 --%s 不能取“%s”；请改正。", EN: "Flag --%s cannot be %q; correct it."},
	"flag_syntax":        {ZH: "选项“%s”的写法不对；请写成 --名称=值。", EN: "Flag %q is not written well; write --name=value."},
	"flag_missing":       {ZH: "缺少选项 --%s；请补上。", EN: "Flag --%s is missing; add it."},
	"lang_unknown":       {ZH: "没有语言“%s”；请用 zh-CN 或 en。", EN: "There is no language %q; use zh-CN or en."},
	"command_unknown":    {ZH: "没有命令“%s”；可用的有：%s。", EN: "There is no command %q; there are: %s."},
	"command_missing":    {ZH: "“%s”后面要写子命令：%s。", EN: "%q needs one of these commands: %s."},
	"args_few":           {ZH: "参数不够：至少 %d 个，现有 %d 个；请补上。", EN: "Too few arguments: at least %d are needed and there are %d; add them."},
	"args_many":          {ZH: "多了参数“%s”；请删去。", EN: "Argument %q is one too many; remove it."},
	"limit_range":        {ZH: "--limit 应在 1 到 100000 之间，不能是 %d；请改正。", EN: "--limit must be between 1 and 100000 and is %d; correct it."},
	"read_at_form":       {ZH: "--read-at 应写成“纪元:序号”，如 show 所示的 1:42，不能是“%s”；请改正。", EN: "--read-at is written epoch:seq as show prints it, such as 1:42, not %q; correct it."},

	"schema_bad":       {ZH: "文件夹“%s”里的声明有误：%s\n请改正后重试。", EN: "The declarations in folder %q are faulty: %s\nCorrect them and try again."},
	"no_table":         {ZH: "没有记录类型“%s”；可用的有：%s。", EN: "There is no record type %q; there are: %s."},
	"no_column":        {ZH: "“%[1]s”没有字段“%[2]s”；可填写的有：%[3]s。", EN: "%[1]s has no column %[2]q; you may write: %[3]s."},
	"column_twice":     {ZH: "字段 %s 写了两次；请只写一次。", EN: "Column %s is given twice; give it once."},
	"assignment_form":  {ZH: "“%s”应写成“字段=值”；请改正。", EN: "%q must be written as column=value; correct it."},
	"operation_unfit":  {ZH: "字段 %s 在这里不能用 += 或 -=；请写成“字段=值”。", EN: "Column %s takes no += or -= here; write column=value."},
	"operation_empty":  {ZH: "字段 %s 的 += 或 -= 后面是空的；请补上。", EN: "There is nothing after += or -= of column %s; add it."},
	"no_replica":       {ZH: "这里没有副本文件“%s”；请用 --replica 指定，或先执行 doorstep enrol 登记本机。", EN: "There is no replica file %q here; name it with --replica, or enrol this device first with doorstep enrol."},
	"replica_no_file":  {ZH: "“%s”不是文件；请用 --replica 指定副本文件。", EN: "%q is not a file; name the replica with --replica."},
	"replica_not_made": {ZH: "无法建立副本文件“%s”；请检查文件夹是否存在、是否可写。", EN: "The replica file %q cannot be made; check that its folder exists and may be written."},
	"not_enrolled":     {ZH: "这个副本还没有登记；请向管理员索取登记码，执行 doorstep enrol。", EN: "This replica is not enrolled yet; ask the administrator for a code and run doorstep enrol."},
	"server_form":      {ZH: "中心地址“%s”不对；请写成 https://centre.example 的样子。", EN: "%q is no address of a centre; write it like https://centre.example."},
	"text_long":        {ZH: "%s 最多 %d 个字，现有 %d 个；请缩短。", EN: "%s may have %d characters and has %d; shorten it."},
	"id_form":          {ZH: "“%s”不是记录编号；请写编号的开头几位，只含 0-9、a-f 和 -。", EN: "%q is no id; write the beginning of one: only 0-9, a-f and -."},
	"id_unknown":       {ZH: "本机没有编号以 %[2]s 开头的“%[1]s”；请先同步，或检查编号。", EN: "This device holds no %[1]s whose id begins with %[2]s; sync first, or check the id."},
	"id_ambiguous":     {ZH: "有多条“%s”的编号以 %s 开头；请多写几位。", EN: "More than one %s has an id that begins with %s; write more of it."},
	"number_form":      {ZH: "“%s”不是变更集的号码；请写 doorstep rejected 列出的号码。", EN: "%q is no number of a changeset; write one that doorstep rejected lists."},
	"rejected_unknown": {ZH: "没有号码为 %d 的待处理退回；请看 doorstep rejected。", EN: "No refused changeset with number %d waits for you; see doorstep rejected."},
	"retry_parked":     {ZH: "变更集 %d 还由中心保管，等主管处理；请等待结果。", EN: "Changeset %d is kept at the centre until a supervisor decides; wait for the result."},
	"retry_newer":      {ZH: "变更集 %d 含有本程序不认识的记录类型；请升级后再重试。", EN: "Changeset %d has record types that this program does not know; upgrade it and try again."},
	"sync_refused":     {ZH: "有 %d 个变更集被中心退回；请看 doorstep rejected，按提示处理。", EN: "The centre refused %d changesets; see doorstep rejected for what to do."},

	"rule.bad_bool":     {ZH: "“%s”只能是“是”或“否”；请改正。", EN: "%q can only be yes or no; correct it."},
	"rule.whole_number": {ZH: "“%s”应为整数，如 3；请改正。", EN: "%q must be a whole number such as 3; correct it."},
	"rule.number":       {ZH: "“%s”应为数字，如 3.5；请改正。", EN: "%q must be a number such as 3.5; correct it."},
	"rule.bad_time":     {ZH: "“%s”应为时间，如 2026-03-05 08:30 或 2026-03-05T08:30:00+08:00；请改正。", EN: "%q must be a time such as 2026-03-05 08:30 or 2026-03-05T08:30:00+08:00; correct it."},
	"rule.bad_set":      {ZH: "“%s”应为逗号分隔的列表或 JSON 数组；请改正。", EN: "%q must be a list with commas or a JSON array; correct it."},
	"rule.hexadecimal":  {ZH: "“%s”是密文，应为十六进制；请改正。", EN: "%q holds ciphertext, in hexadecimal; correct it."},
	"rule.code":         {ZH: "“%s”里没有这个选项；可用的有：", EN: "%q has no such code; there are: "},
	"rule.code_retired": {ZH: "“%s”的这个选项已停用；可用的有：", EN: "This code of %q is no longer used; there are: "},
	"rule_codes":        {ZH: "%s。", EN: "%s."},
	"more":              {ZH: "另有 %d 项", EN: "%d more"},
}

// resultTexts tell what a command found or did.
var resultTexts = map[string]schema.Label{
	"version": {ZH: "敲门 doorstep %s", EN: "doorstep %s"},
	"yes":     {ZH: "是", EN: "yes"},
	"no":      {ZH: "否", EN: "no"},
	"comma":   {ZH: "、", EN: ", "},
	"never":   {ZH: "从未", EN: "never"},
	"id":      {ZH: "编号", EN: "id"},
	"sealed":  {ZH: "密文 %d 字节", EN: "sealed, %d bytes"},

	"mark.saved":    {ZH: "已保存在本机，待发送", EN: "saved on this device, to be sent"},
	"mark.received": {ZH: "中心已裁定，结果在路上", EN: "the centre has decided, its rows are on their way"},
	"mark.done":     {ZH: "已同步", EN: "in step with the centre"},
	"mark.refused":  {ZH: "被退回，请看 doorstep rejected", EN: "refused, see doorstep rejected"},

	"saved_new":    {ZH: "%s 已新建%s %s", EN: "%s new %s %s"},
	"saved_set":    {ZH: "%s 已修改%s %s", EN: "%s changed %s %s"},
	"saved_delete": {ZH: "%s 已删除%s %s", EN: "%s deleted %s %s"},
	"saved_same":   {ZH: "%s %s %s 没有变化", EN: "%s %s %s is as it was"},

	"list_empty":   {ZH: "没有符合条件的%s。", EN: "No %s matches."},
	"list_more":    {ZH: "只列出前 %d 条；要看更多请加大 --limit 或加上条件。", EN: "Only the first %d; raise --limit or add a condition to see more."},
	"show_read_at": {ZH: "读取位置 %s", EN: "read at %s"},
	"derived":      {ZH: "由步骤得出", EN: "derived from steps"},
	"required":     {ZH: "必填", EN: "required"},

	"level.grid":      {ZH: "网格", EN: "grid"},
	"level.community": {ZH: "社区", EN: "community"},
	"level.street":    {ZH: "街道", EN: "street"},
	"level.county":    {ZH: "县", EN: "county"},

	"enrolled":       {ZH: "已登记。副本：%s\n密钥：%s（请与副本一起妥善保管）", EN: "Enrolled. Replica: %s\nKey: %s (keep it safe, beside the replica)"},
	"synced":         {ZH: "已同步：发送 %d 个变更集%s，收到 %d 行，位置 %s。", EN: "In step: %d changesets sent%s, %d rows in, at %s."},
	"verdict_count":  {ZH: "，%s %d", EN: ", %s %d"},
	"sync_conflicts": {ZH: "有 %d 处冲突等主管裁定；详见 doorstep conflicts。", EN: "%d conflicts wait for a supervisor; see doorstep conflicts."},

	"verdict.accepted":                {ZH: "采纳", EN: "accepted"},
	"verdict.accepted_with_conflicts": {ZH: "采纳但有冲突", EN: "accepted with conflicts"},
	"verdict.merged":                  {ZH: "合并", EN: "merged"},
	"verdict.rejected":                {ZH: "退回", EN: "rejected"},
	"verdict.parked":                  {ZH: "暂存", EN: "parked"},

	"watching":       {ZH: "正在守候；按 Ctrl-C 结束。", EN: "Watching; end with Ctrl-C."},
	"watch_over":     {ZH: "已结束。", EN: "Ended."},
	"watch_progress": {ZH: "%d%%，%d 行", EN: "%d%%, %d rows"},
	"watch_more":     {ZH: "……还有更多，请用 doorstep list 查看。", EN: "… and more; see doorstep list."},
	"watch_retry":    {ZH: "%s 后重试。", EN: "Next try in %s."},

	"status.replica":         {ZH: "副本", EN: "replica"},
	"status.device":          {ZH: "设备", EN: "device"},
	"status.centre":          {ZH: "中心", EN: "centre"},
	"status.last_sync":       {ZH: "上次同步", EN: "last in step"},
	"status.cursor":          {ZH: "位置", EN: "cursor"},
	"status.grant":           {ZH: "岗位", EN: "grant"},
	"status.waiting":         {ZH: "○ 有 %d 个变更集待发送，最早的写于 %s。", EN: "○ %d changesets wait to be sent, the oldest from %s."},
	"status.nothing_waiting": {ZH: "● 没有待发送的内容。", EN: "● Nothing waits to be sent."},
	"status.unsealed":        {ZH: "○ 其他程序写入了内容，下次同步时发送。", EN: "○ Other programs have written; the next sync sends it."},
	"status.refused":         {ZH: "! 有 %d 个变更集被退回；请看 doorstep rejected。", EN: "! %d changesets were refused; see doorstep rejected."},
	"status.conflicts":       {ZH: "有 %d 处冲突等主管裁定；详见 doorstep conflicts。", EN: "%d conflicts wait for a supervisor; see doorstep conflicts."},

	"conflicts_none":   {ZH: "没有冲突。", EN: "No conflicts."},
	"conflicts_hint":   {ZH: "冲突由主管裁定，各方写的内容都会保留到那时。", EN: "A supervisor decides conflicts; until then everything that was written is kept."},
	"conflict_open":    {ZH: "待裁定", EN: "open"},
	"conflict_decided": {ZH: "已裁定：%s", EN: "decided: %s"},
	"kind.cell":        {ZH: "同时修改", EN: "edited at once"},
	"kind.delete":      {ZH: "删除与修改", EN: "deleted and edited"},
	"kind.duplicate":   {ZH: "可能重复", EN: "possible duplicate"},
	"kind.workflow":    {ZH: "步骤冲突", EN: "steps at once"},
	"choice.":          {ZH: "已结束", EN: "ended"},
	"choice.keep":      {ZH: "保留现值", EN: "keep what stands"},
	"choice.take":      {ZH: "采用另一方", EN: "take the other"},
	"choice.set":       {ZH: "另定新值", EN: "a new value"},
	"choice.both":      {ZH: "两者都留", EN: "both stay"},
	"choice.renumber":  {ZH: "排到最后一步之后", EN: "numbered after the last step"},

	"rejected_none":      {ZH: "没有被退回的内容。", EN: "Nothing was refused."},
	"rejected_hint":      {ZH: "改正后重发：doorstep rejected retry 号码 字段=值 …；不再需要：doorstep rejected dismiss 号码", EN: "Send again, corrected: doorstep rejected retry N column=value …; not needed any more: doorstep rejected dismiss N"},
	"rejected_dismissed": {ZH: "变更集 %d 已处理，内容仍留在副本里（doorstep rejected --all）。", EN: "Changeset %d is dealt with; it stays in the replica (doorstep rejected --all)."},
	"rejected_retried":   {ZH: "变更集 %d 已重新写入：%s 变更集 %d，下次同步时发送。", EN: "Changeset %d is written again: %s changeset %d, to be sent with the next sync."},
	"op.update":          {ZH: "修改", EN: "change"},
	"op.insert":          {ZH: "新建", EN: "new"},
	"op.delete":          {ZH: "删除", EN: "delete"},
	"op.decide":          {ZH: "裁定", EN: "decide"},
}
