package render

import (
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render/jmespath"
	"github.com/secretsync/secretsync/controllers/render/rawjson"
	"github.com/secretsync/secretsync/controllers/source"
)

// renderKeys adds the keys of spec.data to data; they override those in it.
func (d documents) renderKeys(entries []v1alpha1.DataKey, values []*source.Value, data map[string][]byte) error {
	size := sizeOf(data)
	for i, entry := range entries {
		if i >= len(values) || values[i] == nil {
			if entry.Optional {
				continue
			}
			return invalid("key %q can't be filled: no value was read for it", entry.Key)
		}
		taken, err := d.take(values[i], entry)
		if entry.Optional && notThere(err) {
			continue
		}
		if err != nil {
			return err
		}
		size += len(taken) - len(data[entry.Key])
		data[entry.Key] = d.held.note(entry.Key, entry.Nulls, taken)
		if err := checkCollected(size); err != nil {
			return err
		}
	}
	return nil
}

// take is what an entry of spec.data takes from a value; nil for a property that is null.
func (d documents) take(value *source.Value, entry v1alpha1.DataKey) ([]byte, error) {
	if len(value.Bytes()) == 0 {
		return nil, invalid("key %q takes nothing, as the secret's value is empty: put a value into it in AWS", entry.Key)
	}
	taken := value.Bytes()
	var err error
	switch {
	case entry.Property == "" && entry.JMESPath == "" && wholeNull(value):
		return nil, errWholeNull(fmt.Sprintf("key %q", entry.Key))
	case entry.Property != "":
		taken, err = d.property(value, propertyRequest{requester: fmt.Sprintf("key %q", entry.Key), property: entry.Property})
	case entry.JMESPath != "":
		taken, err = d.search(value, entry)
	}
	if err != nil || entry.Decode == "" || taken == nil {
		return taken, err
	}
	decoded, err := decode(entry.Decode, taken)
	if err != nil {
		return nil, invalid("key %q: what it takes is not %s (%s): fix the value in AWS, or take decode from spec.data[%q]",
			entry.Key, entry.Decode, err, entry.Key)
	}
	return decoded, nil
}

// property is the text of a property, nil for null.
func (d documents) property(value *source.Value, request propertyRequest) ([]byte, error) {
	doc, err := d.open(value, request)
	if err != nil {
		return nil, err
	}
	raw, err := d.find(doc, request)
	if err != nil {
		return nil, err
	}
	if begins(raw, '"') && rawjson.HalfPair(raw) { // An item of an array: clear checks fields only.
		return nil, invalid(`%s, whose text in AWS has a \u escape that is half of a pair, which programs read in different ways: fix the value in AWS`, request)
	}
	return text(raw), nil
}

// search is the text of what a JMESPath expression finds.
func (d documents) search(value *source.Value, entry v1alpha1.DataKey) ([]byte, error) {
	field := fmt.Sprintf("spec.data[%q].jmesPath", entry.Key)
	if err := d.work.spend(field, "compiling the expression", len(entry.JMESPath)*jmespath.CompilePrice); err != nil {
		return nil, err
	}
	expression, err := jmespath.Compile(entry.JMESPath)
	if err != nil {
		return nil, invalid("%s can't be used, %s: correct the expression (jmespath.org)", field, err)
	}
	tree, err := d.tree(value, entry)
	if err != nil {
		return nil, err
	}
	found, there, err := expression.Search(tree, d.work.Budget)
	if _, wrong := errors.AsType[*jmespath.Error](err); err != nil && !wrong {
		return nil, refused(field, err)
	}
	if err != nil {
		return nil, invalid("%s can't be used on this value, %s: correct the expression, or the value in AWS", field, err)
	}
	if !there {
		return nil, &Error{Reason: v1alpha1.ReasonPropertyNotFound, Message: fmt.Sprintf(
			"key %q: %s finds nothing, or null: correct the expression, or add in AWS what it looks for", entry.Key, field)}
	}
	return found, nil
}

// notThere says whether an error is one that optional ignores.
func notThere(err error) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Reason == v1alpha1.ReasonPropertyNotFound
}
