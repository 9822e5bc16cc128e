package jmespath

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

const (
	// exponentDigits bounds the exponents that numbers are compared with.
	exponentDigits = 9
	// computedDigits is how many digits a number may have on either side of the point to compute with: big.Rat has them
	// all in memory.
	computedDigits = 400
)

// decimal is 0.digits × 10^point. Zero has no digits.
type decimal struct {
	negative bool
	digits   string
	point    int
}

// parse reads a number without losing any of it.
func (n number) parse() (decimal, error) {
	text, negative := strings.CutPrefix(string(n), "-")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	exponent = strings.TrimLeft(strings.TrimPrefix(exponent, "+"), "0")
	if len(exponent) > exponentDigits {
		return decimal{}, fail("a number's exponent has more than %d digits: such a number can be selected, not computed with", exponentDigits)
	}
	shift, _ := strconv.Atoi(exponent)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	point := len(digits) - len(fraction) + shift
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return decimal{}, nil
	}
	return decimal{negative: negative, digits: digits, point: point}, nil
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// compare is exact for any number of digits.
func (d decimal) compare(other decimal) int {
	if order := cmp.Compare(d.sign(), other.sign()); order != 0 || d.sign() == 0 {
		return order
	}
	return d.sign() * cmp.Or(cmp.Compare(d.point, other.point), cmp.Compare(d.digits, other.digits))
}

func compareNumbers(first, second number) (int, error) {
	left, err := first.parse()
	if err != nil {
		return 0, err
	}
	right, err := second.parse()
	return left.compare(right), err
}

// rational is the exact number to compute with.
func (n number) rational() (*big.Rat, error) {
	parsed, err := n.parse()
	if err != nil {
		return nil, err
	}
	if parsed.point > computedDigits || parsed.point < -computedDigits || len(parsed.digits) > computedDigits {
		return nil, fail("a number has more than %d digits: such a number can be selected, not computed with", computedDigits)
	}
	whole, ok := new(big.Int).SetString("0"+parsed.digits, 10)
	if !ok {
		return nil, fail("a number can't be read")
	}
	if parsed.negative {
		whole.Neg(whole)
	}
	exact, shift := new(big.Rat).SetInt(whole), parsed.point-len(parsed.digits)
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(shift, -shift))), nil))
	if shift < 0 {
		return exact.Quo(exact, scale), nil
	}
	return exact.Mul(exact, scale), nil
}

// written is a computed number in all its digits, or an error if they never end.
func written(exact *big.Rat) (number, error) {
	digits, ends := exact.FloatPrec()
	if !ends {
		return "", fail("a quotient has no last digit, and numbers are not rounded")
	}
	return number(exact.FloatString(digits)), nil
}
