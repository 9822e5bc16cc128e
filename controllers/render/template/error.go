package template

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
)

// Limits of an error's text, as a message in a condition may have at most 32 KiB.
const (
	// namesShown is how many names of fields are listed.
	namesShown = 10
	// nameShown is how many bytes of a name, or of a part of a template, are shown.
	nameShown = 200
)

// Errors of text/template begin with the name of the template and the place in it. They have no types or fields for
// these.
var (
	// parseFailure has the line and the message.
	parseFailure = regexp.MustCompile(`^[-._a-zA-Z0-9/]*:(\d+)(?::\d+)?: (?s)(.*)$`)
	// executionPlace has the line and the column.
	executionPlace = regexp.MustCompile(`^template: [-._a-zA-Z0-9/]*:(\d+):(\d+): `)
	// failedBuiltin has the name of the function of text/template that failed.
	failedBuiltin = regexp.MustCompile(`^[^>]*>: error calling (\w+): `)
	// missingField has the name of the field, as it is written in the template.
	missingField = regexp.MustCompile(`>: map has no entry for key "(\w+)"$`)
)

// Error says why a template gives no key.
type Error struct {
	// Field is the field of the template. Default: spec.template.data.
	Field string
	// Key is the key of the field whose template it is; empty if the field is the template.
	Key string
	// Message has the place in the template, the problem and the remedy. It has no part of a value.
	Message string
}

// Error is the message, led by the field of the spec.
func (e *Error) Error() string {
	field := cmp.Or(e.Field, "spec.template.data")
	if e.Key != "" {
		field = fmt.Sprintf("%s[%q]", field, e.Key)
	}
	return field + ": " + e.Message
}

// functionError is the error of a function. Its text has no part of a value.
type functionError struct{ text string }

func (e *functionError) Error() string { return e.text }

// exhausted ends a template that exceeds a limit.
type exhausted struct{ text string }

func (e *exhausted) Error() string { return e.text }

// parseError keeps the text of text/template for a source: it quotes the template, which is no secret, and no value.
func parseError(key string, err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	line := parseFailure.FindStringSubmatch(text)
	if line == nil {
		return &Error{Key: key, Message: "cannot be parsed: " + cut(text)}
	}
	advice := ""
	if strings.HasPrefix(line[2], "function ") {
		advice = " (docs/templates.md lists those that there are)"
	}
	return &Error{Key: key, Message: fmt.Sprintf("line %s: %s%s", line[1], cut(line[2]), advice)}
}

// executeError replaces the errors of text/template, which quote values, by texts without them.
func executeError(key string, err error, fields []string) error {
	message := "the template failed on these values"
	switch {
	case errors.As(err, new(*exhausted)):
		message = because[*exhausted](err)
	case errors.As(err, new(*functionError)):
		message = because[*functionError](err)
	default:
		failed, ok := errors.AsType[texttemplate.ExecError](err)
		builtin := failedBuiltin.FindStringSubmatch(err.Error())
		switch {
		case ok && errors.Unwrap(failed.Err) == nil:
			message = engineMessage(failed.Err.Error(), fields)
		case builtin != nil:
			message = builtin[1] + ": an argument is of another kind than the function takes, or out of range"
		}
	}
	at := executionPlace.FindStringSubmatch(err.Error())
	if at != nil {
		message = fmt.Sprintf("line %s, column %s: %s", at[1], at[2], message)
	}
	return &Error{Key: key, Message: message}
}

func because[E error](err error) string {
	found, _ := errors.AsType[E](err)
	return found.Error()
}

// engineMessage replaces an error of text/template by a fixed text. It takes over only the name of a field, which is an
// identifier in the template.
func engineMessage(text string, fields []string) string {
	if name := missingField.FindStringSubmatch(text); name != nil {
		return missing(strconv.Quote(cut(name[1])), fields)
	}
	for _, known := range []struct{ contains, message string }{
		{": can't evaluate field ", "a field is asked of a value that has none: only maps have fields"},
		{": nil data; no entry for key ", "a field is asked of null"},
		{": nil pointer evaluating ", "a field is asked of null"},
		{": range can't iterate over ", "range needs a list, a map or a number"},
		{": exceeded maximum template depth", "templates call each other too deeply"},
		{": template ", "it calls a template that is not defined, or is empty"},
		{": wrong type for value", "an argument is of another kind than the function takes"},
		{": wrong number of args", "a function has too few or too many arguments"},
		{" is not a method but has arguments", "a field cannot have arguments"},
		{" has arguments but cannot be invoked", "a field cannot have arguments"},
	} {
		if strings.Contains(text, known.contains) {
			return known.message
		}
	}
	return "it cannot be evaluated on these values"
}

// missing names the fields that exist, so that a misspelling is easy to see.
func missing(name string, fields []string) string {
	if name != "" {
		name = " " + name
	}
	there := "there are no fields"
	if len(fields) > 0 {
		var listed []string
		for _, field := range fields[:min(len(fields), namesShown)] {
			listed = append(listed, strconv.Quote(cut(field)))
		}
		there = "the keys of the data are " + strings.Join(listed, ", ")
		if more := len(fields) - len(listed); more > 0 {
			there += fmt.Sprintf(" and %d more", more)
		}
	}
	return fmt.Sprintf("there is no field%s, and %s: correct the name, or take what may be missing by get", name, there)
}

// cut shortens a text, and keeps it on one line.
func cut(text string) string {
	text = strings.Join(slices.DeleteFunc(strings.FieldsFunc(strings.ToValidUTF8(text, "�"), func(r rune) bool { return r < ' ' }),
		func(part string) bool { return part == "" }), " ")
	if len(text) <= nameShown {
		return text
	}
	return strings.ToValidUTF8(text[:nameShown], "") + "…"
}
