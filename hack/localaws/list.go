package localaws

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// listMost is how many secrets a page of ListSecrets has at most.
const listMost = 100

type filter struct {
	Key    string
	Values []string
}

type listInput struct {
	Filters                []filter
	IncludePlannedDeletion bool
	MaxResults             int
	NextToken, SortOrder   string
}

func (s *Server) listSecrets(call *request, input *listInput) (any, error) {
	if err := s.allow(call, "secretsmanager:ListSecrets", "*", nil); err != nil {
		return nil, err
	}
	matching, err := s.matching(call.at, input.Filters, input.IncludePlannedDeletion)
	if err != nil {
		return nil, err
	}
	if input.SortOrder == "desc" {
		slices.Reverse(matching)
	}
	page, next := paginate(matching, input.NextToken, input.MaxResults, listMost)
	answer := struct {
		SecretList []description
		NextToken  string `json:",omitempty"`
	}{SecretList: []description{}, NextToken: next}
	for _, found := range page {
		entry := s.describe(found)
		entry.SecretVersionsToStages = found.stagesByVersion()
		answer.SecretList = append(answer.SecretList, entry)
	}
	return answer, nil
}

// matching lists the secrets of a place by creation, then name.
func (s *Server) matching(at place, filters []filter, deleted bool) ([]*secret, error) {
	var found []*secret
	for _, one := range s.secrets[at] {
		gone := !one.forgetAt.IsZero() && !s.now().Before(one.forgetAt)
		if gone || !deleted && !one.deleted.IsZero() {
			continue
		}
		matches, err := matchesAll(one, filters)
		if err != nil {
			return nil, err
		}
		if matches {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b *secret) int {
		if order := a.created.Compare(b.created); order != 0 {
			return order
		}
		return strings.Compare(a.name, b.name)
	})
	return found, nil
}

// matchesAll wants every filter to match. Filters on tag keys and on tag values are independent of
// each other, as they are in AWS.
func matchesAll(one *secret, filters []filter) (bool, error) {
	for _, f := range filters {
		texts, err := texts(one, f.Key)
		if err != nil {
			return false, err
		}
		if !matchesAny(texts, f.Values) {
			return false, nil
		}
	}
	return true, nil
}

func texts(one *secret, key string) ([]string, error) {
	switch key {
	case "name":
		return []string{one.name}, nil
	case "description":
		return []string{one.description}, nil
	case "tag-key":
		return slices.Collect(maps.Keys(one.tags)), nil
	case "tag-value":
		return slices.Collect(maps.Values(one.tags)), nil
	case "primary-region":
		return []string{one.primary}, nil
	case "owning-service":
		return []string{one.owningService}, nil
	case "all":
		all := []string{one.name, one.description}
		all = slices.AppendSeq(all, maps.Keys(one.tags))
		return slices.AppendSeq(all, maps.Values(one.tags)), nil
	}
	return nil, refuse("InvalidParameterException", "The filter key %s is not valid.", key)
}

// matchesAny compares by prefix; a value that begins with "!" wants no text to match.
func matchesAny(texts, values []string) bool {
	for _, value := range values {
		wanted, negated := strings.CutPrefix(value, "!")
		some := slices.ContainsFunc(texts, func(text string) bool {
			return strings.HasPrefix(strings.ToLower(text), strings.ToLower(wanted))
		})
		if some != negated {
			return true
		}
	}
	return len(values) == 0
}

// paginate cuts a page out of a list; tokens are offsets, which callers must not rely on.
func paginate[T any](all []T, token string, wanted, most int) (page []T, next string) {
	if wanted < 1 || wanted > most {
		wanted = most
	}
	from, _ := strconv.Atoi(token)
	from = min(max(from, 0), len(all))
	to := min(from+wanted, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next
}
