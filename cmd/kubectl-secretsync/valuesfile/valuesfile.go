// Package valuesfile is a source.Source of values that the user gives in a file, in place of AWS. It sends no request.
//
// It may import source, arns and pattern, and a reader of YAML.
package valuesfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

// stageCurrent is the staging label of a value that names neither a label nor a version.
const stageCurrent = "AWSCURRENT"

// Value is one version of a secret.
type Value struct {
	// ID is the name or the full ARN of the secret.
	ID string `json:"id"`
	// Stage is a staging label on the version. Default: AWSCURRENT, unless VersionID is set.
	Stage string `json:"stage,omitempty"`
	// VersionID is the id of the version.
	VersionID string `json:"versionID,omitempty"`
	// String is the value of a text, Binary that of a binary. Exactly one is set.
	String *string `json:"string,omitempty"`
	Binary []byte  `json:"binary,omitempty"`
	// Tags are those of the secret, by which find selects it.
	Tags map[string]string `json:"tags,omitempty"`
}

// Source has the values of a file.
type Source struct{ values []Value }

var _ source.Source = (*Source)(nil)

// Parse reads a list of values, as YAML or JSON. Its errors hold no value.
func Parse(content []byte) (*Source, error) {
	var values []Value
	if err := yaml.UnmarshalStrict(content, &values); err != nil {
		return nil, errors.New("it is no list of values with the fields id, stage, versionID, string, binary (base64) and tags")
	}
	for i := range values {
		value := &values[i]
		switch {
		case value.ID == "":
			return nil, fmt.Errorf("[%d].id is missing: set the name or the ARN of the secret", i)
		case (value.String == nil) == (value.Binary == nil):
			return nil, fmt.Errorf("[%d]: set exactly one of string and binary, for the secret %s", i, value.ID)
		case value.Stage == "" && value.VersionID == "":
			value.Stage = stageCurrent
		}
		if value.Stage == "" {
			continue
		}
		if slices.ContainsFunc(values[:i], func(other Value) bool { return other.ID == value.ID && other.Stage == value.Stage }) {
			return nil, fmt.Errorf("[%d]: the secret %s has two values at %s: remove one", i, value.ID, value.Stage)
		}
	}
	return &Source{values}, nil
}

// Resolve gives the version that a reference points at.
func (s *Source) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	found, err := s.find(query.Ref)
	if err != nil {
		return source.Resolution{}, err
	}
	return source.Resolution{Version: found.version(query.Ref)}, nil
}

// Fetch gives the value that a reference points at.
func (s *Source) Fetch(_ context.Context, ref source.Ref, _ source.Version) (source.Fetched, error) {
	found, err := s.find(ref)
	if err != nil {
		return source.Fetched{}, err
	}
	return source.Fetched{Version: found.version(ref), Value: found.content()}, nil
}

// Find gives the secrets with a value at AWSCURRENT that match, by name.
func (s *Source) Find(_ context.Context, query source.FindQuery) ([]source.Found, error) {
	var names *pattern.Pattern
	if query.NamePattern != "" {
		compiled, err := pattern.CompileWhole(query.Budget, query.NamePattern)
		if err != nil {
			return nil, patternRefused(err)
		}
		names = compiled
	}
	var found []source.Found
	for i := range s.values {
		value := &s.values[i]
		if value.Stage != stageCurrent || !value.matches(query) {
			continue
		}
		if names != nil {
			if matches, err := names.MatchString(query.Budget, value.name()); err != nil || !matches {
				if err != nil {
					return nil, patternRefused(err)
				}
				continue
			}
		}
		found = append(found, source.Found{ARN: value.ID, Name: value.name(), Region: query.Region})
	}
	if len(found) > source.MaxFound {
		return nil, &source.Error{Kind: source.FindTooBroad, Explanation: fmt.Sprintf("find matches %d secrets, and %d are the most: narrow it", len(found), source.MaxFound)}
	}
	slices.SortFunc(found, func(a, b source.Found) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

func patternRefused(err error) error {
	return &source.Error{Kind: source.Failed, Explanation: "spec.dataFrom[].find.namePattern: " + err.Error(), Cause: err}
}

// find is the value that a reference points at.
func (s *Source) find(ref source.Ref) (*Value, error) {
	known := false
	for i := range s.values {
		value := &s.values[i]
		if !value.of(ref) {
			continue
		}
		known = true
		if ref.VersionID != "" && value.VersionID == ref.VersionID || ref.VersionID == "" && value.Stage == ref.VersionStage {
			return value, nil
		}
	}
	if !known {
		return nil, &source.Error{Kind: source.SecretNotFound, Explanation: "the values have no secret " + ref.SecretID}
	}
	version := "versionID " + ref.VersionID
	if ref.VersionID == "" {
		version = "stage " + ref.VersionStage
	}
	return nil, &source.Error{Kind: source.VersionNotFound, Explanation: "the values have the secret " + ref.SecretID + ", but not its " + version}
}

// of says whether the value is of the secret that a reference names, by name, full ARN or partial ARN.
func (v *Value) of(ref source.Ref) bool {
	if v.ID == ref.SecretID {
		return true
	}
	wanted, own := arns.Region(ref.SecretID), arns.Region(v.ID)
	if ref.Region != "" {
		wanted = ref.Region
	}
	if wanted != "" && own != "" && wanted != own {
		return false
	}
	switch {
	case !arns.Is(ref.SecretID):
		return v.name() == ref.SecretID
	case arns.Is(v.ID): // One of them may be partial.
		return arns.Partial(v.ID) == ref.SecretID || arns.Partial(ref.SecretID) == v.ID || arns.InRegion(v.ID, wanted) == ref.SecretID
	}
	return arns.Tail(ref.SecretID) == v.ID || arns.NameOf(ref.SecretID) == v.ID
}

// name is the name of the secret.
func (v *Value) name() string {
	if arns.TakenForFull(v.ID) {
		return arns.NameOf(v.ID)
	}
	return arns.Tail(v.ID)
}

// matches compares the value with all criteria of a find but the pattern.
func (v *Value) matches(query source.FindQuery) bool {
	if region := arns.Region(v.ID); query.Region != "" && region != "" && region != query.Region || !strings.HasPrefix(v.name(), query.NamePrefix) {
		return false
	}
	for key, wanted := range query.Tags {
		if has, tagged := v.Tags[key]; !tagged || has != wanted {
			return false
		}
	}
	return true
}

// version is what is known of the version; the ARN is empty where the file has only a name.
func (v *Value) version(ref source.Ref) source.Version {
	known := source.Version{ID: v.VersionID, Region: ref.Region}
	if v.Stage != "" {
		known.Stages = []string{v.Stage}
	}
	if arns.Is(v.ID) {
		known.ARN = v.ID
	}
	return known
}

func (v *Value) content() source.Value {
	if v.String != nil {
		return source.TextValue(*v.String)
	}
	return source.BinaryValue(v.Binary)
}
