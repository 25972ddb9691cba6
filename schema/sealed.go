package schema

import "encoding/binary"

// What a sealed value looks like from outside: magic and version, the id of its key, a nonce, and the ciphertext of whole
// blocks with its tag. Package schema/seal makes and opens them; everybody else judges by the form alone.
const (
	SealMagic = "\xd5\x53\x01"
	SealBlock = 16
	sealHead  = len(SealMagic) + 4 + 24 // magic, key, nonce
	sealTag   = 16
	sealLeast = sealHead + SealBlock + sealTag
)

// SealedForm gives the id of the key that a value says it was sealed with; ok is false for what is not sealed.
func SealedForm(b []byte) (key uint32, ok bool) {
	if len(b) < sealLeast || string(b[:len(SealMagic)]) != SealMagic || (len(b)-sealLeast)%SealBlock != 0 {
		return 0, false
	}
	key = binary.BigEndian.Uint32(b[len(SealMagic):])
	return key, key != 0
}

// SealedRoom gives how many bytes of text a sealed column takes.
func (c *Column) SealedRoom() int {
	return max(0, (c.maxLen()-sealHead-sealTag)/SealBlock*SealBlock-1)
}

// RuleSealed is broken by text where ciphertext belongs.
const RuleSealed = "sealed"

// RuleSealedKey is broken by a value sealed with a key that the county does not have.
const RuleSealedKey = "sealed_key"

// checkSealed judges a value by its form.
func (c *Column) checkSealed(v Value) *Problem {
	if n := c.maxLen(); len(v.s) > n {
		return c.problem(RuleTooLong, "%s的密文最多 %d 字节，请缩短原文后重新保存。", "%s is sealed in at most %d bytes; shorten it and save again.", n)
	}
	if _, ok := SealedForm([]byte(v.s)); !ok {
		return c.notSealed()
	}
	return nil
}

func (c *Column) notSealed() *Problem {
	return c.problem(RuleSealed, "%s必须加密保存，不能写入明文；请用敲门应用填写。", "%s is kept sealed and takes no plain text; fill it in with the Doorstep app.")
}

// checkHash judges the value of a column that holds keyed hashes.
func (c *Column) checkHash(s string) *Problem {
	if len(s) != 64 {
		return c.notSealed()
	}
	for i := range len(s) {
		if b := s[i]; (b < '0' || b > '9') && (b < 'a' || b > 'f') {
			return c.notSealed()
		}
	}
	return nil
}

// CheckPlain tells whether a text may be sealed into column c of t: what CheckValue cannot see any more afterwards.
func (s *Schema) CheckPlain(t *Table, c *Column, text string) *Problem {
	p := c.checkText(text)
	if p == nil && len(text) > c.SealedRoom() {
		p = c.problem(RuleTooLong, "%s最多 %d 个字节，请缩短。", "%s may have %d bytes; shorten it.", c.SealedRoom())
	}
	if k := checks[c.Check]; p == nil && k != nil && text != "" && !k.ok(text) {
		p = c.problem(c.Check, k.zh, k.en)
	}
	if p != nil {
		p.Table, p.Column = t.Name, c.Name
	}
	return p
}

// HashesOf gives the column that holds the keyed hash of a sealed one, nil if there is none.
func (t *Table) HashesOf(sealed string) *Column {
	for _, c := range t.Columns {
		if c.HashOf == sealed && sealed != "" {
			return c
		}
	}
	return nil
}
