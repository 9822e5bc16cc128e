package localaws

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// listMost is the maximum number of secrets on a page of ListSecrets.
const listMost = 100

type filter struct {
	Key    string
	Values []string
}

type listInput struct {
	Filters                []filter
	IncludePlannedDeletion bool
	MaxResults             *int64
	NextToken              string
	SortOrder, SortBy      string
}

func (s *Server) listSecrets(call *request, input *listInput) (any, error) {
	if err := s.allow(call, "secretsmanager:ListSecrets", "*", nil); err != nil {
		return nil, err
	}
	matching, err := s.matching(call, input.Filters, input.IncludePlannedDeletion)
	if err != nil {
		return nil, err
	}
	if err := sortBy(matching, input.SortBy); err != nil {
		return nil, err
	}
	if input.SortOrder == "desc" {
		slices.Reverse(matching)
	}
	page, next, err := paginate(matching, input.NextToken, wanted(input.MaxResults, listMost))
	if err != nil {
		return nil, err
	}
	answer := struct {
		SecretList []description
		NextToken  string `json:",omitempty"`
	}{SecretList: []description{}, NextToken: next}
	for _, found := range page {
		entry := s.describe(found)
		entry.SecretVersionsToStages, entry.ReplicationStatus = found.stagesByVersion(), nil
		answer.SecretList = append(answer.SecretList, entry)
	}
	return answer, nil
}

// matching lists the secrets that a call sees in its place, sorted by creation, then name.
func (s *Server) matching(call *request, filters []filter, deleted bool) ([]*secret, error) {
	here := s.secrets[call.at]
	if call.sees != nil {
		here = call.sees.all(call.at)
	}
	var found []*secret
	for _, candidate := range here {
		if call.sees == nil && s.removed(candidate) || !deleted && !candidate.deleted.IsZero() {
			continue
		}
		matches, err := matchesAll(candidate, filters)
		if err != nil {
			return nil, err
		}
		if matches {
			found = append(found, candidate)
		}
	}
	return found, sortBy(found, "")
}

// sortBy sorts secrets by creation, or as the caller wants them; then by name.
func sortBy(secrets []*secret, by string) error {
	date := func(*secret) time.Time { return time.Time{} }
	switch by {
	case "", "created-date":
		date = func(s *secret) time.Time { return s.created }
	case "last-changed-date":
		date = func(s *secret) time.Time { return s.changed }
	case "last-accessed-date":
		date = func(s *secret) time.Time { return s.accessed }
	case "name":
	default:
		return outOfBounds("sortBy", "one of the values created-date, last-accessed-date, last-changed-date, name")
	}
	slices.SortFunc(secrets, func(a, b *secret) int {
		if order := date(a).Compare(date(b)); order != 0 {
			return order
		}
		return strings.Compare(a.name, b.name)
	})
	return nil
}

// matchesAll says whether a secret matches every filter. As in AWS, filters on tag keys and on tag values are
// independent of each other.
func matchesAll(of *secret, filters []filter) (bool, error) {
	for _, f := range filters {
		texts, err := texts(of, f.Key)
		if err != nil {
			return false, err
		}
		matches := strings.HasPrefix
		if f.Key == "description" || f.Key == "all" {
			matches = hasWords
		}
		if !matchesAny(texts, f.Values, matches) {
			return false, nil
		}
	}
	return true, nil
}

func texts(of *secret, key string) ([]string, error) {
	switch key {
	case "name":
		return []string{of.name}, nil
	case "description":
		return []string{of.description}, nil
	case "tag-key":
		return slices.Collect(maps.Keys(of.tags)), nil
	case "tag-value":
		return slices.Collect(maps.Values(of.tags)), nil
	case "primary-region":
		return []string{of.primaryRegion()}, nil
	case "owning-service":
		return []string{of.owningService}, nil
	case "all":
		all := []string{of.name, of.description}
		all = slices.AppendSeq(all, maps.Keys(of.tags))
		return slices.AppendSeq(all, maps.Values(of.tags)), nil
	}
	return nil, outOfBounds("filters.1.member.key", "one of the values description, name, tag-key, tag-value, primary-region, owning-service, all")
}

// matchesAny says whether a value matches one of the texts, or matches none of them if it begins with "!".
func matchesAny(texts, values []string, matches func(text, value string) bool) bool {
	for _, value := range values {
		wanted, negated := strings.CutPrefix(value, "!")
		some := slices.ContainsFunc(texts, func(text string) bool { return matches(text, wanted) })
		if some != negated {
			return true
		}
	}
	return false
}

// hasWords says whether each word of a value is the beginning of a word of the text, ignoring case.
func hasWords(text, value string) bool {
	has := words(text)
	wanted := words(value)
	for _, word := range wanted {
		if !slices.ContainsFunc(has, func(part string) bool { return strings.HasPrefix(part, word) }) {
			return false
		}
	}
	return len(wanted) > 0
}

// words splits a text at characters that are neither letters nor digits, and before capitals.
func words(text string) []string {
	var spaced strings.Builder
	before := ' '
	for _, r := range text {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			spaced.WriteByte(' ')
		}
		before = r
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = ' '
		}
		spaced.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(spaced.String())
}

// wanted is the size of a page.
func wanted(given *int64, most int) int {
	if given == nil {
		return most
	}
	return int(*given)
}

// tokenPrefix marks a NextToken, so that other texts are not accepted as one.
const tokenPrefix = "page-"

// paginate gives a page of a list; tokens are offsets, which callers must not rely on.
func paginate[T any](all []T, token string, size int) (page []T, next string, err error) {
	from := 0
	if token != "" {
		offset, is := strings.CutPrefix(token, tokenPrefix)
		if from, err = strconv.Atoi(offset); !is || err != nil || from < 1 {
			return nil, "", refuse("InvalidNextTokenException", "The NextToken value is invalid.")
		}
	}
	from = min(from, len(all)) // The list may be shorter by now.
	to := min(from+size, len(all))
	if to < len(all) {
		next = tokenPrefix + strconv.Itoa(to)
	}
	return all[from:to], next, nil
}
