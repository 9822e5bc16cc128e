// Package weak has code for every mutation operator twice: once checked by its tests, and once only called by them.
package weak

import (
	"errors"
	"time"
)

const most = 5

// Owned is checked by its tests.
func Owned(owner, wanted string, count int) (bool, error) {
	if owner == "" || owner == "none" {
		return false, errors.New("no owner")
	}
	if count > most {
		return false, nil
	}
	return owner == wanted, nil
}

// Ignored is the same, and its test only calls it.
func Ignored(owner, wanted string, count int) (bool, error) {
	if owner == "" || owner == "none" {
		return false, errors.New("no owner")
	}
	if count > most {
		return false, nil
	}
	return owner == wanted, nil
}

type options struct {
	uid    string
	within time.Duration
}

func (o options) with(uid string) options {
	o.uid = uid
	return o
}

func deletion(uid string) options { return options{within: time.Minute}.with(uid) }

func sum(numbers []int, limit int) int {
	total := 0
	for _, number := range numbers {
		if number < 0 {
			total = 0
			continue
		}
		total += number
	}
	return min(total, limit)
}

func describe(kind string, all ...error) string {
	switch kind {
	case "one":
		return "1"
	case "all":
		return errors.Join(append([]error{errors.New("all")}, all...)...).Error()
	}
	return describe("all", errors.New(kind), errors.New("other"))
}

// waits ends only if its condition becomes true.
func waits(until int) int {
	n := 0
	for n < until {
		n++
	}
	return n - 1
}
