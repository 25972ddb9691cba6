package schema

import (
	"regexp"
	"strings"
)

// What is wrong with declarations is said in English where it is found; this is how each of those sentences reads in
// Chinese. A test holds it to all of them.

// whatZH has a Chinese format for the English one of what is wrong.
var whatZH = map[string]string{
	// rules.go
	"two record types are called %q": "有两种记录类型都叫 %q",
	"the schema has no version":      "声明没有版本号",
	"%s is called %q":                "%s叫 %q",
	"%s is called %q, which the engine or the database keeps for itself":                         "%s叫 %q，这是引擎或数据库自己保留的名字",
	"%s is called %q, a word of SQL":                                                             "%s叫 %q，这是 SQL 的保留字",
	"%s lacks a label":                                                                           "%s缺少名称",
	"role %s has offline: %d":                                                                    "岗位 %s 写的是 offline: %d",
	"code table %s has no codes":                                                                 "代码表 %s 没有代码",
	"code %q of %s cannot be stored safely":                                                      "%[2]s 的代码 %[1]q 不能安全地存储",
	"code table %s has code %q twice":                                                            "代码表 %s 里代码 %q 出现了两次",
	"%q is a type of the system itself":                                                          "%q 是系统自己的类型",
	"record type %s has level %q":                                                                "记录类型 %s 的 level 是 %q",
	"record type %s has no columns":                                                              "记录类型 %s 没有字段",
	"natural_key of %s names %q, which is no column":                                             "%s 的 natural_key 提到 %q，没有这个字段",
	"natural_key of %s names %s, which cannot be compared":                                       "%s 的 natural_key 提到 %s，它不能用来比较",
	"%s has an idempotent key but is not append":                                                 "%s 有 idempotent，却不是 append",
	"idempotent of %s names %q":                                                                  "%s 的 idempotent 提到 %q",
	"door of %s leads in a circle":                                                               "%s 的 door 绕成了一圈",
	"door of %s is %q, which is no ref column":                                                   "%s 的 door 是 %q，它不是 ref 字段",
	"door of %s leads to %s, which has no door":                                                  "%s 的 door 指向 %s，而它没有 door",
	"%s: there is no such role":                                                                  "%s：没有这个岗位",
	"%s is by doors, but assignments of that role list none":                                     "%s按门户划分，但这个岗位的任命不列门户",
	"%s is by doors, but the record type has no door":                                            "%s按门户划分，但这种记录没有 door",
	"%s has rows %q":                                                                             "%s的 rows 是 %q",
	"%s names column %q, which is not declared":                                                  "%s提到字段 %q，它没有声明",
	"%s hides or masks %s, which every view shows":                                               "%s隐藏或遮盖 %s，而每个视图都显示它",
	"%s masks %s with %q":                                                                        "%s把 %s 遮盖成 %q",
	"%s is silent about %s, which has sensitivity %d":                                            "%s没有提到 %s，它的 sensitivity 是 %d",
	"%s shows only part of group %s (%s, %s)":                                                    "%s只显示组 %s 的一部分（%s、%s）",
	"%s: it may write what it cannot see":                                                        "%s：能写却看不到",
	"%s allows delete, but the record type is append":                                            "%s允许 delete，但这种记录是 append",
	"%s allows insert, but the role does not see %s in full, which is required":                  "%s允许 insert，但这个岗位看不到完整的必填字段 %s",
	"%s names %s, which is part of a group: a group shares one right":                            "%s提到 %s，它属于一个组：一组共用一项权限",
	"%s names %q, which is no cell":                                                              "%s提到 %q，没有这个字段或组",
	"%s names %s, which has policy %s and is not updated":                                        "%s提到 %s，它的 policy 是 %s，不会被修改",
	"%s names %s, but the role does not see %s in full: nobody may overwrite what he cannot see": "%s提到 %s，但这个岗位看不到完整的 %s：看不到的内容谁也不能覆盖",
	// rules_columns.go
	"%s has a name that every record has already": "%s的名字是每条记录都已有的",
	"%s is declared twice":                        "%s声明了两次",
	"%s has type %q":                              "%s的 type 是 %q",
	"%s has policy %q":                            "%s的 policy 是 %q",
	"%s has policy add but is no number":          "%s的 policy 是 add，但它不是数字",
	"%s has policy union but is no set":           "%s的 policy 是 union，但它不是集合",
	"%s has policy %s but no order":               "%s的 policy 是 %s，但它没有大小之分",
	"%s has policy add and a limit, which no single difference could keep":      "%s的 policy 是 add 又有上下限，单个增减无法保证不越限",
	"%s has queue, which is for max and min":                                    "%s写了 queue，它只用于 max 和 min",
	"%s is derived from steps but declared as if people wrote it":               "%s由步骤推算，却像由人填写那样声明",
	"%s is required but written at the centre only, so no insert could give it": "%s必填，却只由中心写入，新建时谁也给不出",
	"%s has rank, which is for codes of policy max or min":                      "%s写了 rank，它只用于 policy 为 max 或 min 的代码",
	"rank of %s names %q, which is no code of %s":                               "%s的 rank 提到 %q，%s 里没有这个代码",
	"rank of %s names %q twice":                                                 "%s的 rank 两次提到 %q",
	"rank of %s leaves out %q":                                                  "%s的 rank 漏了 %q",
	"%s has type code but no code table":                                        "%s的 type 是 code，但没有代码表",
	"%s has type ref but no record type":                                        "%s的 type 是 ref，但没有记录类型",
	"%s names a code table but has type %s":                                     "%s写了代码表，type 却是 %s",
	"%s names a record type but has type %s":                                    "%s写了记录类型，type 却是 %s",
	"%s has both code and ref":                                                  "%s同时写了 code 和 ref",
	"%s uses code table %q, which is not declared":                              "%s使用代码表 %q，它没有声明",
	"%s refers to record type %q, which is not declared":                        "%s引用记录类型 %q，它没有声明",
	"%s has max_len, which is for text, set and sealed":                         "%s写了 max_len，它只用于 text、set 和 sealed",
	"%s has max_len %d":                                                         "%s的 max_len 是 %d",
	"%s has min or max, which are for int, real and time":                       "%s写了 min 或 max，它们只用于 int、real 和 time",
	"%s has min above max":                                                      "%s的 min 大于 max",
	"%s has sensitivity %d":                                                     "%s的 sensitivity 是 %d",
	"%s is sealed but not marked as sensitive":                                  "%s是密封列，却没有标明敏感级别",
	"%s has check %q":                                                           "%s的 check 是 %q",
	"%s is sealed but has no room for text":                                     "%s是密封列，但长度放不下内容",
	"%s is the hash of %q, which is no sealed column":                           "%s是 %q 的哈希，而它不是密封列",
	"%s cannot hold a hash of 64 characters":                                    "%s放不下 64 个字符的哈希",
	"%s and %s are written together but not one cell":                           "%s和 %s 一起写入，却不在同一个组",
	"%s has pattern, which is for text":                                         "%s写了 pattern，它只用于 text",
	"pattern of %s is not anchored":                                             "%s的 pattern 没有限定首尾",
	"pattern of %s cannot be read":                                              "%s的 pattern 无法理解",
	"group %s of %s has the name of a column or of a built-in cell":             "%[2]s 的组 %[1]s 与字段或内置的格同名",
	"group %s of %s has policy %s, which is for single columns":                 "%[2]s 的组 %[1]s 的 policy 是 %[3]s，它只用于单个字段",
	"group %s of %s has columns of policy %s and %s":                            "%[2]s 的组 %[1]s 里有的字段 policy 是 %[3]s，有的是 %[4]s",
	"group %s of %s has only one column":                                        "%[2]s 的组 %[1]s 只有一个字段",
	// rules_steps.go
	"%s: steps are only ever added, but the record type is not append":           "%s：步骤只能追加，但这种记录不是 append",
	"%s: a step without a case belongs nowhere":                                  "%s：没有案件的步骤无处归属",
	"%s: follows must refer to a step, and the first step follows none":          "%s：follows 应指向一个步骤，而第一步不接任何一步",
	"%s: a step must say which step it is":                                       "%s：步骤必须写明是哪一步",
	"%s: %s is %q":                                                               "%s：%s 是 %q",
	"%s: state is %q":                                                            "%s：state 是 %q",
	"%s and %s both hold the steps of %s":                                        "%s 和 %s 都存放 %s 的步骤",
	"view of %s on %s shows %s, but without the steps its device cannot know it": "岗位 %s 对 %s 的视图显示 %s，但没有步骤，设备无从知道它",
	"%s: %q is no state":                                                         "%s：没有状态 %q",
	"%s: step %s has no move":                                                    "%s：步骤 %s 没有对应的 move",
	"%s: move %q is no step":                                                     "%s：move %q 不是步骤",
	"%s: move %s has no state to start from":                                     "%s：move %s 没有起始状态",
	"%s: move %s is for role %s, which may not insert steps":                     "%s：move %s 给了岗位 %s，而它不能新建步骤",
	"%s: move %s can never be taken":                                             "%s：move %s 永远走不到",
	"column %s of %s is derived, but from no steps":                              "%[2]s 的字段 %[1]s 标为推算，却没有步骤可据以推算",
	// check.go, and the store's check of what it holds
	"record type %s is removed":                                                           "去掉了记录类型 %s",
	"version %d is below %d, which is in use":                                             "版本 %d 低于正在使用的 %d",
	"the declarations differ but the version is still %d":                                 "声明有变动，版本却还是 %d",
	"record type %s moves from level %s to %s; its rows lie in scopes of the old one":     "记录类型 %s 的 level 从 %s 改为 %s；已有的记录在原来一级的单位里",
	"record type %s changes its door from %s to %s; its rows lie at doors of the old one": "记录类型 %s 的 door 从 %s 改为 %s；已有的记录属于原来的门户",
	"record type %s changes append":                                                       "记录类型 %s 的 append 变了",
	"record type %s changes which columns hold its steps":                                 "记录类型 %s 换了存放步骤的字段",
	"column %s of %s is removed":                                                          "去掉了 %[2]s 的字段 %[1]s",
	"column %s of %s changes its group":                                                   "%[2]s 的字段 %[1]s 换了组",
	"column %s of %s joins group %s, of which older phones send less":                     "%[2]s 的字段 %[1]s 加入组 %[3]s，而旧手机发来的组里没有它",
	"%s changes its type from %s to %s":                                                   "%s的 type 从 %s 改为 %s",
	"%s refers to %s instead of %s":                                                       "%s改为引用 %s，原来是 %s",
	"%s changes derived":                                                                  "%s的 derived 变了",
	"%s changes its policy from %s to %s, which travel in different ways":                 "%s的 policy 从 %s 改为 %s，两者传送的方式不同",
	"%s changes its group from %s to %s; stored versions and conflicts are kept per cell": "%s的组从 %s 改为 %s；已存的版本和冲突是按组保存的",
	"%s is limited more than before, so that what older phones hold would be refused":     "%s的限制比以前更严，旧手机上已有的内容会被退回",
	"code table %s is removed":                                                            "去掉了代码表 %s",
	"code %s of %s is removed, but records hold it":                                       "去掉了 %[2]s 的代码 %[1]s，但有记录在用它",
	"role %s is removed":                                                                  "去掉了岗位 %s",
	"role %s changes doors, so that its assignments mean something else":                  "岗位 %s 的 doors 变了，它的任命就不是原来的意思了",
	// load
	"version is missing or below 1":                      "缺少 version，或小于 1",
	"there is no code table %q to extend":                "没有代码表 %q 可供扩充",
	"there is no record type %q to extend":               "没有记录类型 %q 可供扩充",
	"the file must have either name or extends":          "文件应有 name 或 extends 之一",
	"this is not YAML that can be read":                  "这个 YAML 无法读取",
	"a second document begins, which nothing would read": "这里开始了第二份文档，不会有人读它",
	"this is not YAML: %s":                               "这不是正确的 YAML：%s",
	"the file is empty":                                  "文件是空的",
	"this file is not read":                              "这个文件不会被读取",
	"%s should be a mapping":                             "%s应写成“键: 值”",
	"%s uses a YAML alias, merge or compound key":        "%s用了 YAML 的别名、合并或复合键",
	"%s has %q twice":                                    "%s里 %q 出现了两次",
	"%s has no key %q":                                   "%s没有 %q 这一项",
	"%s is not a yes or no":                              "%s 不是 true 或 false",
	"%s is not a whole number":                           "%s 不是整数",
	"%s is not a number":                                 "%s 不是数字",
	"%s should be a list":                                "%s 应是列表",
	"%s names %q twice":                                  "%s 两次提到 %q",
	"%s is empty or not a text":                          "%s 是空的，或不是文字",
	"max_len of column %s is below 1":                    "字段 %s 的 max_len 小于 1",
	"view of %s names column %q twice":                   "岗位 %s 的视图两次提到字段 %q",
	"there is no folder of declarations %s":              "没有声明文件夹 %s",
	"%s is not a folder":                                 "%s 不是文件夹",
}

