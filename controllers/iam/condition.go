package iam

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one key of a statement's Condition under one operator (page "IAM JSON policy elements:
// Condition operators").
type condition struct {
	operator comparison
	key      string
	wanted   []string
	// negated operators hold where no wanted value matches, and where the key is absent.
	negated bool
	// ifExists makes an absent key match.
	ifExists bool
	// set says how keys with several values are compared.
	set setOperator
}

type setOperator int

const (
	singleValue setOperator = iota
	forAnyValue
	forAllValues
)

// comparison compares a value of the request with one of the policy, whose variables are replaced.
type comparison func(given string, wanted pattern) bool

func newCondition(operator, key string, wanted []string) (condition, error) {
	c := condition{key: key, wanted: wanted}
	name := operator
	if rest, is := strings.CutPrefix(name, "ForAnyValue:"); is {
		name, c.set = rest, forAnyValue
	} else if rest, is := strings.CutPrefix(name, "ForAllValues:"); is {
		name, c.set = rest, forAllValues
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	if name == "Null" {
		return c, nil // The only operator without a comparison: see holds.
	}
	if positive := strings.Replace(name, "Not", "", 1); positive != name {
		name, c.negated = positive, true
	}
	if c.operator = comparisonOf(name, c.negated); c.operator == nil {
		return c, fmt.Errorf("the condition operator %q is not known", operator)
	}
	return c, nil
}

// comparisonOf finds an operator by its name without "Not"; nil where there is none.
func comparisonOf(name string, negated bool) comparison {
	switch name {
	case "StringEquals":
		return func(given string, wanted pattern) bool { return given == wanted.String() }
	case "StringEqualsIgnoreCase":
		return func(given string, wanted pattern) bool { return strings.EqualFold(given, wanted.String()) }
	case "StringLike", "ArnLike", "ArnEquals":
		return func(given string, wanted pattern) bool { return wanted.like(given) }
	}
	if negated {
		return nil
	}
	switch name {
	case "Bool":
		return func(given string, wanted pattern) bool { return strings.EqualFold(given, wanted.String()) }
	case "NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals":
		return numeric(strings.TrimPrefix(name, "Numeric"))
	case "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals":
		return date(strings.TrimPrefix(name, "Date"))
	}
	return nil
}

func numeric(relation string) comparison {
	return func(given string, wanted pattern) bool {
		a, err := strconv.ParseFloat(given, 64)
		if err != nil {
			return false
		}
		b, err := strconv.ParseFloat(wanted.String(), 64)
		return err == nil && stands(a-b, relation)
	}
}

func date(relation string) comparison {
	return func(given string, wanted pattern) bool {
		a, err := time.Parse(time.RFC3339, given)
		if err != nil {
			return false
		}
		b, err := time.Parse(time.RFC3339, wanted.String())
		return err == nil && stands(a.Sub(b).Seconds(), relation)
	}
}

// stands says whether a difference satisfies a relation.
func stands(difference float64, relation string) bool {
	switch relation {
	case "Equals":
		return difference == 0
	case "LessThan":
		return difference < 0
	case "LessThanEquals":
		return difference <= 0
	case "GreaterThan":
		return difference > 0
	}
	return difference >= 0
}

func (c *condition) holds(r *Request) bool {
	given := r.values(c.key)
	if c.operator == nil {
		return slices.Contains(c.wanted, strconv.FormatBool(len(given) == 0))
	}
	if len(given) == 0 {
		return c.ifExists || c.negated && c.set != forAnyValue || c.set == forAllValues
	}
	if c.set == forAllValues {
		return !slices.ContainsFunc(given, func(value string) bool { return !c.matches(r, value) })
	}
	if c.set == singleValue && c.negated {
		return !slices.ContainsFunc(given, func(value string) bool { return !c.matches(r, value) })
	}
	return slices.ContainsFunc(given, func(value string) bool { return c.matches(r, value) })
}

// matches compares one value of the request with those of the policy.
func (c *condition) matches(r *Request, given string) bool {
	some := slices.ContainsFunc(c.wanted, func(text string) bool {
		wanted, defined := r.expand(text)
		return defined && c.operator(given, wanted)
	})
	return some != c.negated
}
