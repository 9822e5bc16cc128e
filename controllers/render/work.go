package render

import (
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

// Prices of work, in steps of a pattern.Budget.
const (
	// parsePrice is of each byte of JSON.
	parsePrice = 4
	// keyPrice is of each name that is made a key.
	keyPrice = 500
	// pathPrice is of each name in a path.
	pathPrice = 100
	// formatPrice is of each byte that a format is looked for in, and certificatePrice of each byte of a certificate.
	formatPrice, certificatePrice = 2, 8
	// privateKeyPrice is what the square of the bytes of a private key is divided by: that of RSA takes as long.
	privateKeyPrice = 8
)

const (
	// heavyBytes of values are heavy work, whatever is done with them.
	heavyBytes = 1 << 20
	// gatheredMost is how many bytes the keys of data and dataFrom may have together. A Secret has a quarter of that;
	// templates may make less of it.
	gatheredMost = 4 << 20
	// privateKeyMost is how many bytes a private key may have: RSA of 16,384 bits has 9,300.
	privateKeyMost = 16 << 10
)

// Work is what one pass may do in this package.
type Work struct {
	// Budget is that of the pass.
	Budget *pattern.Budget
	// Patterns keeps compiled patterns from one pass to the next.
	Patterns *pattern.Cache
}

// spend takes steps for what a field of the spec asks for.
func (w Work) spend(field, what string, steps int) error {
	if err := w.Budget.Spend(what, int64(steps)); err != nil {
		return refused(field, err)
	}
	return nil
}

// matches says whether a field's pattern with wildcards matches a name.
func (w Work) matches(field, wildcards, name string) (bool, error) {
	matched, err := pattern.MatchWildcard(w.Budget, wildcards, name)
	if err != nil {
		return false, refused(field, err)
	}
	return matched, nil
}

// weigh has work begin that is heavy by the bytes of its values.
func (w Work) weigh(bytes int) error {
	if bytes <= heavyBytes {
		return nil
	}
	return w.Budget.Heavy()
}

// gathered refuses keys that are too large together, before they fill the memory.
func gathered(size int) error {
	if size <= gatheredMost {
		return nil
	}
	return &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
		"the keys of spec.data and spec.dataFrom have more than %d bytes together, even before templates: take fewer of them", gatheredMost)}
}

// size is how many bytes the values have together.
func (m *Inputs) size() int {
	size := 0
	add := func(value *source.Value) {
		if value != nil {
			size += len(value.Bytes())
		}
	}
	add(m.Source)
	for _, value := range m.Data {
		add(value)
	}
	for _, many := range m.DataFrom {
		for i := range many {
			add(&many[i].Value)
		}
	}
	return size
}

// refused says of a field of the spec what a pattern or a budget has refused. Other errors, such as the context's, stay
// what they are.
func refused(field string, err error) error {
	if wrong, ok := errors.AsType[*pattern.Error](err); ok {
		return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: field + " " + wrong.Problem, cause: err}
	}
	if dear, ok := errors.AsType[*pattern.Exceeded](err); ok {
		return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: field + ": " + dear.Error(), cause: err}
	}
	return fmt.Errorf("%s: %w", field, err)
}