// doZH has the Chinese of what to do about it, where that is always the same.
var doZH = map[string]string{
	"rename one of them": "请给其中一个改名",
	"count from 1":       "请从 1 数起",
	"use a letter a-z, then at most 47 letters a-z, digits and _":      "请以 a-z 的字母开头，后接至多 47 个 a-z、数字和 _",
	"choose a name that does not start with ds_, rec_, sqlite_ or pg_": "请换一个不以 ds_、rec_、sqlite_ 或 pg_ 开头的名字",
	"give both zh and en": "请写上 zh 和 en",
	"give the days that its phones may go without contact, or leave it out for no limit": "请写它的手机可以多少天不联系；不限则不写",
	"list its codes under codes:":                                       "请在 codes: 下列出代码",
	"use 1 to 64 characters without spaces, quotes, commas or brackets": "请用 1 到 64 个字符，不含空格、引号、逗号和括号",
	"keep one of them":                                                  "请只留一个",
	"keep one of the two":                                               "请只留一个",
	"keep one":                                                          "请只留一个",
	"choose another name":                                               "请换一个名字",
	"write level: grid, community, street or county":                    "level 请写 grid、community、street 或 county",
	"declare columns:":                                                  "请在 columns: 下声明字段",
	"name columns of this record type":                                  "请写这种记录的字段",
	"use text, code, ref, int, bool, date or time columns that people fill in; the scope is always part of the key": "请用由人填写的 text、code、ref、int、bool、date 或 time 字段；所属单位总在其中",
	"add append: true, or use natural_key": "请加上 append: true，或改用 natural_key",
	"name columns of policy append":        "请写 policy 为 append 的字段",
	`write "door: self" for the doors themselves, or name a ref column whose record type has a door`: "门户本身请写 door: self；其他请写一个 ref 字段，它指向的记录类型有 door",
	"declare the role in roles.yaml, or correct the name":                                            "请在 roles.yaml 里声明这个岗位，或改正名字",
	"write doors: true at the role, or rows: all or own":                                             "请给岗位写上 doors: true，或把 rows 写成 all 或 own",
	"write rows: own, or declare door:":                                                              "请写 rows: own，或声明 door:",
	"write rows: all, doors or own":                                                                  "rows 请写 all、doors 或 own",
	"correct the name, or declare the column":                                                        "请改正名字，或声明这个字段",
	"remove it there": "请在那里去掉它",
	"use name, phone, id or all on a text, all on a code or date, or hide the column":     "text 请用 name、phone、id 或 all，code 和 date 请用 all，或隐藏这个字段",
	"name it under shown, masked or hidden":                                               "请把它写在 shown、masked 或 hidden 下",
	"treat all columns of the group alike":                                                "请对组里所有字段一样处理",
	"give the role a view, or remove the right":                                           "请给岗位一个视图，或去掉这项权限",
	"remove delete; wrong rows are voided with a reason":                                  "请去掉 delete；错误的记录写明理由作废",
	"show the column in full, or remove insert":                                           "请完整显示这个字段，或去掉 insert",
	`name columns, groups or "*"`:                                                         "请写字段、组或 \"*\"",
	"remove it from update":                                                               "请从 update 里去掉它",
	"show it in full, or remove it from update":                                           "请完整显示它，或从 update 里去掉",
	"use type int or real, or another policy":                                             "请用 type int 或 real，或换一个 policy",
	"use type set, or another policy":                                                     "请用 type set，或换一个 policy",
	"use a number, bool, date, time or code with rank, or another policy":                 "请用数字、bool、date、time 或带 rank 的 code，或换一个 policy",
	"remove min and max":                                                                  "请去掉 min 和 max",
	"remove queue, or use policy review":                                                  "请去掉 queue，或用 policy review",
	"leave out policy, required and group, and use type code":                             "请去掉 policy、required 和 group，并用 type code",
	"remove required":                                                                     "请去掉 required",
	"remove rank":                                                                         "请去掉 rank",
	"name each once":                                                                      "每个只写一次",
	"list every code from least to greatest: rank: [low, medium, high]":                   "请从小到大列出每个代码：rank: [low, medium, high]",
	"write code: and the name of a code table":                                            "请写 code: 和代码表的名字",
	"write ref: and the name of a record type":                                            "请写 ref: 和记录类型的名字",
	"remove code, or use type code or set":                                                "请去掉 code，或用 type code 或 set",
	"remove ref, or use type ref or set":                                                  "请去掉 ref，或用 type ref 或 set",
	"declare it in codes/, or correct the name":                                           "请在 codes/ 里声明它，或改正名字",
	"declare it in records/, or correct the name":                                         "请在 records/ 里声明它，或改正名字",
	"remove max_len":                                                                      "请去掉 max_len",
	"use 1 to 100000; longer things are attachments":                                      "请用 1 到 100000；更长的内容应作附件",
	"exchange them":                                                                       "请对调",
	"use 0 public, 1 internal, 2 personal or 3 restricted":                                "请用 0 公开、1 内部、2 个人或 3 受限",
	"write sensitivity: 3 (or 2)":                                                         "请写 sensitivity: 3（或 2）",
	"use citizen_id, identity_no, phone or uscc, on a text or a sealed column":            "请用 citizen_id、identity_no、phone 或 uscc，并且只用于 text 或密封列",
	"write max_len: 128 or more; it counts the ciphertext":                                "请写 max_len: 128 或更大；它计的是密文长度",
	"name a sealed column of the same record type":                                        "请写同一种记录的密封列",
	"use type text with max_len of 64 or more":                                            "请用 type text，max_len 为 64 或更大",
	"put both into one group":                                                             "请把两者放进同一个组",
	"remove pattern":                                                                      "请去掉 pattern",
	"begin it with ^ and end it with $":                                                   "请以 ^ 开头、以 $ 结尾",
	"correct it; look-ahead and back-references do not exist here":                        "请改正；这里没有前瞻和反向引用",
	"rename the group":                                                                    "请给组改名",
	"use lww, review, append or central":                                                  "请用 lww、review、append 或 central",
	"give all its columns one policy":                                                     "请给组里所有字段同一个 policy",
	"add the other columns, or remove group":                                              "请补上其他字段，或去掉 group",
	"add append: true":                                                                    "请加上 append: true",
	"add required: true":                                                                  "请加上 required: true",
	"keep the steps of a case in one record type":                                         "请把一个案件的步骤放在同一种记录里",
	"add a move for it":                                                                   "请为它加一个 move",
	"write from: [state, …]":                                                              "请写 from: [状态, …]",
	"give the role the right to insert, or remove it here":                                "请给这个岗位 insert 的权限，或在这里去掉它",
	"add a move that leads to one of its from states":                                     "请加一个能到达其 from 状态之一的 move",
	"declare steps with this column as state:, or remove derived":                         "请声明以这个字段为 state: 的步骤，或去掉 derived",
	"keep it; take away the rights to insert and update, and it is history":               "请保留它；去掉 insert 和 update 的权限，它就只是历史",
	"count it up in version.yaml":                                                         "请在 version.yaml 里加大版本号",
	"declare a new record type":                                                           "请声明一种新的记录类型",
	"keep it; declare a new record type for what belongs to doors in another way":         "请保留它；以别的方式属于门户的内容，请声明新的记录类型",
	"keep the columns of the steps; moves may change":                                     "请保留步骤的字段；move 可以改",
	"keep it; hide it in the views, and it is out of sight":                               "请保留它；在视图里隐藏就看不到了",
	"put new columns into a group of their own":                                           "请把新字段放进单独的组",
	"declare a new column beside it":                                                      "请在旁边声明一个新字段",
	"keep the group":                                                                      "请保留原来的组",
	"keep the wider limit; let the form warn":                                             "请保留较宽的限制，由表单提醒",
	"keep it, and retire its codes":                                                       "请保留它，把代码标为停用",
	"keep it with retired: true":                                                          "请保留它，写上 retired: true",
	"keep it and end its assignments first":                                               "请保留它，先结束它的任命",
	"declare a new role and reassign people":                                              "请声明一个新岗位，重新任命",
	"write a whole number from 1 and count it up with every change":                       "请写从 1 起的整数，每次改动加一",
	"write name: to declare a new one":                                                    "要声明新的请写 name:",
	`write "name:" to declare a new one or replace a whole one, "extends:" to add to one`: "声明新的或整个替换请写 name:，在已有的上添加请写 extends:",
	"look for odd indentation or control characters":                                      "请检查缩进和控制字符",
	"put it into a file of its own":                                                       "请放到单独的文件里",
	"mend the line; indentation is by spaces, and text with : or # needs quotes":          "请改正这一行；缩进用空格，含 : 或 # 的文字要加引号",
	"declare something or remove the file":                                                "请写上声明，或删去文件",
	"name it version.yaml or roles.yaml, or put it into codes/ or records/ with the ending .yaml": "请命名为 version.yaml 或 roles.yaml，或放进 codes/ 或 records/ 并以 .yaml 结尾",
	`write "key: value" lines`:                            "请每行写“键: 值”",
	"write the value out":                                 "请把值直接写出来",
	"write true or false":                                 "请写 true 或 false",
	"write a whole number in digits":                      "请用数字写整数",
	"write a number in digits":                            "请用数字写",
	"write a list: [a, b]":                                "请写列表：[a, b]",
	"write a text":                                        "请写文字",
	"write a number from 1, or leave it out":              "请写从 1 起的数，或不写",
	"name it once: shown, masked or hidden":               "shown、masked、hidden 中只写一次",
	"give one that exists, or none for the built-in ones": "请给出已有的文件夹；用内置的声明则不必给",
	"give the folder that holds records/ and codes/":      "请给出含有 records/ 和 codes/ 的文件夹",
}

