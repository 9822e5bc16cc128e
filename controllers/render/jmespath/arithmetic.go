package jmespath

import (
	"encoding/json"
	"math/big"
	"strings"
)

// additionWork is about how much work it is to add two numbers of many digits.
const additionWork = 64

func absolute(_ *search, arguments []any) (any, error) {
	value, _ := arguments[0].(number)
	return number(strings.TrimPrefix(string(value), "-")), nil
}

func floor(_ *search, arguments []any) (any, error) { return rounded(arguments[0], 0) }

func ceil(_ *search, arguments []any) (any, error) { return rounded(arguments[0], 1) }

// rounded is the whole number below, plus step if there is a remainder.
func rounded(argument any, step int64) (any, error) {
	value, _ := argument.(number)
	exact, err := value.rational()
	if err != nil {
		return nil, err
	}
	if exact.IsInt() {
		return value, nil
	}
	// Div rounds down for the positive denominators that big.Rat has.
	below := new(big.Int).Div(exact.Num(), exact.Denom())
	return number(below.Add(below, big.NewInt(step)).String()), nil
}

func (s *search) total(given []any) (*big.Rat, error) {
	total := new(big.Rat)
	for _, item := range given {
		value, _ := item.(number)
		exact, err := value.rational()
		if err != nil {
			return nil, err
		}
		total.Add(total, exact)
		if err := s.spend(additionWork); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func sum(s *search, arguments []any) (any, error) {
	total, err := s.total(items(arguments[0]))
	if err != nil {
		return nil, err
	}
	return written(total)
}

// average of nothing is null.
func average(s *search, arguments []any) (any, error) {
	given := items(arguments[0])
	total, err := s.total(given)
	if err != nil || len(given) == 0 {
		return nil, err
	}
	return written(total.Quo(total, new(big.Rat).SetInt64(int64(len(given)))))
}

// toNumber is the number that a text holds, digit for digit; null if it holds none.
func toNumber(_ *search, arguments []any) (any, error) {
	switch value := arguments[0].(type) {
	case number:
		return value, nil
	case string:
		if value != "" && strings.Trim(value, "0123456789+-.eE") == "" && json.Valid([]byte(value)) {
			return number(value), nil
		}
	}
	return nil, nil
}
