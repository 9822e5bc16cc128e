package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// origin is where a key comes from, for errors.
type origin struct {
	entry int
	// secret is empty where the entry takes one secret.
	secret string
	name   string
}

func (o origin) String() string {
	if o.secret == "" {
		return "field " + shown(o.name)
	}
	return fmt.Sprintf("secret %s (name %s)", shown(o.secret), shown(o.name))
}

// gathering collects the keys of spec.dataFrom.
type gathering struct {
	documents documents
	data      map[string][]byte
	origins   map[string]origin
	// size is how many bytes the values have together.
	size int
}

// renderFrom makes the keys of spec.dataFrom.
func (d documents) renderFrom(entries []v1alpha1.DataFrom, secrets [][]NamedValue) (map[string][]byte, error) {
	all := gathering{documents: d, data: map[string][]byte{}, origins: map[string]origin{}}
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

func (g *gathering) entry(index int, entry *v1alpha1.DataFrom, secrets []NamedValue) error {
	field := fmt.Sprintf("spec.dataFrom[%d]", index)
	naming, err := newNaming(g.documents.work, field, entry)
	if err != nil {
		return err
	}
	if len(secrets) == 0 && !entry.Optional {
		if entry.Find != nil {
			return &Error{Reason: v1alpha1.ReasonSecretNotFound, Message: fmt.Sprintf(
				"%s.find finds no secret: correct it, make a secret that matches in AWS, or set %s.optional", field, field)}
		}
		return invalid("%s can't be filled: no value was read for it", field)
	}
	for i := range secrets {
		err := g.secret(index, entry, naming, &secrets[i])
		if err != nil && (!entry.Optional || !notThere(err)) {
			return err
		}
	}
	return nil
}

// secret takes what an entry wants of one secret.
func (g *gathering) secret(index int, entry *v1alpha1.DataFrom, naming *naming, secret *NamedValue) error {
	who := naming.field
	if entry.Find != nil {
		who = fmt.Sprintf("%s, of secret %s,", naming.field, shown(secret.Name))
	}
	if len(secret.Value.Bytes()) == 0 {
		return invalid("%s takes nothing, as the secret's value is empty: put a value into it in AWS", who)
	}
	if entry.Find != nil && entry.Find.Take != v1alpha1.FindTakeFields {
		return g.whole(index, entry, naming, secret, who)
	}
	from := origin{entry: index}
	taken, err := g.documents.fields(&secret.Value, wish{who: who, property: entry.Property})
	if err != nil {
		return err
	}
	if entry.Find != nil {
		from.secret = secret.Name
	}
	// In order, so that of several troubles it is always the same one that the error names.
	for _, name := range slices.Sorted(maps.Keys(taken.fields)) {
		from.name = name
		if wanted, err := naming.takes(name); err != nil {
			return err
		} else if !wanted {
			continue
		}
		if err := taken.clear(who, name); err != nil {
			return err
		}
		if err := g.put(entry, naming, from, text(taken.fields[name])); err != nil {
			return err
		}
	}
	return nil
}

// whole takes a secret as one key.
func (g *gathering) whole(index int, entry *v1alpha1.DataFrom, naming *naming, secret *NamedValue, who string) error {
	from := origin{entry: index, secret: secret.Name, name: strings.TrimPrefix(secret.Name, entry.Find.NamePrefix)}
	if wanted, err := naming.takes(from.name); err != nil || !wanted {
		return err
	}
	value := secret.Value.Bytes()
	if entry.Property != "" {
		taken, err := g.documents.property(&secret.Value, wish{who: who, property: entry.Property})
		if err != nil {
			return err
		}
		value = taken
	}
	return g.put(entry, naming, from, value)
}

// put adds one key.
func (g *gathering) put(entry *v1alpha1.DataFrom, naming *naming, from origin, value []byte) error {
	key, err := naming.key(from)
	if err != nil {
		return err
	}
	if other, there := g.origins[key]; there {
		return clash(key, other, from)
	}
	if entry.Decode != "" {
		decoded, err := decode(entry.Decode, value)
		if err != nil {
			return invalid("%s: what %s holds is not %s (%s): fix the value in AWS, exclude it, or take decode from %s",
				naming.field, from, entry.Decode, err, naming.field)
		}
		value = decoded
	}
	g.data[key], g.origins[key] = value, from
	g.size += len(value)
	return gathered(g.size)
}

// clash refuses a key that comes from two places: which one counts would be a matter of chance.
func clash(key string, one, other origin) error {
	const remedy = "rename one, give it a prefix, or exclude it"
	if one.entry == other.entry {
		return invalid("spec.dataFrom[%d] gives the key %q twice, from %s and from %s: %s", one.entry, key, one, other, remedy)
	}
	return invalid("spec.dataFrom[%d] and spec.dataFrom[%d] both give the key %q: %s", one.entry, other.entry, key, remedy)
}

// fields are those of a value's JSON object, or of the object that a property leads to.
func (d documents) fields(value *source.Value, wish wish) (*document, error) {
	document, err := d.open(value, wish)
	if err != nil {
		return nil, err
	}
	if wish.property == "" {
		if document.fields == nil {
			return nil, invalid("%s, but the secret's value is not a JSON object (it is a JSON array): %s", wish, wish.remedy())
		}
		return document, nil
	}
	raw, err := d.find(document, wish)
	if err != nil {
		return nil, err
	}
	if err := d.work.spend(wish.String(), parsing(raw), parsePrice*len(raw)); err != nil {
		return nil, err
	}
	below, err := parseObject(raw)
	if err != nil {
		return nil, invalid("%s, which is there but is not a JSON object (%s): name a property with fields, or take it as one key under spec.data", wish, err)
	}
	return below, nil
}
