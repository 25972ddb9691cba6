package messages

// Keys of the sentences about files to import. Each names the cell's value and what to do; line and column stand
// beside it.
const (
	FileEmpty      Key = "file_empty"
	FileNoLines    Key = "file_no_lines"
	FileEncoding   Key = "file_encoding"
	FileBinary     Key = "file_binary"
	FileSyntax     Key = "file_syntax"
	FileQuote      Key = "file_quote"
	FileOpenQuote  Key = "file_open_quote"
	FileSeparator  Key = "file_separator"
	FileHeader     Key = "file_no_header"
	ColumnUnknown  Key = "column_unknown"
	ColumnTwice    Key = "column_twice"
	ColumnMissing  Key = "column_missing"
	CellsMissing   Key = "cells_missing"
	CellsExtra     Key = "cells_extra"
	LevelUnknown   Key = "unit_level_unknown"
	CodeShape      Key = "unit_code_shape"
	CodeScientific Key = "unit_code_scientific"
	CodeTwice      Key = "unit_code_twice"
	CodeEnded      Key = "unit_code_ended"
	NameEmpty      Key = "unit_name_empty"
	NameBad        Key = "unit_name_bad"
	ParentEmpty    Key = "unit_parent_empty"
	ParentMissing  Key = "unit_parent_missing"
	ParentLevel    Key = "unit_parent_level"
	ParentNotEmpty Key = "unit_parent_not_empty"
	GridPrefix     Key = "grid_code_prefix"
	GridType       Key = "grid_type_unknown"
	GridTypeOnUnit Key = "grid_type_on_unit"
	PrefixUnusual  Key = "unit_code_prefix_unusual"
	StreetRange    Key = "street_code_range"
	LoginTwice     Key = "account_login_twice"
)

func init() {
	for k, e := range importing {
		catalogue[k] = e
	}
}

