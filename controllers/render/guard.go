package render

import (
	"fmt"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

func rejected(format string, args ...any) error {
	return &Error{Reason: v1alpha1.ReasonValueRejected, Message: fmt.Sprintf(format, args...)}
}

// CheckGuards checks whether the guards let the keys be published; nil guards let everything. Errors are of type
// *Error: with reason ValueRejected; or with InvalidValue, if a guard's pattern can't be used, or exceeds the budget.
// Errors of the context of the work, and of the function that lets heavy work begin, are returned as they are.
func CheckGuards(work Work, guards *v1alpha1.Guards, data map[string][]byte) error {
	if guards == nil {
		return nil
	}
	for _, key := range guards.RequiredKeys {
		value, there := data[key]
		switch {
		case !there:
			return rejected("spec.guards.requiredKeys asks for the key %q, which is not there: put it into AWS, or take it from the list", key)
		case len(value) == 0:
			return rejected("spec.guards.requiredKeys asks for the key %q, which is empty: give it a value in AWS, or take it from the list", key)
		}
	}
	for i := range guards.Keys {
		if err := guardKeys(work, &guards.Keys[i], data); err != nil {
			return err
		}
	}
	for _, pair := range guards.KeyPairs {
		if err := guardPair(work, pair, data); err != nil {
			return err
		}
	}
	return guardSize(guards.MaxBytes, data)
}

// guardKeys checks each key that a guard applies to.
func guardKeys(work Work, guard *v1alpha1.KeyGuard, data map[string][]byte) error {
	field := fmt.Sprintf("spec.guards.keys[%q]", guard.Key)
	var whole *pattern.Pattern
	if guard.Pattern != "" {
		var err error
		if whole, err = work.Patterns.CompileWhole(work.Budget, guard.Pattern); err != nil {
			return refused(field+".pattern", err)
		}
	}
	// In order, so that the error always names the same key.
	for _, key := range slices.Sorted(maps.Keys(data)) {
		concerned, err := work.matches(field+".key", guard.Key, key)
		if err != nil {
			return err
		}
		if !concerned {
			continue
		}
		if err := guardValue(work, guard, field, key, data[key], whole); err != nil {
			return err
		}
	}
	return nil
}

// guardValue checks a key by a guard.
func guardValue(work Work, guard *v1alpha1.KeyGuard, field, key string, value []byte, whole *pattern.Pattern) error {
	size := int64(len(value))
	switch {
	case guard.MinBytes != nil && size < *guard.MinBytes:
		return rejected("%s.minBytes refuses the key %q, which has %d bytes and must have at least %d: fix the value in AWS, or change the guard", field, key, size, *guard.MinBytes)
	case guard.MaxBytes != nil && size > *guard.MaxBytes:
		return rejected("%s.maxBytes refuses the key %q, which has %d bytes and may have at most %d: fix the value in AWS, or change the guard", field, key, size, *guard.MaxBytes)
	}
	if whole != nil {
		matches, err := whole.Match(work.Budget, value)
		if err != nil {
			return refused(fmt.Sprintf("%s.pattern, for the key %q", field, key), err)
		}
		if !matches {
			return rejected("%s.pattern refuses the key %q, as its whole value does not match: fix the value in AWS, or change the guard", field, key)
		}
	}
	if guard.Format == "" {
		return nil
	}
	if err := work.spendFormat(field+".format", guard.Format, value); err != nil {
		return err
	}
	if err := checkFormat(guard.Format, value); err != nil {
		return rejected("%s.format refuses the key %q, which is not %s (%s): fix the value in AWS, or change the guard", field, key, guard.Format, err)
	}
	return nil
}

func guardPair(work Work, pair v1alpha1.KeyPairGuard, data map[string][]byte) error {
	field := fmt.Sprintf("spec.guards.keyPairs[%q]", pair.Certificate)
	for _, key := range []string{pair.Certificate, pair.PrivateKey} {
		if _, there := data[key]; !there {
			return rejected("%s asks for the key %q, which is not there: put it into AWS, or change the guard", field, key)
		}
	}
	if err := work.spendPair(field, data[pair.Certificate], data[pair.PrivateKey]); err != nil {
		return err
	}
	if mismatch := checkPair(data[pair.Certificate], data[pair.PrivateKey]); mismatch != nil {
		return rejected("%s refuses the certificate %q with the private key %q: %s; fix the values in AWS, or change the guard",
			field, pair.Certificate, pair.PrivateKey, mismatch.problem)
	}
	return nil
}

func guardSize(most *int64, data map[string][]byte) error {
	if most == nil {
		return nil
	}
	size := sizeOf(data)
	if int64(size) > *most {
		return rejected("spec.guards.maxBytes refuses the values, which have %d bytes together and may have at most %d: list fewer keys, or change the guard", size, *most)
	}
	return nil
}
