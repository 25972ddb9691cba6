package device

// Code is what went wrong on the device or between it and the centre, for programs. Why the centre refused a
// changeset is a syncengine.Code: see Rejection.
type Code string

// The codes. Each has a sentence in the catalogue.
const (
	CodeExists      Code = "exists"
	CodeMissingFile Code = "missing_file"
	CodeNotReplica  Code = "not_replica"
	CodeNewer       Code = "newer_replica"
	CodeCounty      Code = "county_replica"
	CodeNotEnrolled Code = "not_enrolled"
	CodeEnrolled    Code = "enrolled_already"
	CodeBusy        Code = "busy"
	CodeDiskFull    Code = "disk_full"
	CodeDisk        Code = "disk"
	CodeDamaged     Code = "damaged"

	CodeNoTable     Code = "no_table"
	CodeNoColumn    Code = "no_column"
	CodeNoRow       Code = "no_row"
	CodeBadValue    Code = "bad_value"
	CodeNotWritable Code = "not_writable"
	CodeNoRight     Code = "no_right"
	CodeAppendOnly  Code = "append_only"
	CodeTooLarge    Code = "too_large"
	CodeAhead       Code = "form_ahead"
	CodeNoScope     Code = "no_scope"
	CodeSame        Code = "retry_same"

	CodeOffline         Code = "offline"
	CodeUnauthorised    Code = "unauthorised"
	CodeKey             Code = "key"
	CodeCodeRefused     Code = "code_refused"
	CodeNoCentre        Code = "no_centre"
	CodeRefused         Code = "refused"
	CodeProtocol        Code = "protocol"
	CodeMessageTooLarge Code = "message_too_large"
	CodeRevoked         Code = "revoked"
	CodeErased          Code = "erased"
	CodeLocked          Code = "locked"
	CodeClone           Code = "clone"
	CodeQuota           Code = "quota"
	CodeGap             Code = "gap"
	CodeStopping        Code = "stopping"
	CodeCentreBusy      Code = "centre_busy"
	CodeChunk           Code = "chunk"
	CodeCentre          Code = "centre"
	CodeTimeout         Code = "timeout"
	CodeClock           Code = "clock"
	CodeUpdate          Code = "update"
	CodeUpdateSoon      Code = "update_soon"
	CodeForeignCentre   Code = "foreign_centre"
	CodePlainText       Code = "plain_text"
	CodeRestored        Code = "restored"
	CodeProof           Code = "bad_proof"
	CodeSealKey         Code = "seal_key"
	CodeNoCipher        Code = "no_cipher"
	CodeEncrypted       Code = "encrypted"
	CodeWrongKey        Code = "wrong_key"
	CodeInClear         Code = "in_clear"
	CodeNoSealKey       Code = "no_seal_key"
	CodeRepairs         Code = "many_repairs"
	CodeUnchecked       Code = "unchecked"
)

type sentence struct {
	retry  bool
	zh, en string
}

