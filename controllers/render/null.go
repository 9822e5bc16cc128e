package render

import (
	"bytes"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

const jsonNull = "null"

// wholeNull says whether a secret is the JSON null as a whole.
func wholeNull(value *source.Value) bool {
	return !value.Binary() && string(bytes.Trim(value.Bytes(), jsonBlanks)) == jsonNull
}

// errWholeNull refuses a secret that is null as a whole.
func errWholeNull(requester string) error {
	return invalid("%s takes nothing, as the secret's value is null: put a value into it in AWS", requester)
}

// nulls are the keys whose value is null in AWS, and whose entry does not allow it to empty a key.
type nulls map[string]struct{}

// note records where the value of a key comes from; nil for null. It returns the value of the key.
func (n nulls) note(key string, policy v1alpha1.NullPolicy, value []byte) []byte {
	delete(n, key) // Overridden.
	if value != nil {
		return value
	}
	if policy != v1alpha1.NullEmpty {
		n[key] = struct{}{}
	}
	return []byte{}
}

// in are those that are still empty in the rendered keys, sorted.
func (n nulls) in(data map[string][]byte) []string {
	var empty []string
	for key := range n {
		if value, there := data[key]; there && len(value) == 0 {
			empty = append(empty, key)
		}
	}
	slices.Sort(empty)
	return empty
}

// CheckNulls refuses keys that are null in AWS if they have a value in the Secret. held are the keys to check, and
// present is the data of the Secret. The text "null" counts as empty. Errors are of type *Error, with reason
// ValueRejected.
func CheckNulls(spec *v1alpha1.SecretSyncSpec, held []string, present map[string][]byte) error {
	emptied := slices.DeleteFunc(slices.Clone(held), func(key string) bool {
		return len(present[key]) == 0 || string(present[key]) == jsonNull
	})
	if len(emptied) == 0 {
		return nil
	}
	remedy := "set nulls: Empty on the entry that gives it"
	if readsWhole(spec) {
		remedy = "take the secret by spec.dataFrom, as in [{nulls: Empty}]"
	}
	return rejected("null in AWS would empty these keys, which have a value in the Secret: %s; fix the value in AWS, or, if an empty one is meant, %s",
		listed(emptied), remedy)
}
