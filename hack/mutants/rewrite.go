package main

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// mutant is one way to break the code in one place.
type mutant struct {
	// number chooses it, counted from 1 in the order of the package's code.
	number int
	// key names it in accepted.txt. It does not change when other code changes.
	key  string
	file string
	line int
	// what describes the change: the mutation operator, and the code that it is applied to.
	what string
}

// wrap is a part of a file that is rewritten. Its function renders the code inside it, once or more.
type wrap struct {
	from, to token.Pos
	write    func(inner func(from, to token.Pos) string) string
	inside   []*wrap
}

// nest puts wraps into the wraps around them. Of two with the same extent the first encloses the second.
func nest(wraps []*wrap) *wrap {
	slices.SortStableFunc(wraps, func(a, b *wrap) int {
		if a.from != b.from {
			return int(a.from - b.from)
		}
		return int(b.to - a.to)
	})
	root := &wrap{}
	stack := []*wrap{root}
	for _, next := range wraps {
		for len(stack) > 1 && stack[len(stack)-1].to <= next.from {
			stack = stack[:len(stack)-1]
		}
		around := stack[len(stack)-1]
		around.inside = append(around.inside, next)
		stack = append(stack, next)
	}
	return root
}

// rewrite gives a file with all its wraps.
func rewrite(file sourceFile, wraps []*wrap) string {
	base := file.syntax.FileStart
	var render func(around *wrap, from, to token.Pos) string
	render = func(around *wrap, from, to token.Pos) string {
		var text strings.Builder
		for _, inner := range around.inside {
			if inner.from < from || inner.to > to {
				continue
			}
			text.Write(file.content[from-base : inner.from-base])
			text.WriteString(inner.write(func(from, to token.Pos) string { return render(inner, from, to) }))
			from = inner.to
		}
		text.Write(file.content[from-base : to-base])
		return text.String()
	}
	return render(nest(wraps), base, file.syntax.FileEnd)
}

// schema is the source code of the functions that rewritten files call.
func schema(pkg string, mutants int) string { return fmt.Sprintf(schemaSource, pkg, mutants+1) }

const schemaSource = `package %s

import (
	"cmp"
	"os"
	"reflect"
	"strconv"
	"sync/atomic"
	"syscall"
)

var (
	mutantsActive, mutantsLog = mutantsStart()
	mutantsSeen               [%d]atomic.Bool
)

// mutantsStart limits the memory of a mutant, and reads which one is active.
func mutantsStart() (int, *os.File) {
	syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 4 << 30, Max: 4 << 30})
	active, _ := strconv.Atoi(os.Getenv("MUTANT"))
	if name := os.Getenv("MUTANTS_REACHED"); name != "" {
		log, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			panic(err)
		}
		return active, log
	}
	return active, nil
}

func mutantsIs(n int) bool {
	if mutantsLog != nil && mutantsSeen[n].CompareAndSwap(false, true) {
		mutantsLog.WriteString(strconv.Itoa(n) + "\n")
	}
	return n == mutantsActive
}

func mutantsZero[T any](n int, value T) T {
	if !reflect.ValueOf(&value).Elem().IsZero() && mutantsIs(n) {
		return *new(T)
	}
	return value
}

func mutantsNil(n int, err error) error {
	if err != nil && mutantsIs(n) {
		return nil
	}
	return err
}

func mutantsLess[T cmp.Ordered](n int, a, b T) bool { return a < b || a == b && mutantsIs(n) }

func mutantsLessEqual[T cmp.Ordered](n int, a, b T) bool { return a < b || a == b && !mutantsIs(n) }

type mutantsNumber interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64
}

func mutantsTen[T mutantsNumber](n int, value T) T {
	if mutantsIs(n) {
		return value * 10
	}
	return value
}

func mutantsEither[T any](n int, value, other T) T {
	if mutantsIs(n) {
		return other
	}
	return value
}

// mutantsOther is a value that no case of a switch has.
func mutantsOther[T ~string | ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr](n int, value T) T {
	if !mutantsIs(n) {
		return value
	}
	switch of := reflect.ValueOf(&value).Elem(); {
	case of.Kind() == reflect.String:
		of.SetString(of.String() + "\x00")
	case of.CanInt():
		of.SetInt(^of.Int())
	default:
		of.SetUint(^of.Uint())
	}
	return value
}

// mutantsWithout leaves out the option whose number is active.
func mutantsWithout[T any](first int, options ...T) []T {
	for n := range options {
		if mutantsIs(first + n) {
			return append(append([]T{}, options[:n]...), options[n+1:]...)
		}
	}
	return options
}

var (
	_ = mutantsZero[int]
	_ = mutantsNil
	_ = mutantsLess[int]
	_ = mutantsLessEqual[int]
	_ = mutantsTen[int]
	_ = mutantsEither[int]
	_ = mutantsOther[int]
	_ = mutantsWithout[int]
)
`
