package messages

// The keys. Their names are part of the API; sentences may be improved.
const (
	Unexpected      Key = "internal"
	BadRequest      Key = "bad_request"
	BadField        Key = "bad_field"
	NoRoute         Key = "no_such_path"
	BadMethod       Key = "method_not_allowed"
	TokenInURL      Key = "token_in_url"
	TokenMissing    Key = "token_missing"
	TokenBad        Key = "token_invalid"
	AccountOff      Key = "account_disabled"
	DeviceRevoked   Key = "device_revoked"
	AdminOnly       Key = "admin_only"
	ConsoleOnly     Key = "console_only"
	LoginWrong      Key = "login_wrong"
	Busy            Key = "busy"
	SlowDown        Key = "slow_down"
	PasswordShort   Key = "password_short"
	PasswordLong    Key = "password_long"
	PasswordIsLogin Key = "password_is_login"
	BootstrapWrong  Key = "bootstrap_code_wrong"
	BootstrapDone   Key = "bootstrap_done"
	CodeWrong       Key = "enrolment_code_wrong"
	BadPublicKey    Key = "public_key_invalid"
	BadProof        Key = "proof_invalid"
	ChallengeWrong  Key = "challenge_invalid"
	SignatureWrong  Key = "signature_invalid"
	ForkKeyTaken    Key = "fork_key_taken"
	CodeOther       Key = "code_of_another"
	AccountTaken    Key = "account_taken"
	Unconfirmed     Key = "restore_unconfirmed"

	BadText        Key = "text_invalid"
	LoginShape     Key = "login_shape"
	LoginTaken     Key = "login_taken"
	NoAccount      Key = "account_not_found"
	AccountEnded   Key = "account_is_disabled"
	NoUnit         Key = "unit_not_found"
	NoUnitOfYours  Key = "unit_not_yours"
	NoDevice       Key = "device_not_found"
	NoAssignment   Key = "assignment_not_found"
	NoConflict     Key = "conflict_not_found"
	NoRecord       Key = "record_not_found"
	NoColumn       Key = "column_not_found"
	NoQuarantined  Key = "quarantined_not_found"
	NoRole         Key = "role_unknown"
	RoleNoDoors    Key = "role_has_no_doors"
	BadDoor        Key = "door_invalid"
	TooManyDoors   Key = "too_many_doors"
	AdminScope     Key = "admin_scope"
	ScopeMissing   Key = "scope_missing"
	ScopeAbove     Key = "scope_above_county"
	SpanInverted   Key = "span_inverted"
	AssignedBefore Key = "already_assigned"
	AssignmentOver Key = "assignment_ended"
	DeviceOver     Key = "device_already_revoked"
	MinimumSchema  Key = "minimum_schema"
	MinimumGrace   Key = "minimum_grace"
	MinimumApp     Key = "minimum_app"
	LastAdmin      Key = "last_admin"
	NoDoorsYet     Key = "no_doors_yet"
	BadLevel       Key = "level_unknown"

	NoPlan        Key = "plan_not_found"
	PlanBegun     Key = "plan_begun"
	PlanDone      Key = "plan_done"
	PlanInTheWay  Key = "plan_in_the_way"
	PlanStuck     Key = "plan_stuck"
	PlanForAdmins Key = "plan_for_admins"
	PlanNotYours  Key = "plan_not_yours"
	SameGrid      Key = "same_grid"
	NotAGrid      Key = "not_a_grid"
	GridClosed    Key = "grid_closed"
	GridTakenOver Key = "grid_taken_over"
	NoDoorsNamed  Key = "no_doors_named"
	MergeTakesAll Key = "merge_takes_all"
	NotADoor      Key = "not_a_door"
	DoorElsewhere Key = "door_elsewhere"
	DoorUnknown   Key = "door_unknown"
	UnitUnfit     Key = "unit_unfit"

	ConflictClosed   Key = "conflict_closed"
	ChoiceUnfit      Key = "choice_unfit"
	TakeNotShown     Key = "take_not_shown"
	MergeInto        Key = "merge_into"
	MergeFrom        Key = "merge_from"
	MergeGone        Key = "merge_gone"
	MergeTooLarge    Key = "merge_too_large"
	SplitNothing     Key = "split_nothing"
	SplitForgotten   Key = "split_forgotten"
	SetIncomplete    Key = "set_incomplete"
	SetValue         Key = "set_value"
	ReadElsewhere    Key = "read_elsewhere"
	MaskedForYou     Key = "masked_for_you"
	DecisionRefused  Key = "decision_refused"
	DecisionParked   Key = "decision_parked"
	QuarantineClosed Key = "quarantined_closed"
	NotReleasable    Key = "not_releasable"
	ReasonMissing    Key = "reason_missing"
	ReleaseFirst     Key = "release_first"
	ReleaseRefused   Key = "release_refused"
	ExportMasked     Key = "export_masked"
	StaffTooFew      Key = "staffing_too_few"
	StaffTooMany     Key = "staffing_too_many"
	ImportHasErrors  Key = "import_has_errors"
	ImportTooLarge   Key = "import_too_large"
	MaskedValue      Key = "masked_value"
	SealedValue      Key = "sealed_value"
	DeletedRow       Key = "deleted_row"
	Yes              Key = "yes"
	No               Key = "no"
	DefaultRowsLabel Key = "whole_row"
	HashesForm       Key = "hashes_form"
)