// phrase is an English part of a sentence with names in it, and its Chinese.
type phrase struct {
	en *regexp.Regexp
	zh string
}

func phrases(pairs ...[2]string) (out []phrase) {
	for _, p := range pairs {
		out = append(out, phrase{regexp.MustCompile("^" + p[0] + "$"), p[1]})
	}
	return out
}

// subjects are what sentences are about.
var subjects = phrases(
	[2]string{`column (\S+) of (\S+)`, "$2 的字段 $1 "}, [2]string{`column (\S+)`, "字段 $1 "}, [2]string{`view of (\S+) on (\S+)`, "岗位 $1 对 $2 的视图"},
	[2]string{`view of (\S+)`, "岗位 $1 的视图"}, [2]string{`right of (\S+) on (\S+)`, "岗位 $1 对 $2 的权限"}, [2]string{`right of (\S+)`, "岗位 $1 的权限"},
	[2]string{`code table (\S+)`, "代码表 $1 "}, [2]string{`a code table`, "代码表"}, [2]string{`record type (\S+)`, "记录类型 $1 "}, [2]string{`a record type`, "记录类型"},
	[2]string{`code (\S+) of (\S+)`, "$2 的代码 $1 "}, [2]string{`code (\S+)`, "代码 $1 "}, [2]string{`role (\S+)`, "岗位 $1 "}, [2]string{`group (\S+) of (\S+)`, "$2 的组 $1 "},
	[2]string{`a role`, "岗位"}, [2]string{`a column of (\S+)`, "$1 的字段"}, [2]string{`a group of (\S+)`, "$1 的组"},
	[2]string{`move (\S+)`, "move $1 "}, [2]string{`steps of (\S+)`, "$1 的步骤"}, [2]string{`none`, "无"},
)