var importing = map[Key]entry{
	FileEmpty:      {Invalid, "文件是空的。第一行应为表头：%v。", "The file is empty. Its first line must be the header: %v."},
	FileNoLines:    {Invalid, "文件只有表头，没有数据。请从第二行起填写。", "The file has a header but no data. Fill in lines below it."},
	FileEncoding:   {Invalid, "文件既不是 UTF-8 也不是 GB18030 编码。请用“CSV UTF-8”另存后重试。", "The file is neither UTF-8 nor GB18030. Save it as \"CSV UTF-8\" and try again."},
	FileBinary:     {Invalid, "这不是文本文件（可能是表格软件自己的格式）。请用“CSV UTF-8”另存后重试。", "This is not a text file (perhaps it is a spreadsheet's own format). Save it as \"CSV UTF-8\" and try again."},
	FileSyntax:     {Invalid, "这一行不是正确的 CSV，后面的各行没有检查。请检查引号是否成对。", "This line is not valid CSV, and the lines after it were not checked. Check that quotes are in pairs."},
	FileQuote:      {Invalid, "这一行有一格中间出现了引号，后面的各行没有检查。含引号的内容要整格加引号，里面的引号写两遍。", "A cell of this line has a quote in its middle, and the lines after it were not checked. Put the whole cell in quotes and write each quote inside it twice."},
	FileOpenQuote:  {Invalid, "这一行有一格的引号没有关好，后面的各行没有检查。请让引号成对，格内的引号写两遍。", "A quoted cell that begins on this line is not closed properly, and the lines after it were not checked. Put quotes in pairs, and write a quote inside a cell twice."},
	FileSeparator:  {Invalid, "列之间不是逗号。请用逗号分隔的 CSV 保存后重试。", "The columns are not separated by commas. Save it as comma-separated CSV and try again."},
	FileHeader:     {Invalid, "第一行不是表头。请在最前面加一行列名：%v。", "The first line is no header. Put a line with the names of the columns above it: %v."},
	ColumnUnknown:  {Invalid, "不认识“%[1]v”这一列。可用的列：%[2]v。请改名或删除此列。", "The column %[1]q is unknown. The columns are: %[2]v. Rename or remove it."},
	ColumnTwice:    {Invalid, "“%v”这一列出现了两次，请删去一列。", "The column %q appears twice; remove one."},
	ColumnMissing:  {Invalid, "缺少“%v”这一列，请补上。", "The column %q is missing; add it."},
	CellsMissing:   {Invalid, "这一行只有 %[1]d 格，应有 %[2]d 格。请补齐。", "This line has only %[1]d cells; it needs %[2]d. Complete it."},
	CellsExtra:     {Invalid, "这一行有 %[1]d 格，多于表头的 %[2]d 格。含逗号的内容请加引号。", "This line has %[1]d cells, more than the header's %[2]d. Quote what holds a comma."},
	LevelUnknown:   {Invalid, "不认识级别“%[1]v”。请用：%[2]v。", "The level %[1]q is unknown. Use one of: %[2]v."},
	CodeShape:      {Invalid, "编码“%[1]v”不合要求：%[2]v应为 %[3]d 位数字。", "The code %[1]q is wrong: a %[2]v has %[3]d digits."},
	CodeScientific: {Invalid, "编码“%v”被表格软件改成了科学计数法。请把该列设为文本格式并重新填写。", "The code %q was turned into scientific notation by a spreadsheet. Format the column as text and fill it in again."},
	CodeTwice:      {Invalid, "编码“%[1]v”与第 %[2]d 行重复，请删去一行。", "The code %[1]q repeats line %[2]d; remove one of them."},
	CodeEnded:      {Invalid, "编码“%v”属于已撤销的单位，编码不得重复使用。请换新编码。", "The code %q belongs to a unit that has ended, and codes are never used again. Give a new code."},
	NameEmpty:      {Invalid, "“%v”没有名称，请填写。", "%q has no name; fill it in."},
	NameBad:        {Invalid, "名称“%[1]v”不合要求：至多 %[2]d 个字符，不含控制字符。", "The name %[1]q is not acceptable: at most %[2]d characters, without control characters."},
	ParentEmpty:    {Invalid, "“%[1]v”没有上级。%[2]v必须有上级%[3]v，请填写其编码。", "%[1]q has no parent. A %[2]v needs a %[3]v above it; fill in its code."},
	ParentMissing:  {Invalid, "上级“%v”不在文件里，也没有导入过。请先加上这一行，或改正编码。", "The parent %q is neither in this file nor imported before. Add its line, or correct the code."},
	ParentLevel:    {Invalid, "上级“%[1]v”是%[2]v，而%[3]v的上级必须是%[4]v。请改正。", "The parent %[1]q is a %[2]v, but the parent of a %[3]v must be a %[4]v. Correct it."},
	ParentNotEmpty: {Invalid, "省级没有上级，请清空“%v”。", "A province has no parent; clear %q."},
	GridPrefix:     {Invalid, "网格编码“%[1]v”的前 12 位必须是所属社区的编码“%[2]v”。", "The first 12 digits of the grid code %[1]q must be its community's code %[2]q."},
	GridType:       {Invalid, "不认识网格类型“%[1]v”。请用：%[2]v，或留空。", "The grid type %[1]q is unknown. Use one of: %[2]v, or leave it empty."},
	GridTypeOnUnit: {Invalid, "只有网格才有网格类型，请清空“%v”。", "Only grids have a grid type; clear %q."},
	PrefixUnusual:  {KindText, "编码“%[1]v”不以上级编码“%[2]v”开头，请核对（不影响导入）。", "The code %[1]q does not begin with its parent's code %[2]q; check it (it is imported all the same)."},
	StreetRange:    {KindText, "编码“%v”的后三位不在 001–599 内，请核对（不影响导入）。", "The last three digits of the code %q are outside 001–599; check it (it is imported all the same)."},
	LoginTwice:     {Invalid, "登录名“%[1]v”与第 %[2]d 行不一致：同一登录名的姓名必须相同。", "The login %[1]q disagrees with line %[2]d: one login has one name."},

	"level.province":  {KindText, "省", "province"},
	"level.city":      {KindText, "市", "city"},
	"level.county":    {KindText, "区县", "county"},
	"level.street":    {KindText, "街道（乡镇）", "street"},
	"level.community": {KindText, "社区（村）", "community"},
	"level.grid":      {KindText, "网格", "grid"},

	"grid_type.base":      {KindText, "基础网格", "base grid"},
	"grid_type.dedicated": {KindText, "专属网格", "dedicated grid"},
	"grid_type.micro":     {KindText, "微网格", "micro grid"},

	"type.sealed": {KindText, "设备端加密的内容，不能在此填写", "left to devices, which encrypt it"},
	"type.bool":   {KindText, " true 或 false", "true or false"},
	"type.int":    {KindText, "整数", "a whole number"},
	"type.real":   {KindText, "数字", "a number"},
	"type.time":   {KindText, "时间（如 2026-03-02T08:00:00Z）", "a time such as 2026-03-02T08:00:00Z"},
	"type.set":    {KindText, "文字列表", "a list of texts"},
	"type.text":   {KindText, "文字", "a text"},
	"type.date":   {KindText, "日期（如 2026-03-02）", "a date such as 2026-03-02"},
	"type.code":   {KindText, "代码", "a code"},
	"type.ref":    {KindText, "记录编号", "the id of a record"},
	"type.scope":  {KindText, "组织单位编码", "the code of an org unit"},
	"type.id":     {KindText, "编号", "an id"},
}
