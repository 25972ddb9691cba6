package wire

import (
	"errors"
	"regexp"
	"strconv"

	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Error is why a message was refused: which field, and what to do. It never holds a value, so it may be logged.
type Error struct {
	Path     string // such as push.changesets[0].changes[2].row; "" = the message as a whole
	Problem  string // goes on from the path
	TooLarge bool   // it is beyond the limits rather than malformed
}

func (e *Error) Error() string {
	if e.Path == "" {
		return "the message " + e.Problem
	}
	return e.Path + " " + e.Problem
}

// Notice gives the code that the error is told with.
func (e *Error) Notice() session.NoticeCode {
	if e.TooLarge {
		return session.NoticeTooLarge
	}
	return session.NoticeProtocol
}

// within puts a field's name before the path of an error that came from below it.
func within(name string, err error) error {
	e := &Error{}
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Path == "":
		e.Path = name
	case e.Path[0] == '[':
		e.Path = name + e.Path
	default:
		e.Path = name + "." + e.Path
	}
	return e
}

func item(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// What of protojson's errors holds no value: the place, and the field's type and name.
var (
	jsonPlace = regexp.MustCompile(`\(line \d+:\d+\)`)
	jsonField = regexp.MustCompile(`invalid value for (\w+) (?:field|type):? (\w+)`)
	jsonTwice = regexp.MustCompile(`duplicate field|oneof .* is already set`)
)

// jsonError says where the JSON went wrong without repeating what stood there.
func jsonError(err error) *Error {
	text := err.Error()
	problem := "is not a JSON Envelope of doorstep.v1"
	if m := jsonField.FindStringSubmatch(text); m != nil {
		problem += ": " + m[2] + " is no valid " + m[1]
	} else if jsonTwice.MatchString(text) {
		problem += ": a field is there twice, or two kinds of message are"
	}
	if place := jsonPlace.FindString(text); place != "" {
		problem += " " + place
	}
	return &Error{Problem: problem + "; see protocol.md for how each message is written"}
}
