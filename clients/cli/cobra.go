package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/doorstep-sync/doorstep/schema"
)

// cobraTexts are what cobra and pflag would say in English themselves.
var cobraTexts = map[string]schema.Label{
	"flag.default":         {ZH: "（默认 %s）", EN: " (default %s)"},
	"flag.no_descriptions": {ZH: "补全时不带说明", EN: "complete without descriptions"},
	"help.completion_for":  {ZH: "生成 %s 的补全脚本", EN: "Make the completion script for %s"},
	"completion.bash": {
		ZH: `生成 bash 的补全脚本；需要系统里有 bash-completion 软件包。

只在当前 shell 里用：
  source <(doorstep completion bash)
以后每次都用，执行一次，再打开新的 shell：
  doorstep completion bash > /etc/bash_completion.d/doorstep`,
		EN: `Make the completion script for bash; it needs the package bash-completion.

For this shell:
  source <(doorstep completion bash)
For every new shell, run once:
  doorstep completion bash > /etc/bash_completion.d/doorstep`},
	"completion.zsh": {
		ZH: `生成 zsh 的补全脚本。补全还没有打开时，先执行一次：
  echo "autoload -U compinit; compinit" >> ~/.zshrc

只在当前 shell 里用：
  source <(doorstep completion zsh)
以后每次都用，执行一次，再打开新的 shell：
  doorstep completion zsh > "$fpath[1]/_doorstep"`,
		EN: `Make the completion script for zsh. Where completion is not on yet, run once:
  echo "autoload -U compinit; compinit" >> ~/.zshrc

For this shell:
  source <(doorstep completion zsh)
For every new shell, run once:
  doorstep completion zsh > "$fpath[1]/_doorstep"`},
	"completion.fish": {
		ZH: `生成 fish 的补全脚本。

只在当前 shell 里用：
  doorstep completion fish | source
以后每次都用，执行一次，再打开新的 shell：
  doorstep completion fish > ~/.config/fish/completions/doorstep.fish`,
		EN: `Make the completion script for fish.

For this shell:
  doorstep completion fish | source
For every new shell, run once:
  doorstep completion fish > ~/.config/fish/completions/doorstep.fish`},
	"completion.powershell": {
		ZH: `生成 PowerShell 的补全脚本。

只在当前 shell 里用：
  doorstep completion powershell | Out-String | Invoke-Expression
以后每次都用：把上面这条命令的输出写进 PowerShell 的 profile。`,
		EN: `Make the completion script for PowerShell.

For this shell:
  doorstep completion powershell | Out-String | Invoke-Expression
For every new shell: put the output of that command into your profile.`},
}

// helpTexts puts into the person's language what cobra brings itself.
func (a *app) helpTexts(root *cobra.Command) {
	root.SetUsageTemplate(a.say("usage_template"))
	root.SetHelpTemplate("{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}\n\n{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}")
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var all func(*cobra.Command)
	all = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		if f := c.Flags().Lookup("help"); f != nil {
			f.Usage = a.say("flag.help")
		}
		switch c.Name() {
		case "help":
			a.helpCommand(c)
		case "completion":
			a.completionCommand(c)
		}
		c.LocalNonPersistentFlags().VisitAll(a.flagDefault)
		for _, sub := range c.Commands() {
			all(sub)
		}
	}
	all(root)
}

// helpCommand shows the help of a command; one that is not there is a mistake, not a reason to show everything.
func (a *app) helpCommand(c *cobra.Command) {
	c.Use, c.Short, c.Long, c.Args, c.Run, c.DisableFlagsInUseLine = "help [COMMAND]", a.say("help.help"), "", nil, nil, true
	c.RunE = func(c *cobra.Command, args []string) error {
		about, rest, err := c.Root().Find(args)
		if err == nil && len(rest) == 0 {
			return about.Help()
		}
		if about == nil {
			about, rest = c.Root(), args
		}
		return a.unknown(about, rest[0])
	}
}

// completionCommand is a group like any other: a shell that it does not know is a mistake.
func (a *app) completionCommand(c *cobra.Command) {
	g := a.group("completion", c.Use)
	c.Short, c.Long, c.Args, c.RunE, c.DisableFlagsInUseLine = g.Short, "", g.Args, g.RunE, true
	for _, shell := range c.Commands() {
		shell.DisableFlagsInUseLine = true
		shell.Short, shell.Long, shell.Args = a.say("help.completion_for", shell.Name()), a.say("completion."+shell.Name()), a.exactly(0)
		if f := shell.Flags().Lookup("no-descriptions"); f != nil {
			f.Usage = a.say("flag.no_descriptions")
		}
	}
}

// flagDefault says in the person's language what a flag is unless it is given.
func (a *app) flagDefault(f *pflag.Flag) {
	none, ok := map[string]string{"bool": "false", "int": "0", "int64": "0", "string": "", "stringSlice": "[]", "stringArray": "[]"}[f.Value.Type()]
	if ok && f.DefValue != none {
		f.Usage += a.say("flag.default", f.DefValue)
		f.DefValue = none // which is read for help alone
	}
}