// advice is what to do where names are in it.
var advice = phrases(
	[2]string{`use one of: (.*)`, "可用的有：$1"}, [2]string{`choose another one, such as (\S+) or (\S+)`, "请换一个，例如 $1 或 $2"}, [2]string{`use codes of (\S+)`, "请用 $1 的代码"},
	[2]string{`name the group (\S+) instead`, "请改写组 $1"}, [2]string{`write ref: (\S+) and no required`, "请写 ref: $1，不写 required"},
	[2]string{`name a column of type (\S+) and policy (\S+)`, "请写一个 type 为 $1、policy 为 $2 的字段"}, [2]string{`name a column of (\S+) with derived: true`, "请写 $1 的一个 derived: true 的字段"},
	[2]string{`give the role a view of (\S+), or hide (\S+)`, "请给这个岗位 $1 的视图，或隐藏 $2"},
)

func phraseZH(list []phrase, text string) string {
	for _, p := range list {
		if p.en.MatchString(text) {
			return p.en.ReplaceAllString(text, p.zh)
		}
	}
	return text
}

// yamlZH are the mistakes in YAML that people make; the rest is called a mistake in the writing.
var yamlZH = map[string]string{
	"did not find expected node content":                           "括号、引号或冒号之后缺了内容",
	"did not find expected key":                                    "缩进或冒号不对",
	"did not find expected '-' indicator":                          "列表缺了“- ”，或缩进不对",
	"did not find expected ',' or ']'":                             "方括号没有配对，或缺了逗号",
	"did not find expected ',' or '}'":                             "花括号没有配对，或缺了逗号",
	"could not find expected ':'":                                  "缺了冒号",
	"mapping values are not allowed in this context":               "这里不该有冒号；含冒号的文字要加引号",
	"found character that cannot start any token":                  "有不能出现在开头的字符；缩进不能用制表符",
	"found a tab character that violates indentation":              "缩进不能用制表符",
	"found a tab character where an indentation space is expected": "缩进不能用制表符",
	"found unexpected end of stream":                               "引号没有配对",
	"block sequence entries are not allowed in this context":       "这里不该有“- ”",
}

// YAMLInChinese says what a YAML library found; line is 0 where it names none.
func YAMLInChinese(what string) string {
	what = strings.TrimPrefix(what, "yaml: ")
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		return "第 " + m[1] + " 行：" + YAMLInChinese(m[2])
	}
	if zh, ok := yamlZH[what]; ok {
		return zh
	}
	return "写法不对"
}

var yamlLine = regexp.MustCompile(`^line (\d+): (.*)$`)
