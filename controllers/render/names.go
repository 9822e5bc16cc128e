package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// renamedBytes bounds what rename makes of a name on its way to a key: sixteen entries could multiply it beyond any memory.
const renamedBytes = 4096

// naming makes keys of the names that one entry of spec.dataFrom meets.
type naming struct {
	// field is the entry's place in the spec.
	field            string
	include, exclude []string
	renames          []rename
	conversion       v1alpha1.KeyConversion
	prefix           string
}

type rename struct {
	match   *regexp.Regexp
	replace string
}

func newNaming(field string, entry *v1alpha1.DataFrom) (*naming, error) {
	made := &naming{field: field, include: entry.Include, exclude: entry.Exclude, conversion: entry.Conversion, prefix: entry.Prefix}
	if made.conversion == "" {
		made.conversion = v1alpha1.KeyConversionRefuse
		if entry.Find != nil && entry.Find.Take != v1alpha1.FindTakeFields {
			made.conversion = v1alpha1.KeyConversionUnderscore
		}
	}
	for i, wanted := range entry.Rename {
		match, err := regexp.Compile(wanted.Match)
		if err != nil {
			return nil, invalid("%s.rename[%d].match is no regular expression: %s", field, i, err)
		}
		made.renames = append(made.renames, rename{match: match, replace: wanted.Replace})
	}
	return made, nil
}

// takes says whether include and exclude leave a name.
func (n *naming) takes(name string) bool {
	fits := func(pattern string) bool { return matches(pattern, name) }
	return (len(n.include) == 0 || slices.ContainsFunc(n.include, fits)) && !slices.ContainsFunc(n.exclude, fits)
}

// key is what a name becomes.
func (n *naming) key(from origin) (string, error) {
	name := from.name
	for i, rename := range n.renames {
		name = rename.match.ReplaceAllString(name, rename.replace)
		if len(name) > max(renamedBytes, len(from.name)) {
			return "", invalid("%s.rename[%d] makes the name of %s longer than %d bytes: correct it, or exclude the name", n.field, i, from, renamedBytes)
		}
	}
	if name == "" {
		return "", invalid("%s: nothing is left of the name of %s to make a key of: exclude it, or correct rename", n.field, from)
	}
	key := n.prefix + convert(n.conversion, name)
	if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
		return "", invalid("%s: %s can't be the name of a key in a Secret, which has letters, digits, \"-\", \"_\" and \".\" and at most %d of them: "+
			"set %s.conversion, rename it, or exclude it", n.field, from, validation.DNS1123SubdomainMaxLength, n.field)
	}
	return key, nil
}

// convert mends the characters that keys may not have.
func convert(conversion v1alpha1.KeyConversion, name string) string {
	if conversion == v1alpha1.KeyConversionRefuse {
		return name
	}
	var mended strings.Builder
	for _, character := range name {
		switch {
		case allowed(character):
			mended.WriteRune(character)
		case conversion == v1alpha1.KeyConversionUnicode:
			// As External Secrets writes it, so that keys keep their names when one comes from there.
			fmt.Fprintf(&mended, "_U%04x_", character)
		default:
			mended.WriteByte('_')
		}
	}
	return mended.String()
}

func allowed(character rune) bool {
	return 'a' <= character && character <= 'z' || 'A' <= character && character <= 'Z' || '0' <= character && character <= '9' ||
		character == '-' || character == '_' || character == '.'
}

// matches compares a name with a pattern in which "*" stands for any characters and "?" for one. It takes at most
// as many steps as both lengths multiplied.
func matches(pattern, name string) bool {
	wanted, given := []rune(pattern), []rune(name)
	star, retry := -1, 0
	at, next := 0, 0
	for next < len(given) {
		switch {
		case at < len(wanted) && wanted[at] == '*':
			star, retry = at, next
			at++
		case at < len(wanted) && (wanted[at] == '?' || wanted[at] == given[next]):
			at, next = at+1, next+1
		case star >= 0:
			retry++
			at, next = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(string(wanted[at:]), "*") == ""
}
