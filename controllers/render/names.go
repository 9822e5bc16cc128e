package render

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// renamedBytes is how long rename may make a name: sixteen entries could multiply it beyond all memory.
const renamedBytes = 4096

// keyNaming makes keys of names, for an entry of spec.dataFrom.
type keyNaming struct {
	work Work
	// field is the path of the entry in the spec.
	field            string
	include, exclude []string
	renames          []renameRule
	conversion       v1alpha1.KeyConversion
	prefix           string
}

type renameRule struct {
	// field is the path of the pattern in the spec.
	field   string
	match   *pattern.Pattern
	replace string
}

func newKeyNaming(work Work, field string, entry *v1alpha1.DataFrom) (*keyNaming, error) {
	made := &keyNaming{work: work, field: field, include: entry.Include, exclude: entry.Exclude, conversion: entry.Conversion, prefix: entry.Prefix}
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
		made.renames = append(made.renames, renameRule{field: place, match: match, replace: wanted.Replace})
	}
	return made, nil
}

// takes says whether a name is included and not excluded.
func (n *keyNaming) takes(name string) (bool, error) {
	if len(n.include) > 0 {
		if included, err := n.fits("include", n.include, name); err != nil || !included {
			return false, err
		}
	}
	excluded, err := n.fits("exclude", n.exclude, name)
	return !excluded, err
}

// fits says whether one of a field's patterns matches a name.
func (n *keyNaming) fits(field string, patterns []string, name string) (bool, error) {
	for _, wildcards := range patterns {
		matched, err := pattern.MatchWildcard(n.work.Budget, wildcards, name)
		if err != nil {
			return false, refused(n.field+"."+field, err)
		}
		if matched {
			return true, nil
		}
	}
	return false, nil
}

// key is the key for a name.
func (n *keyNaming) key(from origin) (string, error) {
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

// rename applies the entries of rename to a name.
func (n *keyNaming) rename(from origin) (string, error) {
	if err := n.work.spend(n.field, "making keys of names", keyPrice+len(from.name)); err != nil {
		return "", err
	}
	name := from.name
	for i, rule := range n.renames {
		renamed, err := rule.match.Replace(n.work.Budget, name, rule.replace, max(renamedBytes, len(from.name)))
		if _, long := errors.AsType[*pattern.TooLong](err); long {
			return "", invalid("%s.rename[%d] makes the name of %s longer than %d bytes: correct it, or exclude the name", n.field, i, from, renamedBytes)
		}
		if err != nil {
			return "", refused(rule.field, err)
		}
		name = renamed
	}
	return name, nil
}

// convert replaces the characters that keys may not have.
func convert(conversion v1alpha1.KeyConversion, name string) string {
	if conversion == v1alpha1.KeyConversionRefuse {
		return name
	}
	var converted strings.Builder
	for _, character := range name {
		switch {
		case allowed(character):
			converted.WriteRune(character)
		case conversion == v1alpha1.KeyConversionUnicode:
			// As External Secrets Operator writes it, so that keys keep their names after a migration.
			fmt.Fprintf(&converted, "_U%04x_", character)
		default:
			converted.WriteByte('_')
		}
	}
	return converted.String()
}

func allowed(character rune) bool {
	return 'a' <= character && character <= 'z' || 'A' <= character && character <= 'Z' || '0' <= character && character <= '9' ||
		character == '-' || character == '_' || character == '.'
}
