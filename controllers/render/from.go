package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// origin is the source of a key, for errors.
type origin struct {
	entry int
	// secret is empty if the entry takes a single secret.
	secret string
	name   string
}

func (o origin) String() string {
	if o.secret == "" {
		return "field " + shown(o.name)
	}
	return fmt.Sprintf("secret %s (name %s)", shown(o.secret), shown(o.name))
}

// collector collects the keys of spec.dataFrom.
type collector struct {
	documents documents
	data      map[string][]byte
	origins   map[string]origin
	// size is how many bytes the values have together.
	size int
}

// renderFrom makes the keys of spec.dataFrom.
func (d documents) renderFrom(entries []v1alpha1.DataFrom, secrets [][]NamedValue) (map[string][]byte, error) {
	all := collector{documents: d, data: map[string][]byte{}, origins: map[string]origin{}}
	for i := range entries {
		var taken []NamedValue
		if i < len(secrets) {
			taken = secrets[i]
		}
		if err := all.entry(i, &entries[i], taken); err != nil {
			return nil, err
		}
	}
	return all.data, nil
}

func (c *collector) entry(index int, entry *v1alpha1.DataFrom, secrets []NamedValue) error {
	field := fmt.Sprintf("spec.dataFrom[%d]", index)
	naming, err := newKeyNaming(c.documents.work, field, entry)
	if err != nil {
		return err
	}
	if len(secrets) == 0 && !entry.Optional {
		if entry.Find != nil {
			// Package resolve refuses an empty list in the same words. AWS lists a secret for some minutes after its deletion.
			return &Error{Reason: v1alpha1.ReasonSecretNotFound, Message: field + ".find matches no secret: correct it, or set optional on the entry"}
		}
		return invalid("%s can't be filled: no value was read for it", field)
	}
	for i := range secrets {
		err := c.secret(index, entry, naming, &secrets[i])
		if err != nil && (!entry.Optional || !notThere(err)) {
			return err
		}
	}
	return nil
}

// secret adds the keys that an entry takes from a secret.
func (c *collector) secret(index int, entry *v1alpha1.DataFrom, naming *keyNaming, secret *NamedValue) error {
	requester := naming.field
	if entry.Find != nil {
		requester = fmt.Sprintf("%s, of secret %s,", naming.field, shown(secret.Name))
	}
	if len(secret.Value.Bytes()) == 0 {
		return invalid("%s takes nothing, as the secret's value is empty: put a value into it in AWS", requester)
	}
	if entry.Find != nil && entry.Find.Take != v1alpha1.FindTakeFields {
		return c.whole(index, entry, naming, secret, requester)
	}
	from := origin{entry: index}
	taken, err := c.documents.fields(&secret.Value, propertyRequest{requester: requester, property: entry.Property})
	if err != nil {
		return err
	}
	if entry.Find != nil {
		from.secret = secret.Name
	}
	// In order, so that the error always names the same field.
	for _, name := range slices.Sorted(maps.Keys(taken.fields)) {
		from.name = name
		if wanted, err := naming.takes(name); err != nil {
			return err
		} else if !wanted {
			continue
		}
		if err := taken.clear(requester, name); err != nil {
			return err
		}
		if err := c.put(entry, naming, from, text(taken.fields[name])); err != nil {
			return err
		}
	}
	return nil
}

// whole adds a secret as a single key.
func (c *collector) whole(index int, entry *v1alpha1.DataFrom, naming *keyNaming, secret *NamedValue, requester string) error {
	from := origin{entry: index, secret: secret.Name, name: strings.TrimPrefix(secret.Name, entry.Find.NamePrefix)}
	if wanted, err := naming.takes(from.name); err != nil || !wanted {
		return err
	}
	value := secret.Value.Bytes()
	if entry.Property == "" && wholeNull(&secret.Value) {
		return errWholeNull(requester)
	}
	if entry.Property != "" {
		taken, err := c.documents.property(&secret.Value, propertyRequest{requester: requester, property: entry.Property})
		if err != nil {
			return err
		}
		value = taken
	}
	return c.put(entry, naming, from, value)
}

// put adds a key; its value is nil for null.
func (c *collector) put(entry *v1alpha1.DataFrom, naming *keyNaming, from origin, value []byte) error {
	key, err := naming.key(from)
	if err != nil {
		return err
	}
	if other, there := c.origins[key]; there && (entry.Overlap != v1alpha1.OverlapOverride || other.entry == from.entry) {
		return clash(key, other, from)
	}
	if entry.Decode != "" && value != nil {
		decoded, err := decode(entry.Decode, value)
		if err != nil {
			return invalid("%s: what %s holds is not %s (%s): fix the value in AWS, exclude it, or take decode from %s",
				naming.field, from, entry.Decode, err, naming.field)
		}
		value = decoded
	}
	c.size += len(value) - len(c.data[key])
	c.data[key], c.origins[key] = c.documents.held.note(key, entry.Nulls, value), from
	return checkCollected(c.size)
}

// clash refuses a key that comes from two places: which of them would win is undefined.
func clash(key string, first, second origin) error {
	remedy := "rename one, give it a prefix, or exclude it"
	if first.entry == second.entry {
		return invalid("spec.dataFrom[%d] gives the key %q twice, from %s and from %s: %s", first.entry, key, first, second, remedy)
	}
	if second.secret == "" { // overlap does not go with find.
		remedy += fmt.Sprintf("; or set overlap: Override on spec.dataFrom[%d] if its keys are to override those before it", second.entry)
	}
	return invalid("spec.dataFrom[%d] and spec.dataFrom[%d] both give the key %q: %s", first.entry, second.entry, key, remedy)
}

// fields are those of a value's JSON object, or of the object at a property.
func (d documents) fields(value *source.Value, request propertyRequest) (*document, error) {
	doc, err := d.open(value, request)
	if err != nil {
		return nil, err
	}
	if request.property == "" {
		if doc.fields == nil {
			return nil, invalid("%s, but the secret's value is not a JSON object (it is a JSON array): %s", request, request.remedy())
		}
		return doc, nil
	}
	raw, err := d.find(doc, request)
	if err != nil {
		return nil, err
	}
	if err := d.work.spend(request.String(), parsing(raw), parsePrice*len(raw)); err != nil {
		return nil, err
	}
	below, err := parseObject(raw)
	if err != nil {
		return nil, invalid("%s, which is there but is not a JSON object (%s): name a property with fields, or take it as one key under spec.data", request, err)
	}
	return below, nil
}
