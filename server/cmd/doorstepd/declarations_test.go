package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The check of a county's declarations is in one language from end to end, and says what the version is made of.
func TestSchemaCheckSpeaksOneLanguage(t *testing.T) {
	dir := t.TempDir()
	data, own := filepath.Join(dir, "data"), filepath.Join(dir, "own")
	r := start(t, data)
	b := r.peopled() // from the first phone on the declarations are in use
	require.True(t, b.push())
	require.NoError(t, b.ws.Close())
	require.NoError(t, r.end())
	require.NoError(t, os.MkdirAll(filepath.Join(own, "records"), 0o700))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(own, name), []byte(text), 0o600))
	}
	check := func(want int, lang string) string {
		return speak(t, want, "schema", "check", own, "--data", data, "--county", "370115", "--lang", lang)
	}
	write("version.yaml", "version: 3\n")
	write("records/dispute.yaml", "extends: dispute\ncolumns:\n  extra: {zh: 备注, en: Note, type: text}\n")
	require.Regexp(t, `版本 \d+：内置的 \d+ 加上 .*own 里 version.yaml 的 3）正确，可以接替`, check(exitOK, "zh-CN"))
	require.Regexp(t, `version \d+: \d+ of the built-in ones and 3 in version.yaml of .*own\) are in order`, check(exitOK, "en"))

	write("records/dispute.yaml", "extends: dispute\ncolumns:\n  facts: {zh: 事实, en: Facts, type: int}\n")
	said := check(exitUsage, "zh-CN")
	require.Contains(t, said, "own 里的声明不能接替正在使用的声明")
	require.Contains(t, said, "dispute.yaml:3: dispute 的字段 facts 的 type 从 text 改为 int；请在旁边声明一个新字段")
	require.NotContains(t, said, "the declarations")
	require.Contains(t, check(exitUsage, "en"), "column facts of dispute changes its type from text to int; declare a new column beside it")

	write("version.yaml", "version: [\n")
	require.Contains(t, check(exitUsage, "zh-CN"), "这不是正确的 YAML：")
}
