package template

import (
	"encoding/json"
	"fmt"

	"github.com/secretsync/secretsync/controllers/pattern"
)

// Limits of all templates of a SecretSync together, except maxSource and maxDepth, which are for each template.
const (
	// maxSource is how many bytes a template may have.
	maxSource = 64 << 10
	// maxOutput is how many bytes the keys may have together: the limit of Kubernetes for a Secret.
	maxOutput = 1 << 20
	// maxValue is how many bytes a value within a template may have.
	maxValue = 1 << 20
	// maxSteps is how many steps the templates may take. A step is a node of a template, or bytesPerStep bytes that a
	// function reads or returns; slower functions cost more steps. A million take about a second.
	maxSteps = 1_000_000
	// bytesPerStep also bounds memory: the results of functions have at most maxSteps times this many bytes.
	bytesPerStep = 64
	// parsingBytes is how many bytes a byte of a template counts for when it is parsed: an action of six bytes takes some
	// hundreds.
	parsingBytes = 32
	// heavyMemory is how many bytes may be read and written before the work is heavy.
	heavyMemory = 1 << 20
	// stepsAtOnce is how many steps are charged to the reconcile's budget at a time, and stepPrice how many of its steps
	// each costs.
	stepsAtOnce, stepPrice = 100, 90
	// maxDepth is how deeply templates may call one another.
	maxDepth = 64
	// maxNesting is how deeply actions may be nested; multiplied by maxDepth, it bounds the stack.
	maxNesting = 200
	// maxLevels is how deeply maps and lists may be nested: each line of YAML is indented by its level.
	maxLevels = 100
)

// budget is what the templates have left to use.
type budget struct {
	steps  int
	depth  int
	output int
	// paid is how many steps were charged to parent, and memory how many bytes were read and written.
	paid, memory int
	parent       *pattern.Budget
	// refusal is the error of parent, which ends all templates.
	refusal error
}

func newBudget(parent *pattern.Budget) *budget {
	return &budget{steps: maxSteps, output: maxOutput, parent: parent}
}

// spend takes steps, and panics with *exhausted if there are no more: it is called deep in functions, which all have to
// end.
func (b *budget) spend(steps int) {
	b.steps -= steps
	if b.steps < 0 {
		b.steps = 0
		panic(&exhausted{fmt.Sprintf("the templates take more than %d steps: take a loop or a recursion out, or use large values less often", maxSteps)})
	}
	if due := maxSteps - b.steps - b.paid; due > 0 {
		due += stepsAtOnce
		b.paid += due
		b.stopIf(b.parent.Spend("executing the templates", int64(due*stepPrice)))
	}
}

// stopIf ends the templates if the reconcile's budget refuses more work.
func (b *budget) stopIf(refusal error) {
	if refusal != nil {
		b.refusal = refusal
		panic(&exhausted{"the budget of the reconcile is used up"})
	}
}

// spendBytes takes the steps for bytes that are about to be read or written; many bytes are heavy work.
func (b *budget) spendBytes(bytes int) {
	b.spend(bytes / bytesPerStep)
	b.take(bytes)
}

// take counts bytes of memory that are about to be used.
func (b *budget) take(bytes int) {
	if b.memory += bytes; b.memory > heavyMemory {
		b.stopIf(b.parent.Heavy())
	}
}

// writer collects the output of a template, up to the limit.
type writer struct {
	budget  *budget
	content []byte
}

// Write fails once there is too much.
func (w *writer) Write(content []byte) (int, error) {
	w.budget.output -= len(content)
	if w.budget.output < 0 {
		w.budget.output = 0
		return 0, &exhausted{fmt.Sprintf("the templates give more than %d bytes together, which is all that a Secret may have", maxOutput)}
	}
	if err := stopped(func() { w.budget.take(len(content)) }); err != nil {
		return 0, err
	}
	w.content = append(w.content, content...)
	return len(content), nil
}

// weight is the size of a value with all that is in it. It stops counting above a bound, as a map may contain another
// map many times.
func weight(value any, bound int) int { return weightAt(value, bound, 0) }

func weightAt(value any, bound, level int) int {
	if level > maxLevels {
		panic(&functionError{fmt.Sprintf("maps and lists are more than %d within each other", maxLevels)})
	}
	const each = 16
	switch value := value.(type) {
	case string:
		return each + len(value)
	case json.Number:
		return each + len(value)
	case []any:
		sum := each
		for _, item := range value {
			if sum > bound {
				break
			}
			sum += weightAt(item, bound-sum, level+1)
		}
		return sum
	case map[string]any:
		sum := each
		for name, item := range value {
			if sum > bound {
				break
			}
			sum += each + len(name) + weightAt(item, bound-sum, level+1)
		}
		return sum
	}
	return each
}
