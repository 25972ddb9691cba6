package cli

import "github.com/doorstep-sync/doorstep/schema"

// helpTexts are the help: a line for each command and flag.
var helpTexts = map[string]schema.Label{
	"usage_template": {
		ZH: `用法：
  {{if .Runnable}}{{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} 命令{{end}}{{if .HasAvailableSubCommands}}

命令：{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

选项：
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

通用选项：
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`,
		EN: `Usage:
  {{if .Runnable}}{{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Common flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`},

	"help.root":             {ZH: "敲门：离线优先的社区记录同步", EN: "Doorstep: offline-first records of a neighbourhood"},
	"help.help":             {ZH: "显示某个命令的帮助", EN: "Help about a command"},
	"help.completion":       {ZH: "生成命令行补全脚本", EN: "Make a completion script for a shell"},
	"help.version":          {ZH: "显示版本", EN: "Print the version"},
	"help.enrol":            {ZH: "用登记码登记本机，建立副本并首次同步", EN: "Enrol this device with a code: makes key and replica and gets the first snapshot"},
	"help.status":           {ZH: "副本的状态：待发送、退回、冲突、位置", EN: "Where the replica stands: waiting, refused, conflicts, cursor"},
	"help.sync":             {ZH: "与中心同步一次", EN: "Get in step with the centre once"},
	"help.watch":            {ZH: "保持连接，显示收到的内容，直到 Ctrl-C", EN: "Stay connected and print what comes in, until Ctrl-C"},
	"help.new":              {ZH: "新建一条记录", EN: "Make a record"},
	"help.set":              {ZH: "修改一条记录；集合和累计数还可用 字段+=值、字段-=值", EN: "Change a record; sets and sums also take column+=value and column-=value"},
	"help.delete":           {ZH: "删除一条记录", EN: "Delete a record"},
	"help.list":             {ZH: "列出记录", EN: "List records"},
	"help.show":             {ZH: "显示一条记录", EN: "Show a record"},
	"help.conflicts":        {ZH: "本机内容涉及的冲突", EN: "Conflicts that work of this device is in"},
	"help.rejected":         {ZH: "被中心退回的内容，以及怎么办", EN: "What the centre refused, and what to do"},
	"help.rejected_retry":   {ZH: "改正后重新写入被退回的变更集；字段=值 改退回所指的记录，编号开头.字段=值 改其中任一记录", EN: "Write a refused changeset again, corrected: column=value for the record that the refusal names, ROWPREFIX.column=value for any of its records"},
	"help.rejected_dismiss": {ZH: "不再处理被退回的变更集", EN: "Be done with a refused changeset"},
	"help.tables":           {ZH: "记录类型和字段", EN: "Record types and their columns"},

	"help.login":              {ZH: "登录中心（密码从提示、--password-file 或标准输入读取）", EN: "Sign in at the centre (password from a prompt, --password-file or standard input)"},
	"help.logout":             {ZH: "退出登录", EN: "Sign out"},
	"help.whoami":             {ZH: "我是谁，有哪些岗位", EN: "Who is signed in, and with which roles"},
	"help.bootstrap":          {ZH: "用一次性管理员代码建立第一个管理员", EN: "Make the first administrator with the one-time code"},
	"help.org":                {ZH: "组织单位", EN: "Org units"},
	"help.org_import":         {ZH: "从 CSV 导入组织单位（code,name,level,parent）", EN: "Import org units from CSV (code,name,level,parent)"},
	"help.org_list":           {ZH: "列出组织单位", EN: "List org units"},
	"help.org_show":           {ZH: "显示一个组织单位及其上级", EN: "Show an org unit and those above it"},
	"help.staffing":           {ZH: "检查各网格户数是否在规定范围内", EN: "Check the households of grids against the rule"},
	"help.account":            {ZH: "账号", EN: "Accounts"},
	"help.account_create":     {ZH: "新建账号", EN: "Make an account"},
	"help.account_list":       {ZH: "列出账号", EN: "List accounts"},
	"help.account_disable":    {ZH: "停用账号及其所有设备", EN: "Disable an account and all its devices"},
	"help.account_password":   {ZH: "设置账号的密码，解除锁定", EN: "Set an account's password and lift its lock"},
	"help.account_import":     {ZH: "从 CSV 导入账号和任命（login,name,role,scope）", EN: "Import accounts and assignments from CSV (login,name,role,scope)"},
	"help.assign":             {ZH: "任命：谁在哪里做什么", EN: "Assignments: who has which role where"},
	"help.assign_create":      {ZH: "给一个人任命岗位", EN: "Give a person a role"},
	"help.assign_list":        {ZH: "列出任命", EN: "List assignments"},
	"help.assign_end":         {ZH: "结束一项任命", EN: "End an assignment now"},
	"help.device":             {ZH: "设备", EN: "Devices"},
	"help.device_list":        {ZH: "列出设备", EN: "List devices"},
	"help.device_erase":       {ZH: "清除一台设备：先交出未发送的内容，再清除记录和密钥", EN: "Erase a device: it hands over what it has not sent, then its records and key go"},
	"help.device_revoke":      {ZH: "停用一台设备", EN: "Revoke a device"},
	"help.device_minimum":     {ZH: "显示或设置仍然服务的最低版本", EN: "Show or set the oldest version that is still served"},
	"help.code":               {ZH: "登记码", EN: "Enrolment codes"},
	"help.code_create":        {ZH: "为账号的一台设备生成登记码（只显示一次）", EN: "Make an enrolment code for one device of an account (shown once)"},
	"help.conflict":           {ZH: "裁定冲突（主管）", EN: "Decide conflicts (supervisors)"},
	"help.conflict_list":      {ZH: "列出我辖区内的冲突", EN: "List conflicts in my units"},
	"help.conflict_show":      {ZH: "并排显示各方写了什么", EN: "Show side by side what was written"},
	"help.conflict_decide":    {ZH: "裁定：保留、采用、恢复、另定、都留、合并、拆开或重新编号", EN: "Decide: keep, take, restore, set, both, merge, split or renumber"},
	"help.quarantine":         {ZH: "处理被退回和暂存的变更集（主管）", EN: "Deal with refused and parked changesets (supervisors)"},
	"help.quarantine_list":    {ZH: "列出我辖区内被退回和暂存的变更集", EN: "List refused and parked changesets in my units"},
	"help.quarantine_show":    {ZH: "显示一个变更集写了什么、为何没有采纳", EN: "Show what a changeset writes and why it was not taken"},
	"help.quarantine_release": {ZH: "采纳一个暂存的变更集，按填写人原来的内容和时间", EN: "Let a parked changeset take effect, as its author made it"},
	"help.quarantine_dismiss": {ZH: "驳回一个变更集，理由告知填写人", EN: "Close a changeset; its author is told why"},
	"help.quarantine_export":  {ZH: "把整个变更集写成 JSON 文件（- 为标准输出）", EN: "Write the whole changeset into a JSON file (- is standard output)"},

	"flag.login":                {ZH: "登录名", EN: "login"},
	"flag.name":                 {ZH: "姓名", EN: "name of the person"},
	"flag.admin_code":           {ZH: "一次性管理员代码，由中心启动时显示", EN: "one-time administrator code that the centre prints"},
	"flag.password_file":        {ZH: "从文件第一行读密码；- 为标准输入", EN: "read the password from a file's first line; - is standard input"},
	"flag.account_id":           {ZH: "中心丢失的账号的原编号，登记时由设备报出", EN: "of an account that the centre lost, as its device says when it is enrolled"},
	"flag.with_password":        {ZH: "给账号设密码（只用设备的人不需要）", EN: "give the account a password (people with devices only need none)"},
	"flag.dry_run":              {ZH: "只检查，不写入", EN: "only check, write nothing"},
	"flag.parent":               {ZH: "只列出这个单位的直接下级", EN: "only units right below this one"},
	"flag.level":                {ZH: "只列出这一级", EN: "only this level"},
	"flag.all_grids":            {ZH: "也列出合乎规定的网格", EN: "also grids within the rule"},
	"flag.door":                 {ZH: "房屋编号，可多个，逗号分隔", EN: "ids of dwellings, with commas or repeated"},
	"flag.doors":                {ZH: "房屋编号文件，每行一个；- 为标准输入", EN: "file with ids of dwellings, one a line; - is standard input"},
	"flag.from":                 {ZH: "开始时间（默认现在）", EN: "begins (else now)"},
	"flag.to":                   {ZH: "结束时间（默认不限）", EN: "ends (else open)"},
	"flag.closed":               {ZH: "列出已结束的", EN: "those that are closed"},
	"flag.parked":               {ZH: "只列出暂存的", EN: "only parked ones"},
	"flag.rejected":             {ZH: "只列出退回的", EN: "only rejected ones"},
	"flag.settle_reason":        {ZH: "理由，填写人会看到", EN: "why; its author reads it"},
	"flag.scope":                {ZH: "只在这个单位及其下级", EN: "only in this unit and below it"},
	"flag.reason":               {ZH: "裁定的理由", EN: "why it is decided so"},
	"flag.into":                 {ZH: "合并后保留的记录：号码（0 是现值）或编号", EN: "the record that stays: its number (0 is what stands) or id"},
	"flag.record":               {ZH: "只并入（或只拆开）这一条，可重复；缺省为其余各条", EN: "merge or split only this record, may be repeated; otherwise all others"},
	"flag.pick":                 {ZH: "列=号码：这一列采用哪条记录的内容，可重复", EN: "column=number: whose value of a column is kept, may be repeated"},
	"flag.choice":               {ZH: "等同于裁定办法 %s", EN: "the same as the choice %s"},
	"flag.read_at_conflict":     {ZH: "所看内容的位置（纪元:序号），与 --shown 一起用", EN: "epoch:seq of what was shown; goes with --shown"},
	"flag.shown":                {ZH: "看过的候选（设备编号:号码，…），与 --read-at 一起用", EN: "candidates that were shown (device:n,…); goes with --read-at"},
	"flag.help":                 {ZH: "显示帮助", EN: "show this help"},
	"flag.json":                 {ZH: "输出 JSON（格式见 docs/cli.md）", EN: "print JSON (shapes in docs/cli.md)"},
	"flag.lang":                 {ZH: "语言：zh-CN 或 en（默认取自 DOORSTEP_LANG、LANG）", EN: "language: zh-CN or en (else DOORSTEP_LANG, LANG)"},
	"flag.replica":              {ZH: "副本文件（默认 DOORSTEP_REPLICA，否则 ./doorstep.db）", EN: "replica file (else DOORSTEP_REPLICA, else ./doorstep.db)"},
	"flag.schema":               {ZH: "县里自己的声明所在文件夹（默认 DOORSTEP_SCHEMA）", EN: "folder with the county's own declarations (else DOORSTEP_SCHEMA)"},
	"flag.server":               {ZH: "中心地址，如 https://centre.example", EN: "address of the centre, such as https://centre.example"},
	"flag.code":                 {ZH: "登记码，由管理员给出", EN: "enrolment code, from the administrator"},
	"flag.label":                {ZH: "大家怎么称呼这台设备", EN: "what people call this device"},
	"flag.minimum_declarations": {ZH: "副本声明的最低版本", EN: "oldest version of the declarations that a replica may have"},
	"flag.minimum_app":          {ZH: "应用的最低版本，例如 0.2.0", EN: "oldest version of the app, such as 0.2.0"},
	"flag.minimum_grace":        {ZH: "宽限天数：到期前只提醒，到期后旧设备只能发送已保存的内容", EN: "days of grace: until then old devices are told, after that they can only send what they hold"},
	"flag.minimum_none":         {ZH: "取消最低版本", EN: "take the minimum away"},
	"flag.limit":                {ZH: "最多列出多少条", EN: "how many to list at most"},
	"flag.columns":              {ZH: "要显示的字段，逗号分隔", EN: "columns to show, with commas"},
	"flag.read_at":              {ZH: "依据 show 所示的读取位置修改，如 1:42", EN: "decided on what show printed as read at, such as 1:42"},
	"flag.check_status":         {ZH: "有退回时以 4 结束，有冲突时以 5 结束", EN: "end with 4 if something was refused, 5 if conflicts are open"},
	"flag.check_conflicts":      {ZH: "有未裁定的冲突时以 5 结束", EN: "end with 5 if conflicts are open"},
	"flag.all_conflicts":        {ZH: "也列出已裁定的", EN: "also those that were decided"},
	"flag.all_rejected":         {ZH: "也列出已处理的", EN: "also those that were dealt with"},
}
