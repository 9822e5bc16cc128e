package moto

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// difference is a field that the two answer differently; "-" stands for a missing field.
type difference struct {
	call               call
	path, local, other string
}

func (d difference) String() string {
	return fmt.Sprintf("%s (%s)\n\t%s: the local AWS %s, moto %s", d.call, d.call.operation, d.path, d.local, d.other)
}

// compare flattens both answers and lists what differs. Of a refusal only code and status count: the tests of localaws
// compare its texts with AWS's, and moto has texts of its own.
func compare(c call, local, other *answer) (differences []difference) {
	ours, theirs := local.flat(), other.flat()
	if ours["refused"] != theirs["refused"] { // Then only code and status can be compared.
		ours, theirs = only(ours), only(theirs)
	}
	paths := maps.Clone(ours)
	maps.Copy(paths, theirs)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if a, b := orAbsent(ours, path), orAbsent(theirs, path); a != b {
			differences = append(differences, difference{call: c, path: path, local: a, other: b})
		}
	}
	return differences
}

func orAbsent(values map[string]string, path string) string {
	if value, has := values[path]; has {
		return value
	}
	return "-"
}

func only(values map[string]string) map[string]string {
	kept := map[string]string{"refused": "no"}
	for _, path := range []string{"refused", "status"} {
		if value, has := values[path]; has {
			kept[path] = value
		}
	}
	return kept
}

// flat is an answer as a map from paths to values, without what is random.
func (a *answer) flat() map[string]string {
	values := map[string]string{"status": fmt.Sprint(a.status), "content-type": a.kind}
	if code, is := a.body["__type"].(string); is {
		values["refused"] = code
		return values
	}
	flatten(values, "", a.body)
	return values
}

func flatten(into map[string]string, path string, value any) {
	switch v := value.(type) {
	case nil: // The protocol has no null; the field counts as missing.
	case map[string]any:
		for key, inner := range v {
			flatten(into, strings.TrimPrefix(path+"."+plain(key), "."), inner)
		}
	case []any:
		if len(v) == 0 {
			into[path] = "[]"
		}
		for i, inner := range sorted(path, v) {
			flatten(into, fmt.Sprintf("%s[%d]", path, i), inner)
		}
	case json.Number:
		into[path] = dated(path, v)
	case string:
		into[path] = plain(v)
		if path == "RandomPassword" {
			into[path] = fmt.Sprintf("%d characters", len([]rune(v)))
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}

// sorted sorts lists whose order has no meaning.
func sorted(path string, list []any) []any {
	by := map[string]string{"Versions": "VersionId", "Tags": "Key", "ReplicationStatus": "Region"}
	name := path[strings.LastIndex(path, ".")+1:]
	key := func(v any) string {
		if fields, is := v.(map[string]any); is {
			return fmt.Sprint(fields[by[name]])
		}
		return fmt.Sprint(v)
	}
	texts := !slices.ContainsFunc(list, func(v any) bool { _, is := v.(string); return !is })
	if by[name] == "" && !texts {
		return list
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return list
}

var (
	suffixes = regexp.MustCompile(`(arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+)-[A-Za-z]{6}$`)
	uuids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// plain is a text without the random parts of ARNs and ids, shortened to what fits into a message.
func plain(text string) string {
	text = suffixes.ReplaceAllString(text, "$1-??????")
	text = uuids.ReplaceAllStringFunc(text, func(id string) string {
		if strings.HasPrefix(id, "00000000-0000-4000-8000-") {
			return "#" + id[len(id)-1:]
		}
		return "a new id"
	})
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%s… (%d)", text[:8], len(text))
	}
	return text
}

// dated gives a date as days from now, and "a date" for the day of an access, which AWS truncates.
func dated(path string, number json.Number) string {
	seconds, err := number.Float64()
	if err != nil || !strings.HasSuffix(path, "Date") {
		return number.String()
	}
	if strings.HasSuffix(path, "LastAccessedDate") {
		return "a date"
	}
	days := math.Round((seconds - float64(time.Now().Unix())) / (24 * 60 * 60))
	return fmt.Sprintf("in %.0f days", days+0) // Never "-0".
}
