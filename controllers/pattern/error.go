package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// shownBytes is how many bytes of a pattern an error shows.
const shownBytes = 80

// Error says why a text can't be used as a pattern.
type Error struct {
	// Pattern is the text, the beginning of a long one.
	Pattern string
	// Problem is what is wrong with it, and how to correct it. It continues a sentence that begins with the name of the
	// field.
	Problem string
}

// Error is the problem; the caller adds the name of the field.
func (e *Error) Error() string { return e.Problem }

// Exceeded says that work was refused because the reconcile has too few steps left.
type Exceeded struct {
	// What was refused: a pattern, or the work that the caller of Budget.Spend named.
	What string
	// Steps that it takes. Left are left, of Most.
	Steps, Left, Most int64
}

// Error names what was refused, and the remedy.
func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s takes up to %d steps of processor time, and of the %d for one sync %d are left: "+
		"use fewer and shorter patterns, expressions and templates, or smaller values", e.What, e.Steps, e.Most, e.Left)
}

// named adds what was refused to an *Exceeded.
func named(err error, what string) error {
	if exceeded, ok := errors.AsType[*Exceeded](err); ok {
		exceeded.What = what
	}
	return err
}

// shown quotes a pattern, the beginning of a long one.
func shown(text string) string { return strconv.Quote(beginning(text)) }

func beginning(text string) string {
	if len(text) <= shownBytes {
		return text
	}
	return strings.ToValidUTF8(text[:shownBytes], "") + "…"
}
