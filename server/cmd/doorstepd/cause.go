package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/doorstep-sync/doorstep/internal/oscause"
	"github.com/doorstep-sync/doorstep/schema"
)

// causeZH says in Chinese what the system, a YAML library or the reading of flags found. ok is false for what is not
// known.
func causeZH(err error) (said string, ok bool) {
	switch e := err.(type) { //nolint:errorlint // pflag wraps none of its own
	case *pflag.NotExistError:
		return fmt.Sprintf("没有选项“%s”", e.GetSpecifiedName()), true
	case *pflag.ValueRequiredError:
		return fmt.Sprintf("选项“%s”后面缺少值", e.GetSpecifiedName()), true
	case *pflag.InvalidValueError:
		return fmt.Sprintf("选项 --%s 不能取“%s”", e.GetFlag().Name, e.GetValue()), true
	case *pflag.InvalidSyntaxError:
		return fmt.Sprintf("选项“%s”的写法不对", e.GetSpecifiedFlag()), true
	}
	if strings.HasPrefix(err.Error(), "yaml: ") {
		return schema.YAMLInChinese(err.Error()), true
	}
	return oscause.Chinese(err)
}
