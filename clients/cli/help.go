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
	"help.rejected_retry":   {ZH: "改正后重新写入被退回的变更集", EN: "Write a refused changeset again, corrected"},
	"help.rejected_dismiss": {ZH: "不再处理被退回的变更集", EN: "Be done with a refused changeset"},
	"help.tables":           {ZH: "记录类型和字段", EN: "Record types and their columns"},

	"flag.help":            {ZH: "显示帮助", EN: "show this help"},
	"flag.json":            {ZH: "输出 JSON（格式见 docs/cli.md）", EN: "print JSON (shapes in docs/cli.md)"},
	"flag.lang":            {ZH: "语言：zh-CN 或 en（默认取自 DOORSTEP_LANG、LANG）", EN: "language: zh-CN or en (else DOORSTEP_LANG, LANG)"},
	"flag.replica":         {ZH: "副本文件（默认 DOORSTEP_REPLICA，否则 ./doorstep.db）", EN: "replica file (else DOORSTEP_REPLICA, else ./doorstep.db)"},
	"flag.schema":          {ZH: "县里自己的声明所在文件夹（默认 DOORSTEP_SCHEMA）", EN: "folder with the county's own declarations (else DOORSTEP_SCHEMA)"},
	"flag.server":          {ZH: "中心地址，如 https://centre.example", EN: "address of the centre, such as https://centre.example"},
	"flag.code":            {ZH: "登记码，由管理员给出", EN: "enrolment code, from the administrator"},
	"flag.label":           {ZH: "大家怎么称呼这台设备", EN: "what people call this device"},
	"flag.limit":           {ZH: "最多列出多少条", EN: "how many to list at most"},
	"flag.columns":         {ZH: "要显示的字段，逗号分隔", EN: "columns to show, with commas"},
	"flag.read_at":         {ZH: "依据 show 所示的读取位置修改，如 1:42", EN: "decided on what show printed as read at, such as 1:42"},
	"flag.check_status":    {ZH: "有退回时以 4 结束，有冲突时以 5 结束", EN: "end with 4 if something was refused, 5 if conflicts are open"},
	"flag.check_conflicts": {ZH: "有未裁定的冲突时以 5 结束", EN: "end with 5 if conflicts are open"},
	"flag.all_conflicts":   {ZH: "也列出已裁定的", EN: "also those that were decided"},
	"flag.all_rejected":    {ZH: "也列出已处理的", EN: "also those that were dealt with"},
}