// catalogue has one entry for every Code: what happened, and what to do.
var catalogue = map[Code]sentence{
	CodeExists:      {false, "这个文件已经存在；请换一个文件名，或者打开已有的副本。", "This file exists already; choose another name, or open the replica that is there."},
	CodeMissingFile: {false, "找不到副本文件；请检查路径，或先登记本机以新建副本。", "There is no replica file here; check the path, or enrol this device to make one."},
	CodeNotReplica:  {false, "这个文件不是敲门的副本；请选择正确的文件，原文件未作任何改动。", "This file is not a Doorstep replica; choose the right one. Nothing in it was changed."},
	CodeNewer:       {false, "副本由更新版本的应用建立；请升级本应用后再打开，数据不受影响。", "This replica was made by a newer version of the app; upgrade the app and open it again. Its data is safe."},
	CodeCounty:      {false, "副本是用县里自己的声明（或更新的声明）建立的；请用 --schema 文件夹 或 DOORSTEP_SCHEMA 给出这些声明，数据不受影响。", "This replica was made with the county's declarations, or newer ones; give --schema FOLDER or DOORSTEP_SCHEMA. Its data is safe."},
	CodeNotEnrolled: {false, "本机尚未登记；请向管理员索取登记码，先完成登记。", "This device is not enrolled yet; ask the administrator for an enrolment code and enrol first."},
	CodeEnrolled:    {false, "本机已经登记过；如需更换人员，请新建一个副本。", "This device is enrolled already; for another person make a new replica."},
	CodeBusy:        {true, "另一个程序正在写入副本；请稍后再试，或关闭那个程序。", "Another program is writing to the replica; try again in a moment, or close that program."},
	CodeDiskFull:    {true, "存储空间已满，这次没有保存；请清理空间后重试，已保存的内容不受影响。", "The storage is full and this was not saved; free some space and try again. What was saved before is safe."},
	CodeDisk:        {true, "无法读写存储，这次没有保存；请检查磁盘和文件权限后重试。", "The storage cannot be read or written and this was not saved; check the disk and the file's permissions."},
	CodeDamaged:     {false, "副本文件有损坏；请不要删除它。运行 doorstep recover，可读的未发送记录会转入新的副本，旧文件保留。", "The replica file is damaged; do not delete it. Run doorstep recover: unsent work that can be read moves into a new replica, and the old file is kept."},

	CodeNoTable:     {false, "没有名为“%s”的记录类型；请检查拼写。", "There is no record type called %q; check the spelling."},
	CodeNoColumn:    {false, "“%[1]s”没有名为“%[2]s”的字段；请检查拼写。", "Record type %q has no column %q; check the spelling."},
	CodeNoRow:       {false, "本机没有这条记录；请先同步，或检查编号。", "This device does not hold that record; sync first, or check the id."},
	CodeBadValue:    {false, "填写的内容有误；请按提示修改。", "A value cannot be stored; correct it as the hint says."},
	CodeNotWritable: {false, "“%s”由中心填写，不能在本机修改；请留空。", "%q is filled in by the centre and cannot be written here; leave it out."},
	CodeNoRight:     {false, "你的岗位不能这样写，没有保存；请找主管填写，或申请权限。", "Your role may not write this, so it was not saved; ask your supervisor to write it or for the right."},
	CodeAppendOnly:  {false, "“%s”登记后不能修改或删除；请作废后重新登记。", "%q cannot be changed or deleted once recorded; void it and record a new one."},
	CodeTooLarge:    {false, "一次保存的内容太多，没有保存；请分几次保存。", "This is too much for one save and was not saved; save it in several steps."},
	CodeNoScope:     {false, "新建的“%s”没有所属网格；请先同步，或选择网格后重新保存。", "The new %s has no grid; sync first, or choose the grid and save again."},
	CodeSame:        {false, "这样重发不会改变任何内容；请改正一些内容，或不再处理它。", "This would change nothing; correct something, or dismiss it."},
	CodeAhead:       {false, "表单的读取位置超前于本机；请重新打开表单。", "The form claims to have been read later than this replica is; open the form again."},

	CodeOffline:         {true, "连接不上中心；记录已保存在本机，有网络时会自动发送。", "The centre cannot be reached; your work is saved on this device and will be sent when there is a network."},
	CodeUnauthorised:    {false, "中心不认可本机的身份；请联系管理员重新登记，未发送的记录都在本机。", "The centre does not accept this device; ask the administrator to enrol it again. Unsent work stays on this device."},
	CodeKey:             {false, "读不到本机的密钥文件；请恢复它，或联系管理员重新登记。", "The key file of this device cannot be used; restore it, or ask the administrator to enrol the device again."},
	CodeCodeRefused:     {false, "登记码不正确、已用过或已过期；请向管理员索取新的登记码。", "The enrolment code is wrong, used or expired; ask the administrator for a new one."},
	CodeNoCentre:        {false, "这个地址没有敲门中心；请检查地址。", "There is no Doorstep centre at this address; check it."},
	CodeRefused:         {false, "中心拒绝了这个请求；请检查填写的内容，或联系管理员。", "The centre refused the request; check what was entered, or call the administrator."},
	CodeProtocol:        {true, "与中心的对话出现差错；稍后会自动重试，如一直如此请升级应用。", "The conversation with the centre went wrong; it will be tried again. If it stays so, upgrade the app."},
	CodeMessageTooLarge: {false, "有一条消息超过了中心的上限；请联系管理员，记录都在本机。", "A message is larger than the centre takes; call the administrator. Everything is still on this device."},
	CodeQuota:           {true, "本机被退回或待处理的内容太多，后面的暂时留在本机，没有丢失；请联系社区处理。", "Too much from this device was refused or waits for a decision; what follows stays here and is not lost. Ask the supervisor to deal with it."},
	CodeRevoked:         {false, "本机已被停用；请联系管理员。未发送的内容会先交给中心，再清除本机的记录。", "This device has been revoked; call the administrator. Unsent work is handed to the centre before the records here are removed."},
	CodeErased:          {false, "本机的记录和密钥已按中心的要求清除；如需继续使用，请向管理员索取新的登记码。", "The records and the key on this device were erased as the centre asked; to use it again, ask the administrator for a new enrolment code."},
	CodeLocked:          {false, "本机已超过 %d 天没有联系中心，记录已锁定；请联网同步后继续，未发送的内容都在。", "This device has had no contact with the centre for %d days, so its records are locked; connect and sync to go on. Unsent work is safe."},
	CodeClone:           {false, "副本被复制过或被恢复成旧的样子，中心没有同意把它作为新设备，已停止同步；请保留文件并联系管理员，未发送的记录都在里面。", "This replica was copied or put back to an older state and the centre did not take it as a device of its own, so syncing stopped; keep the file and call the administrator. Unsent work is in it."},
	CodeGap:             {true, "中心缺少前面的记录，会自动重新发送。", "The centre is missing something sent before; it will be sent again."},
	CodeStopping:        {true, "中心正在停机维护；稍后会自动重试。", "The centre is stopping for maintenance; it will be tried again later."},
	CodeCentreBusy:      {true, "中心现在很忙；稍后会自动重试，记录都在本机。", "The centre is busy now; it will be tried again later. Everything is saved on this device."},
	CodeChunk:           {true, "下载的数据在路上损坏，没有采用；会自动重新下载。", "What was downloaded came damaged and was not taken; it will be downloaded again."},
	CodeCentre:          {true, "中心暂时出错；稍后会自动重试，记录都在本机。", "The centre has a problem at the moment; it will be tried again later. Everything is saved on this device."},
	CodeNoCipher:        {false, "这个程序不能加密副本，所以没有写入任何内容；请使用加密版本的应用，或把副本放在加密磁盘上。", "This program cannot encrypt a replica, so nothing was written; use the encrypted build of the app, or keep the replica on an encrypted disk."},
	CodeEncrypted:       {false, "副本已加密；请给出它的密钥或 PIN，文件未作任何改动。", "This replica is encrypted; give its key or PIN. Nothing in it was changed."},
	CodeWrongKey:        {false, "密钥或 PIN 打不开这个副本；文件没有损坏，也未作任何改动，请给出正确的密钥。", "This key or PIN does not open the replica; give the right one. The file is not damaged, and nothing in it was changed."},
	CodeInClear:         {false, "副本没有加密，未按加密副本打开；请先加密（doorstep replica encrypt），或不带密钥打开。", "This replica is not encrypted and was not opened as one that is; encrypt it first (doorstep replica encrypt), or open it without a key."},
	CodeSealKey:         {false, "读写不了本机的加密栏目密钥；请检查 PIN、存储空间和文件权限。", "The keys of sealed columns cannot be read or written on this device; check PIN, storage and permissions."},
	CodeNoSealKey:       {false, "本机没有“%s”的密钥，不能填写或查找；请先同步，或向管理员确认你的岗位是否可以填写。", "This device holds no key for %q, so it cannot be filled in or searched; sync first, or ask the administrator whether your role may."},
	CodeForeignCentre:   {true, "对方不是本机登记时的那个中心，没有发送任何内容；请检查网络，中心确实更换过证书时请向管理员核对指纹。", "Who answered is not the centre that this device was enrolled with; nothing was sent. Check the network; if the centre did change its certificate, compare the fingerprint with the administrator."},
	CodePlainText:       {false, "这个地址会明文传输，没有发送任何内容；请使用 https 地址，或由管理员确认后加 --insecure-plain-text。", "This address would send everything in plain text, so nothing was sent; use an https address, or --insecure-plain-text if the administrator says so."},
	CodeTimeout:         {true, "中心没有及时回应；稍后会自动重试。", "The centre did not answer in time; it will be tried again."},
	CodeRestored:        {true, "中心刚从备份恢复，管理员正在核对权限；核对后会自动同步，记录都在本机，不会丢失。", "The centre was restored from a backup and an administrator is checking who may do what; syncing goes on by itself after that. Everything is safe on this device."},
	CodeProof:           {false, "本机的同步凭据不是这个中心给的，已停止同步；请联系管理员，得到答复后运行 doorstep sync --fresh 重新取一份，未发送的记录不会丢失。", "What this device holds was not made by this centre, so syncing stopped; call the administrator, and when told so take a fresh copy with doorstep sync --fresh. Unsent work stays."},
	CodeUpdate:          {false, "应用版本太旧，不能再新增或修改；请升级应用。已保存的内容会照常发送，不会丢失。", "This app is too old to write anything new; update it. What is saved here is still sent, and nothing is lost."},
	CodeUpdateSoon:      {false, "应用快要过期，请尽快升级；过期后只能发送已保存的内容，收不到新数据。", "This app will soon be too old; update it. After that it can only send what is saved here, and gets no new data."},
	CodeRepairs:         {false, "本机的副本一再与中心不一致，已停止自动核对一天；请联系管理员查明原因（存储损坏，或有程序绕过记录写入）。未发送的记录不受影响。", "This replica differed from the centre again and again, so checking has stopped for a day; ask the administrator to find out why (failing storage, or a program that writes past the record). Unsent work is safe."},
	CodeUnchecked:       {true, "暂时无法与中心核对（中心繁忙，或版本较旧）；同步不受影响，请稍后再试。", "The replica could not be compared with the centre now (the centre is busy, or an older version); syncing is not affected. Try again later."},
	CodeClock:           {true, "本机的时钟不准；记录不受影响，请校准时间。", "The clock of this device is off; nothing is lost for it, but please set it."},
}
