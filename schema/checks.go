package schema

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// check is a named check of a text: what it accepts, and what to tell people. The sentences have one %s, the label.
type check struct {
	ok     func(string) bool
	zh, en string
}

// checks by the names that a declaration uses.
var checks = map[string]*check{
	"citizen_id":  {IsCitizenID, "%s不是有效的居民身份证号码，请核对 18 位号码（末位 X 用大写）。", "%s is no valid citizen identity number; compare its 18 characters (a final X is a capital)."},
	"identity_no": {IsIdentityNo, "%s不是有效的证件号码；居民身份证号码请核对 18 位（末位 X 用大写）。", "%s is no valid number of an identity document; of a citizen number compare all 18 characters (a final X is a capital)."},
	"phone":       {IsPhone, "%s不是有效的电话号码，请填写手机号或“区号-号码”。", "%s is no valid phone number; enter a mobile number or area code-number."},
	"uscc":        {IsUSCC, "%s不是有效的统一社会信用代码，请核对 18 位代码（大写）。", "%s is no valid unified social credit code; compare its 18 capital characters."},
}

// provinces are the first two digits a citizen number may begin with (GB/T 2260; 83 is the Taiwan residence permit).
// The rest of the region is not looked up: numbers keep the codes of counties that are long gone (domain.md B.9).
var provinces = strings.Fields("11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91")

// IsCitizenID tells whether s is a number by GB 11643: region, a birth date that exists, and the check character.
func IsCitizenID(s string) bool {
	if len(s) != 18 || !slices.Contains(provinces, s[:2]) {
		return false
	}
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		sum += int(s[i]-'0') * w
	}
	if d, err := time.Parse("20060102", s[6:14]); err != nil || d.Year() < 1800 {
		return false
	}
	return s[17] == "10X98765432"[sum%11]
}

// otherDocument: passports, residence permits and the like.
var otherDocument = regexp.MustCompile(`^[0-9A-Za-z()\-/]{4,30}$`)

// IsIdentityNo tells whether s can be the number of an identity document: one of 18 characters that begins with 17
// digits must be a citizen number.
func IsIdentityNo(s string) bool {
	if len(s) == 18 && strings.Trim(s[:17], "0123456789") == "" {
		return IsCitizenID(s)
	}
	return otherDocument.MatchString(s)
}

// phone: a mobile number, a landline with area code and perhaps an extension, a local or service number, or a foreign one.
var phone = regexp.MustCompile(`^(?:(?:\+86)?1[3-9]\d{9}|0\d{2,3}-?\d{7,8}(?:-\d{1,6})?|[2-9]\d{6,7}|1\d{2,4}|400-?\d{3}-?\d{4}|\+[1-9]\d{5,14})$`)

// IsPhone tells whether s can be dialled.
func IsPhone(s string) bool { return phone.MatchString(s) }

// IsUSCC tells whether s is a unified social credit code by GB 32100.
func IsUSCC(s string) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY" // without I, O, S, V, Z
	if len(s) != 18 {
		return false
	}
	sum, weight := 0, 1
	for i := range 17 {
		n := strings.IndexByte(alphabet, s[i])
		if n < 0 {
			return false
		}
		sum += n * weight
		weight = weight * 3 % 31
	}
	return s[17] == alphabet[(31-sum%31)%31]
}