var catalogue = map[Key]entry{
	Unexpected:      {Internal, "中心内部出错，本次操作没有生效。请稍后再试；若仍不行，请联系管理员查看日志。", "The centre failed and nothing was changed. Try again later; if it persists, ask the administrator to look at the log."},
	BadRequest:      {Invalid, "请求有误，没有任何改动。请按下列各项修改后重试。", "The request is wrong and nothing was changed. Correct the items listed and try again."},
	BadField:        {Invalid, "“%[1]v”的值不合要求：%[2]v", "The value of %[1]q is not acceptable: %[2]v"},
	NoRoute:         {NotFound, "没有这个地址。可用地址见 /openapi.json。", "There is no such path. /openapi.json lists those that exist."},
	BadMethod:       {Invalid, "这个地址不支持该方法，可用：%v。", "This path does not take that method; it takes %v."},
	TokenInURL:      {Invalid, "令牌或口令不能放在网址里，网址会留在日志中。请放到 Authorization: Bearer 请求头，并视此令牌为已泄露。", "A token must not be in the URL, because URLs end up in logs. Send it in the header Authorization: Bearer, and treat this one as leaked."},
	TokenMissing:    {Unauthenticated, "请先登录：请求头 Authorization: Bearer 里没有令牌。", "Please sign in: there is no token in the header Authorization: Bearer."},
	TokenBad:        {Unauthenticated, "令牌无效或已过期，请重新登录（设备请重新换取令牌）。", "The token is invalid or has expired; sign in again (a device asks for a new token)."},
	AccountOff:      {Denied, "账号已停用，请联系管理员。", "The account is disabled; ask an administrator."},
	DeviceRevoked:   {Denied, "此设备已被停用，请联系管理员重新登记。", "This device has been revoked; ask an administrator to enrol it anew."},
	AdminOnly:       {Denied, "这项操作需要管理员身份。", "This needs the administrator's role."},
	ConsoleOnly:     {Denied, "这项操作需要在中心工作的身份（如社区书记）。", "This needs a role that works at the centre, such as supervisor."},
	LoginWrong:      {Unauthenticated, "登录名或密码不对，或因多次输错暂时锁定。请核对后稍等再试。", "The login or the password is wrong, or it is locked for a while after failed tries. Check both and try again later."},
	Busy:            {Unavailable, "现在登录的人太多，请几秒后再试。", "Too many people are signing in just now; try again in a few seconds."},
	SlowDown:        {TooMany, "尝试太频繁，请 %d 秒后再试。", "Too many tries; try again in %d seconds."},
	PasswordShort:   {Invalid, "密码太短：至少 %d 个字符。", "The password is too short: use at least %d characters."},
	PasswordLong:    {Invalid, "密码太长：至多 %d 个字符。", "The password is too long: use at most %d characters."},
	PasswordIsLogin: {Invalid, "密码不能与登录名相同，请换一个。", "The password must not be the login; choose another."},
	BootstrapWrong:  {Unauthenticated, "管理员一次性代码不对。请用中心启动时显示的最新代码。", "The one-time administrator code is wrong. Use the newest one that the centre printed when it started."},
	BootstrapDone:   {Conflict, "已有管理员，一次性代码不再可用。请用管理员账号登录。", "There is an administrator already, so the one-time code is void. Sign in with that account."},
	CodeWrong:       {Unauthenticated, "登记码不对、已用过或已过期。请向管理员要一个新的。", "The enrolment code is wrong, used or expired. Ask an administrator for a new one."},
	BadPublicKey:    {Invalid, "设备公钥无效：应为 32 字节 Ed25519 公钥的 base64url。", "The device's public key is invalid: it must be a 32-byte Ed25519 key in base64url."},
	BadProof:        {Invalid, "设备没有证明持有私钥：签名与登记码、公钥不符。", "The device did not prove that it holds the private key: the signature does not fit the code and public key."},
	ChallengeWrong:  {Unauthenticated, "质询无效、已用过或已过期，请重新获取。", "The challenge is invalid, used or expired; ask for a new one."},
	SignatureWrong:  {Unauthenticated, "设备签名不对，或设备未登记。", "The device's signature is wrong, or the device is not enrolled."},
	ForkKeyTaken:    {Conflict, "这把密钥已属于另一台设备；请生成新的密钥再试。", "This key belongs to another device already; make a new one and try again."},
	CodeOther:       {Conflict, "这个登记码不是给这个副本的人（账号 %[1]v）的，没有使用，本机的内容都在。请向管理员索取本人的登记码；如果中心恢复备份时丢失了这个账号，请管理员先按原编号重建：doorstep account create --id %[1]v，加上 --login 和 --name。", "This code is not for the person of this replica (account %[1]v). It was not used, and everything is still on this device. Ask the administrator for a code for that person; if the centre lost the account when a backup was restored, it has to be made again under its number first, by doorstep account create --id %[1]v with its login and name."},
	AccountTaken:    {Conflict, "这个编号的账号已经存在。", "There is an account with this id already."},
	Unconfirmed:     {Unavailable, "中心刚从备份恢复，管理员正在核对权限；请在核对后再试。", "The centre was restored from a backup and an administrator is checking who may do what; try again after that."},

	BadText:        {Invalid, "“%[1]v”应为 1 到 %[2]d 个字符，且不含控制字符。", "%[1]q must be 1 to %[2]d characters without control characters."},
	LoginShape:     {Invalid, "登录名“%v”不合要求：2 到 64 个字符，只用字母、数字、汉字和 . _ - @。", "The login %q is not acceptable: 2 to 64 characters, only letters, digits and . _ - @."},
	LoginTaken:     {Conflict, "登录名“%v”已有人用，请换一个。", "The login %q is taken; choose another."},
	NoAccount:      {NotFound, "没有这个账号。请核对编号，或在列表中查找。", "There is no such account. Check the id, or look for it in the list."},
	AccountEnded:   {Conflict, "这个账号已停用。请用在用的账号，或另建一个。", "The account is disabled. Use one that is in use, or make another."},
	NoUnit:         {NotFound, "没有编码为“%v”的组织单位，请先导入。", "There is no org unit with code %q; import it first."},
	NoUnitOfYours:  {NotFound, "没有编码为“%v”的组织单位，或者您不在那里的中心岗位上。请核对编码。", "There is no org unit with code %q, or you do not work at the centre there; check the code."},
	NoDevice:       {NotFound, "没有这台设备。请核对编号，或在列表中查找。", "There is no such device. Check the id, or look for it in the list."},
	NoAssignment:   {NotFound, "没有这条任职。请核对编号，或在列表中查找。", "There is no such assignment. Check the id, or look for it in the list."},
	NoConflict:     {NotFound, "没有这个冲突。请核对编号，或在列表中查找。", "There is no such conflict. Check the id, or look for it in the list."},
	NoRecord:       {NotFound, "没有这条记录，或者它不在您能看到的范围内。请核对编号。", "There is no such record, or it is not in your view; check the id."},
	NoColumn:       {Invalid, "没有字段“%v”。请核对拼写。", "There is no column %q; check the spelling."},
	NoQuarantined:  {NotFound, "没有这个被拒或暂存的变更集。请核对编号，或在列表中查找。", "There is no such refused changeset. Check the id, or look for it in the list."},
	NoRole:         {Invalid, "没有“%[1]v”这个角色。可用：%[2]v。", "There is no role %[1]q. There are: %[2]v."},
	RoleNoDoors:    {Invalid, "角色“%v”不分户，请不要给出户号。", "The role %q looks after no doors; leave doors empty."},
	BadDoor:        {Invalid, "户号“%v”无效：应为住房记录的编号（36 个字符的 UUID）。", "The door %q is invalid: it must be the id of a dwelling, a UUID of 36 characters."},
	TooManyDoors:   {Invalid, "一条任职至多 %d 户。请减少户号，或分给几个人。", "An assignment holds at most %d doors; give fewer, or share them among people."},
	AdminScope:     {Invalid, "角色“%v”管理整个中心，请把范围留空。", "The role %q is for the whole centre; leave the scope empty."},
	ScopeMissing:   {Invalid, "角色“%v”需要范围：请给出组织单位编码。", "The role %q needs a scope: give the code of an org unit."},
	ScopeAbove:     {Invalid, "范围“%v”高于区县。请选区县、街道、社区或网格。", "The scope %q is above a county; choose a county, street, community or grid."},
	SpanInverted:   {Invalid, "结束时间必须晚于开始时间。", "The end must be after the beginning."},
	AssignedBefore: {Conflict, "此人在该范围、这段时间已有这个角色（任职 %v）。请改那一条（如更换户号），或先结束它。", "This person already has that role there at that time (assignment %v). Change that one, such as its doors, or end it first."},
	AssignmentOver: {Conflict, "这条任职已经结束。", "This assignment has already ended."},
	MinimumSchema:  {Invalid, "最低声明版本应在 0（不限）到 %d（中心现用）之间。", "The minimum version of the declarations is from 0 (any) to %d (this centre's own)."},
	MinimumGrace:   {Invalid, "宽限天数应在 0 到 %d 之间。", "Days of grace are from 0 to %d."},
	MinimumApp:     {Invalid, "应用版本应写成用点分开的数字，例如 0.2.0。", "Write the version of the app as numbers with dots, such as 0.2.0."},
	DeviceOver:     {Conflict, "这台设备已经停用。", "This device has already been revoked."},
	NoDoorsYet:     {KindText, "还没有分户：在给出户号之前，此人什么也看不到。", "No doors yet: this person sees nothing until doors are given."},
	LastAdmin:      {Conflict, "这是最后一名管理员，不能停用或结束。请先任命另一名。", "This is the last administrator and cannot be ended or disabled; appoint another first."},
	BadLevel:       {Invalid, "没有“%[1]v”这个级别。可用：%[2]v。", "There is no level %[1]q. There are: %[2]v."},

	NoPlan:        {NotFound, "没有编号为 %v 的拆并方案。", "There is no plan with number %v."},
	PlanBegun:     {Conflict, "方案 %v 已经执行，不能撤销。", "Plan %v has been run and cannot be taken back."},
	PlanDone:      {Conflict, "方案 %v 已经完成，不能再执行；如需再调整，请另作一个方案。", "Plan %v is done and is not run again; make another one for what is left."},
	PlanInTheWay:  {Conflict, "方案 %v 正在调整这些网格，请先把它执行完。", "Plan %v is moving these grids; finish it first."},
	PlanStuck:     {Conflict, "方案里有您的角色无权移动的记录（%v）。请由有权的人来做，或请管理员在声明中给予权限。", "The plan holds records that your role may not move (%v). Let somebody do it who may, or have the right declared."},
	PlanForAdmins: {Denied, "方案要新建、关闭网格或调整任职，需由管理员执行。", "The plan makes or closes a grid or changes assignments, so an administrator runs it."},
	PlanNotYours:  {Denied, "方案由他人制定；请由制定人或管理员执行。", "Somebody else made this plan; he or an administrator runs it."},
	SameGrid:      {Invalid, "两个网格相同，请另选一个。", "Both grids are the same; choose another."},
	NotAGrid:      {Invalid, "“%[1]v”是%[2]v，不是网格。请给出网格编码。", "%[1]q is a %[2]v, not a grid; give the code of a grid."},
	GridClosed:    {Conflict, "网格“%v”已经关闭。请选在用的网格。", "Grid %q is closed; choose one that is in use."},
	GridTakenOver: {Conflict, "网格“%[1]v”已经关闭，由“%[2]v”接替。请改用后者。", "Grid %[1]q is closed and %[2]q has taken it over; use that one."},
	NoDoorsNamed:  {Invalid, "没有给出要移出的房屋或楼栋，请至少给出一个。", "No dwelling or building is named; name at least one to move."},
	MergeTakesAll: {Invalid, "合并时全部记录都移出，请不要给出房屋或人员。", "A merge takes everything; leave doors and people out."},
	NotADoor:      {Invalid, "“%v”既不是房屋也不是有房屋的楼栋。请核对编号。", "%q is neither a dwelling nor a building with dwellings; check the id."},
	DoorElsewhere: {Conflict, "“%v”不在这个网格。请核对编号，或从它所在的网格移出。", "%q is not in this grid; check the id, or split the grid that it is in."},
	DoorUnknown:   {NotFound, "没有编号为“%v”的房屋或楼栋。请核对编号。", "There is no dwelling or building with id %q; check it."},
	UnitUnfit:     {Invalid, "%[2]v网格“%[1]v”没有新建，请改正后重试。", "%[2]v Grid %[1]q was not made; correct it and try again."},

	ConflictClosed:   {Conflict, "这个冲突已经处理过了，请刷新。", "This conflict has been closed already; refresh."},
	ChoiceUnfit:      {Invalid, "“%[1]v”不适用于这个冲突。可选：%[2]v。", "The choice %[1]q does not fit this conflict. It takes: %[2]v."},
	TakeNotShown:     {Invalid, "请在 take 里给出所选的候选，它必须是 shown 中的一个。", "Name the candidate chosen in take; it must be one of those in shown."},
	MergeInto:        {Invalid, "请在 into 里写明合并后保留哪一条记录，在 retired 里写其余要并入的；都必须是这个冲突里的记录。", "Name the record that stays in into, and those that become it in retired; each must be one of this conflict's records."},
	MergeFrom:        {Invalid, "“%v”不能这样选：只能选会保留某一条记录内容的列，并写明这个冲突里的记录。", "%q cannot be picked like that: name a column of which one record's value is kept, and one of the records being merged."},
	MergeGone:        {Conflict, "要合并的记录已经不在了，或不在同一个单位。请重新打开这个冲突再决定。", "A record to be merged is not there any more, or not in the same unit. Open the conflict again and decide then."},
	MergeTooLarge:    {Conflict, "关联的记录太多，不能一次合并或拆开。请先把一部分关联记录改到保留的那一条。", "Too many records refer to it to be merged or split at once. Make some of them refer to the one that stays first."},
	SplitNothing:     {Conflict, "这里没有可以拆开的记录：它没有被合并，或已经拆开。", "There is nothing to split here: the record was not merged, or has come back already."},
	SplitForgotten:   {Conflict, "被并入的记录内容已超过保存期限，不能拆开；请重新登记。", "What the merged record held is past its retention and forgotten, so it cannot come back; enter it anew."},
	SetIncomplete:    {Invalid, "自行填写时 values 要给出这些列：%v。", "To set a value, give these columns in values: %v."},
	SetValue:         {Invalid, "“%[1]v”的值应为%[2]v。", "The value of %[1]q must be %[2]v."},
	ReadElsewhere:    {Conflict, "您读到的状态（第 %[1]d 期 %[2]d 号）中心没有。请重新打开这个冲突再决定。", "The centre never had the state you read (epoch %[1]d, seq %[2]d). Open the conflict again and decide then."},
	MaskedForYou:     {Denied, "其中有您看不到的内容，不能由您决定；请交给能看到全部内容的人。", "It holds what you may not see, so you cannot decide it; leave it to somebody who sees all of it."},
	DecisionRefused:  {Conflict, "决定没有生效（%v）。请重新打开这个冲突再决定。", "The decision had no effect (%v). Open the conflict again and decide then."},
	DecisionParked:   {Conflict, "决定已搁置（%v），暂未生效。", "The decision is parked (%v) and has had no effect yet."},
	QuarantineClosed: {Conflict, "这个变更集已经处理过了（重发、采纳或驳回，以先者为准）。请刷新。", "This changeset has been dealt with already: of retry, release and dismissal the first counts. Refresh."},
	NotReleasable:    {Conflict, "被拒绝的变更集内容有误，不能采纳；可以驳回或导出，由填写人改正后重发。", "A rejected changeset is wrong as it is and cannot be released. Dismiss or export it; its author may correct and send it again."},
	ReasonMissing:    {Invalid, "驳回时请写明理由，填写人会看到。", "Give a reason to dismiss it; its author reads it."},
	ReleaseFirst:     {Conflict, "它依赖同一设备较早的第 %v 个变更集，请先采纳那一个。", "It depends on an earlier changeset of the same device, number %v; release that one first."},
	ReleaseRefused:   {Conflict, "现在还不能采纳：“%[1]v”不符合要求（%[2]v）。请先处理好这一点，或导出后另行登记。", "It cannot be released now: %[1]q does not fit (%[2]v). Put that right first, or export it and enter it anew."},
	ExportMasked:     {Denied, "其中有您看不到的内容，不能由您导出。", "It holds what you may not see, so you cannot export it."},
	StaffTooFew:      {KindText, "户数 %[1]d，少于 %[2]d–%[3]d 户的配比，可考虑合并网格。", "%[1]d households: fewer than %[2]d–%[3]d; consider merging grids."},
	StaffTooMany:     {KindText, "户数 %[1]d，多于 %[2]d–%[3]d 户的配比，应考虑拆分网格或增员。", "%[1]d households: more than %[2]d–%[3]d; consider splitting the grid or adding staff."},
	ImportHasErrors:  {Invalid, "文件有 %d 处错误，没有导入任何内容。请改正后重新导入。", "The file has %d errors and nothing was imported. Correct them and import again."},
	ImportTooLarge:   {TooLarge, "文件太大：至多 %d 行、%d MB。请分批导入。", "The file is too large: at most %d lines and %d MB. Import it in parts."},
	MaskedValue:      {KindText, "（已填，不显示）", "(filled in, not shown)"},
	SealedValue:      {KindText, "（密文）", "(sealed)"},
	DeletedRow:       {KindText, "（已删除）", "(deleted)"},
	Yes:              {KindText, "是", "yes"},
	No:               {KindText, "否", "no"},
	HashesForm:       {KindText, "应为每个 32 字节的散列，base64url 不带填充；没有散列时 from 为 0", "must be hashes of 32 bytes each, in base64url without padding; from is 0 where there are none"},
	DefaultRowsLabel: {KindText, "整条记录", "the whole record"},
}
