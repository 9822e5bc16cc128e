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
	// parsePrice is for each byte of JSON.
	parsePrice = 4
	// keyPrice is for each name that becomes a key.
	keyPrice = 500
	// pathPrice is for each name in a path.
	pathPrice = 100
	// formatPrice is for each byte whose format is checked, and certificatePrice for each byte of a certificate.
	formatPrice, certificatePrice = 2, 8
	// privateKeyPrice divides the square of the bytes of a private key, as the time for RSA grows with the square.
	privateKeyPrice = 8
)

const (
	// heavyBytes is the size of values above which all work on them is heavy.
	heavyBytes = 1 << 20
	// collectedMost is how many bytes the keys of data and dataFrom may have together. A Secret may have a quarter of
	// that, but templates may make smaller keys of them.
	collectedMost = 4 << 20
	// privateKeyMost is how many bytes a private key may have: RSA of 16,384 bits has 9,300.
	privateKeyMost = 16 << 10
)

// Work is what a reconcile may spend in this package.
type Work struct {
	// Budget is that of the reconcile.
	Budget *pattern.Budget
	// Patterns caches compiled patterns across reconciles.
	Patterns *pattern.Cache
}

// spend takes the steps that a field of the spec costs.
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

// weigh lets work begin that is heavy because of the size of its values.
func (w Work) weigh(bytes int) error {
	if bytes <= heavyBytes {
		return nil
	}
	return w.Budget.Heavy()
}

// checkCollected refuses keys that are too large together, before they fill the memory.
func checkCollected(size int) error {
	if size <= collectedMost {
		return nil
	}
	return &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
		"the keys of spec.data and spec.dataFrom have more than %d bytes together, even before templates: take fewer of them", collectedMost)}
}

// size is how many bytes the values have together.
func (in *Inputs) size() int {
	size := 0
	add := func(value *source.Value) {
		if value != nil {
			size += len(value.Bytes())
		}
	}
	add(in.Source)
	for _, value := range in.Data {
		add(value)
	}
	for _, secrets := range in.DataFrom {
		for i := range secrets {
			add(&secrets[i].Value)
		}
	}
	return size
}

// refused adds the field of the spec to the error of a pattern or a budget. Other errors, such as the context's, are
// only wrapped.
func refused(field string, err error) error {
	if wrong, ok := errors.AsType[*pattern.Error](err); ok {
		return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: field + " " + wrong.Problem, cause: err}
	}
	if dear, ok := errors.AsType[*pattern.Exceeded](err); ok {
		return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: field + ": " + dear.Error(), cause: err}
	}
	return fmt.Errorf("%s: %w", field, err)
}
