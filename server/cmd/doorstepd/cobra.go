package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// strict makes mistakes of what cobra brings itself: a shell that completion does not know, help about a command that is
// not there.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args, c.RunE = noArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range c.Commands() {
				shell.Args = noArgs
			}
		case "help":
			c.Run = nil
			c.RunE = func(cmd *cobra.Command, args []string) error {
				about, rest, err := cmd.Root().Find(args)
				if err == nil && len(rest) == 0 {
					return about.Help()
				}
				return usage("%q is not known to '%s'; '%s --help' lists what there is", strings.Join(args, " "), cmd.Root().CommandPath(), cmd.Root().CommandPath())
			}
		}
	}
}

// completionZH says how each shell takes its script.
var completionZH = map[string]string{
	"bash": `生成 bash 的补全脚本；需要系统里有 bash-completion 软件包。

只在当前 shell 里用：
  source <(doorstepd completion bash)
以后每次都用，执行一次，再打开新的 shell：
  doorstepd completion bash > /etc/bash_completion.d/doorstepd`,
	"zsh": `生成 zsh 的补全脚本。补全还没有打开时，先执行一次：
  echo "autoload -U compinit; compinit" >> ~/.zshrc

只在当前 shell 里用：
  source <(doorstepd completion zsh)
以后每次都用，执行一次，再打开新的 shell：
  doorstepd completion zsh > "$fpath[1]/_doorstepd"`,
	"fish": `生成 fish 的补全脚本。

只在当前 shell 里用：
  doorstepd completion fish | source
以后每次都用，执行一次，再打开新的 shell：
  doorstepd completion fish > ~/.config/fish/completions/doorstepd.fish`,
	"powershell": `生成 PowerShell 的补全脚本。

只在当前 shell 里用：
  doorstepd completion powershell | Out-String | Invoke-Expression
以后每次都用：把上面这条命令的输出写进 PowerShell 的 profile。`,
}

// completionTexts puts what completion says of itself into Chinese.
func completionTexts(c *cobra.Command) {
	c.Long = ""
	for _, shell := range c.Commands() {
		shell.Short, shell.Long = "生成 "+shell.Name()+" 的补全脚本", completionZH[shell.Name()]
		if f := shell.Flags().Lookup("no-descriptions"); f != nil {
			f.Usage = "补全时不带说明"
		}
	}
}
