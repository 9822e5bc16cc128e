package tenancy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A record is a JSON object of CloudTrail or of an audit log, a row a row of a query's result by column.
type (
	record = map[string]any
	row    map[string]string
)

// field finds a field of a record by its path; ok is false if there is none. Athena ignores capitals, Logs Insights does
// not.
func field(of record, path string, same func(a, b string) bool) (value string, ok bool) {
	first, rest, nested := strings.Cut(path, ".")
	for name, held := range of {
		if !same(name, first) || held == nil {
			continue
		}
		if !nested {
			return fmt.Sprint(held), true
		}
		if inner, is := held.(record); is {
			return field(inner, rest, same)
		}
	}
	return "", false
}

// logsInsights are the records that a query of CloudWatch Logs Insights has not dropped.
type logsInsights struct {
	*testing.T
	records []record
	// parsed is what parse has found in each record.
	parsed  []row
	columns []string
}

// insights runs a query of CloudWatch Logs Insights: those of its commands that the page uses.
func insights(t *testing.T, query string, records []record) (rows []row) {
	t.Helper()
	run := &logsInsights{T: t, records: records}
	for range records {
		run.parsed = append(run.parsed, row{})
	}
	for line := range strings.SplitSeq(strings.TrimSpace(query), "\n") {
		run.command(strings.TrimPrefix(line, "| "))
	}
	for n := range run.records {
		got := row{}
		for _, column := range run.columns {
			got[column], _ = run.value(n, column)
		}
		rows = append(rows, got)
	}
	return rows
}

func (l *logsInsights) value(n int, name string) (string, bool) {
	if found, ok := l.parsed[n][name]; ok {
		return found, true
	}
	return field(l.records[n], name, func(a, b string) bool { return a == b })
}

// command runs a command. A field that no record has is an error.
func (l *logsInsights) command(line string) {
	l.Helper()
	command, argument, _ := strings.Cut(line, " ")
	if command == "display" {
		l.columns = strings.Split(argument, ", ")
		return
	}
	name, rest, _ := strings.Cut(argument, " ")
	var (
		known bool
		kept  logsInsights
	)
	for n := range l.records {
		held, ok := l.value(n, name)
		known = known || ok
		switch command {
		case "filter":
			if !insightsHolds(l.T, held, rest) {
				continue
			}
		case "parse":
			pattern := insightsPattern(rest)
			if found := pattern.FindStringSubmatch(held); found != nil {
				l.parsed[n][pattern.SubexpNames()[1]] = found[1]
			}
		case "sort":
		default:
			l.Fatalf("the test does not know the command %q", line)
		}
		kept.records, kept.parsed = append(kept.records, l.records[n]), append(kept.parsed, l.parsed[n])
	}
	if !known {
		l.Errorf("no record has the field %s of %q", name, line)
	}
	l.records, l.parsed = kept.records, kept.parsed
}

// insightsPattern is a regular expression between slashes.
func insightsPattern(written string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(strings.Trim(written, "/"), `\/`, "/"))
}

// insightsHolds says whether a value passes a filter's comparison.
func insightsHolds(t *testing.T, held, comparison string) bool {
	t.Helper()
	operator, operand, _ := strings.Cut(comparison, " ")
	switch operator {
	case "=":
		return strconv.Quote(held) == operand
	case "in":
		return strings.Contains(operand, strconv.Quote(held))
	case "like":
		return insightsPattern(operand).MatchString(held)
	}
	t.Fatalf("the test does not know the comparison %q", comparison)
	return false
}

var (
	jsonExtract   = regexp.MustCompile(`^json_extract_scalar\((\w+), '\$\.(\w+)'\)$`)
	regexpExtract = regexp.MustCompile(`^regexp_extract\((\w+), '(.+)', 1\)$`)
	regexpLike    = regexp.MustCompile(`^regexp_like\((.+), '(.+)'\)$`)
	comparison    = regexp.MustCompile(`^(\w+) (=|>) '(.*)'$`)
)

// athena runs a query of Athena on the table cloudtrail_logs: those of its expressions that the page uses.
func athena(t *testing.T, query string, records []record) []row {
	t.Helper()
	selected, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(query), "SELECT\n"), "\nFROM cloudtrail_logs\nWHERE ")
	where, _, _ := strings.Cut(rest, "\nORDER BY ")
	rows := []row{}
	for _, from := range records {
		holds := true
		for condition := range strings.SplitSeq(where, "\n  AND ") {
			holds = holds && athenaHolds(t, from, condition)
		}
		if !holds {
			continue
		}
		got := row{}
		for item := range strings.SplitSeq(selected, ",\n") {
			expression, name, named := strings.Cut(strings.TrimSpace(item), " AS ")
			if !named {
				name = expression
			}
			got[name] = athenaValue(t, from, expression)
		}
		rows = append(rows, got)
	}
	return rows
}

// athenaValue is the value of an expression.
func athenaValue(t *testing.T, from record, expression string) string {
	t.Helper()
	if found := jsonExtract.FindStringSubmatch(expression); found != nil {
		// The column is a string of JSON, in which names keep their capitals.
		inner, _ := field(from, found[1]+"."+found[2], func(a, b string) bool {
			return a == b || b == found[1] && strings.EqualFold(a, b)
		})
		return inner
	}
	if found := regexpExtract.FindStringSubmatch(expression); found != nil {
		if part := regexp.MustCompile(found[2]).FindStringSubmatch(athenaValue(t, from, found[1])); part != nil {
			return part[1]
		}
		return ""
	}
	if !regexp.MustCompile(`^[a-z.]+$`).MatchString(expression) {
		t.Fatalf("the test does not know the expression %q", expression)
	}
	value, _ := field(from, expression, strings.EqualFold)
	return value
}

// athenaHolds says whether a condition holds.
func athenaHolds(t *testing.T, from record, condition string) bool {
	t.Helper()
	if found := regexpLike.FindStringSubmatch(condition); found != nil {
		return regexp.MustCompile(found[2]).MatchString(athenaValue(t, from, found[1]))
	}
	found := comparison.FindStringSubmatch(condition)
	if found == nil {
		t.Fatalf("the test does not know the condition %q", condition)
	}
	held := athenaValue(t, from, found[1])
	return found[2] == "=" && held == found[3] || found[2] == ">" && held > found[3]
}
