package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
)

// words are what this program says itself. Errors of the SDK bring their own sentences, in both languages.
var words = map[string]schema.Label{
	"written": {ZH: "%s 已记下 %s 的走访，保存在本机", EN: "%s visit to %s saved on this device"},
	"synced":  {ZH: "已同步：发送 %d 个变更集，收到 %d 行", EN: "in step: %d changesets sent, %d rows in"},
	"offline": {ZH: "没有网络；已保存在本机，下次再发送", EN: "no network; all is saved on this device and is sent next time"},
	"visit":   {ZH: "%s %s 走访 %s", EN: "%s %s visit %s"},
	"waiting": {ZH: "待发送 %d 个变更集", EN: "%d changesets wait to be sent"},
	"refused": {ZH: "! 第 %d 个被退回：%s", EN: "! number %d was refused: %s"},
	"no_door": {ZH: "本机没有这个房号的住户；请先同步，或检查房号。", EN: "No household of this device lives there; sync first, or check the number."},
}

// speaker writes sentences in the person's language.
type speaker struct {
	lang string
	out  io.Writer
}

func (s speaker) say(key string, args ...any) {
	fmt.Fprintf(s.out, words[key].In(s.lang)+"\n", args...)
}

// explain says what went wrong and what to do, in the person's language.
func explain(err error, lang string) string {
	var e *device.Error
	switch {
	case errors.As(err, &e):
		return e.In(lang)
	case errors.Is(err, errNoDoor):
		return words["no_door"].In(lang)
	}
	return err.Error()
}
