package render

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// renamedBytes bounds what rename makes of a name on its way to a key: sixteen entries could multiply it beyond any memory.
const renamedBytes = 4096

// naming makes keys of the names that one entry of spec.dataFrom meets.
type naming struct {
	work Work
	// field is the entry's place in the spec.
	field            string
	include, exclude []string
	renames          []rename
	conversion       v1alpha1.KeyConversion
	prefix           string
}

type rename struct {
	// field is the pattern's place in the spec.
	field   string
	match   *pattern.Pattern
	replace string
}

func newNaming(work Work, field string, entry *v1alpha1.DataFrom) (*naming, error) {
	made := &naming{work: work, field: field, include: entry.Include, exclude: entry.Exclude, conversion: entry.Conversion, prefix: entry.Prefix}
	if made.conversion == "" {
		made.conversion = v1alpha1.KeyConversionRefuse
		if entry.Find != nil && entry.Find.Take != v1alpha1.FindTakeFields {
			made.conversion = v1alpha1.KeyConversionUnderscore
		}
	}
	for i, wanted := range entry.Rename {
		place := fmt.Sprintf("%s.rename[%d].match", field, i)
		match, err := work.Patterns.Compile(work.Budget, wanted.Match)
		if err != nil {
			return nil, refused(place, err)
		}
		made.renames = append(made.renames, rename{field: place, match: match, replace: wanted.Replace})
	}
	return made, nil
}

// takes says whether include and exclude leave a name.
func (n *naming) takes(name string) (bool, error) {
	if len(n.include) > 0 {
		if included, err := n.fits("include", n.include, name); err != nil || !included {
			return false, err
		}
	}
	excluded, err := n.fits("exclude", n.exclude, name)
	return !excluded, err
}

// fits says whether one of a field's patterns matches a name.
func (n *naming) fits(field string, patterns []string, name string) (bool, error) {
	for _, one := range patterns {
		matched, err := pattern.MatchWildcard(n.work.Budget, one, name)
		if err != nil {
			return false, refused(n.field+"."+field, err)
		}
		if matched {
			return true, nil
		}
	}
	return false, nil
}

// key is what a name becomes.
func (n *naming) key(from origin) (string, error) {
	name, err := n.rename(from)
	if err != nil {
		return "", err
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

// rename gives what the entries of rename make of a name.
func (n *naming) rename(from origin) (string, error) {
	if err := n.work.spend(n.field, "making keys of names", keyPrice+len(from.name)); err != nil {
		return "", err
	}
	name := from.name
	for i, rename := range n.renames {
		renamed, err := rename.match.Replace(n.work.Budget, name, rename.replace, max(renamedBytes, len(from.name)))
		if _, long := errors.AsType[*pattern.TooLong](err); long {
			return "", invalid("%s.rename[%d] makes the name of %s longer than %d bytes: correct it, or exclude the name", n.field, i, from, renamedBytes)
		}
		if err != nil {
			return "", refused(rename.field, err)
		}
		name = renamed
	}
	return name, nil
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
