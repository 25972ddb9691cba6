package cli

import "github.com/doorstep-sync/doorstep/schema"

// pinTexts are about encrypted replicas and PINs.
var pinTexts = map[string]schema.Label{
	"help.replica":          {ZH: "副本文件本身：加密、换密钥、改 PIN", EN: "The replica's file itself: encrypt it, give it another key or PIN"},
	"help.replica_encrypt":  {ZH: "把未加密的副本整个加密，覆盖旧文件；需要加密版本的程序", EN: "Encrypt a replica as a whole and overwrite the old file; needs the encrypted build"},
	"help.replica_rekey":    {ZH: "换一把新密钥，重写加密的副本，PIN 不变", EN: "Write an encrypted replica anew under another key; the PIN stays"},
	"help.replica_pin":      {ZH: "设置或更改 PIN（保护副本密钥和密封列的密钥）", EN: "Set or change the PIN that the replica's key and those of sealed columns are under"},
	"flag.pin_file":         {ZH: "从文件读取 PIN，- 为标准输入，/dev/fd/3 为描述符（环境变量 DOORSTEP_PIN_FILE）", EN: "read the PIN from a file; - is standard input, /dev/fd/3 a descriptor (DOORSTEP_PIN_FILE)"},
	"flag.new_pin_file":     {ZH: "从文件读取新的 PIN，- 为标准输入", EN: "read the new PIN from a file; - is standard input"},
	"flag.encrypt":          {ZH: "新建的副本整个加密，先设置 PIN；需要加密版本的程序", EN: "encrypt the new replica as a whole, under a new PIN; needs the encrypted build"},
	"pin_prompt":            {ZH: "PIN：", EN: "PIN: "},
	"pin_new":               {ZH: "新的 PIN：", EN: "New PIN: "},
	"pin_empty":             {ZH: "PIN 是空的；请在提示处输入，或用 --pin-file。", EN: "The PIN is empty; type it at the prompt, or use --pin-file."},
	"pin_short":             {ZH: "PIN 至少要 %d 个字，现有 %d 个；请换一个更长的。", EN: "A PIN has at least %d characters, this one has %d; choose a longer one."},
	"pin_differs":           {ZH: "两次输入的 PIN 不同；请重新执行。", EN: "The two PINs differ; run this again."},
	"pin_wrong":             {ZH: "PIN 不对，什么也没有改变；请用正确的 PIN 重新执行。", EN: "The PIN is wrong and nothing was changed; run this again with the right one."},
	"pin_nothing":           {ZH: "这里没有可由 PIN 保护的密钥：副本没有加密，也没有密封列的密钥；请先同步，或执行 replica encrypt。", EN: "There is no key here that a PIN could protect: the replica is not encrypted and holds no keys of sealed columns; sync first, or run replica encrypt."},
	"pin_set":               {ZH: "PIN 已设置；忘记它就打不开了，请记牢。", EN: "The PIN is set; without it nothing here opens, so remember it."},
	"pin_sealed_only":       {ZH: "它只保护密封列：副本的其余内容没有加密。", EN: "It protects sealed columns alone: the rest of the replica is not encrypted."},
	"replica_encrypted":     {ZH: "“%s”已经加密；换密钥请用 replica rekey。", EN: "%q is encrypted already; for another key use replica rekey."},
	"replica_in_clear":      {ZH: "“%s”没有加密；请先执行 replica encrypt。", EN: "%q is not encrypted; run replica encrypt first."},
	"replica_now_encrypted": {ZH: "副本已加密，旧文件已覆盖：%s", EN: "The replica is encrypted and the old file overwritten: %s"},
	"replica_rekeyed":       {ZH: "副本已换新密钥，旧文件已覆盖：%s", EN: "The replica is under a new key and the old file overwritten: %s"},
	"replica_left":          {ZH: "以前另存的文件没有改动，不再需要时请删除：%s", EN: "Files set aside earlier are as they were; delete them when they are not needed any more: %s"},
}
