package cli

import (
	"errors"
	"strings"

	"github.com/doorstep-sync/doorstep/internal/oscause"
)

// cause says what somebody else found wrong, in the person's language as far as it is known.
func (a *app) cause(err error) string {
	var known interface{ In(lang string) string } // faults of declarations, sentences of the device
	if errors.As(err, &known) {
		return known.In(a.lang)
	}
	if a.lang == zh {
		if said, ok := oscause.Chinese(err); ok {
			return said
		}
	}
	return strings.TrimSpace(err.Error())
}
