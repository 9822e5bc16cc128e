package template

import (
	"encoding/json"
	"fmt"

	"github.com/secretsync/secretsync/controllers/pattern"
)

// Bounds of all templates of a SecretSync together, but for maxSource and maxDepth, which are of each.
const (
	// maxSource is how many bytes a template may have.
	maxSource = 64 << 10
	// maxOutput is how many bytes the keys may have together: Kubernetes lets a Secret have no more.
	maxOutput = 1 << 20
	// maxValue is how many bytes a value within a template may have.
	maxValue = 1 << 20
	// maxSteps is how many steps there may be. A step is a node of a template, or bytesPerStep bytes that a function
	// reads or gives; functions cost more of them the slower they are. A million take about a second.
	maxSteps = 1_000_000
	// bytesPerStep also bounds memory: what functions give can have maxSteps times this many bytes at most.
	bytesPerStep = 64
	// parsingBytes is how many bytes a byte of a template counts for that is parsed: an action of six bytes makes some
	// hundreds.
	parsingBytes = 32
	// heavyMemory is how many bytes may be read and made before the work is heavy.
	heavyMemory = 1 << 20
	// stepsAtOnce is for how many steps those of the pass are taken at a time, and stepPrice how many of them each is.
	stepsAtOnce, stepPrice = 100, 90
	// maxDepth is how deeply templates may call one another.
	maxDepth = 64
	// maxNesting is how deeply actions may stand within each other, which times maxDepth is what the stack holds.
	maxNesting = 200
	// maxLevels is how deeply maps and lists may be within each other: each line of YAML is indented by its level.
	maxLevels = 100
)

// budget is what the templates may still use.
type budget struct {
	steps  int
	depth  int
	output int
	// paid is how many steps were taken from those of the pass, and memory how many bytes were read and made.
	paid, memory int
	parent       *pattern.Budget
	// refusal is what the budget of the pass has said, which ends all templates.
	refusal error
}

func newBudget(parent *pattern.Budget) *budget {
	return &budget{steps: maxSteps, output: maxOutput, parent: parent}
}

// spend takes steps, and panics with *exhausted when there are no more: the callers are deep in functions
// and all of them end.
func (b *budget) spend(steps int) {
	b.steps -= steps
	if b.steps < 0 {
		b.steps = 0
		panic(&exhausted{fmt.Sprintf("the templates take more than %d steps: take a loop or a recursion out, or use large values less often", maxSteps)})
	}
	if due := maxSteps - b.steps - b.paid; due > 0 {
		due += stepsAtOnce
		b.paid += due
		b.heed(b.parent.Spend("executing the templates", int64(due*stepPrice)))
	}
}

// heed ends the templates where the pass may do no more.
func (b *budget) heed(refusal error) {
	if refusal != nil {
		b.refusal = refusal
		panic(&exhausted{"the pass may do no more"})
	}
}

// spendBytes takes the steps for bytes that are read or made, and before many of them are, asks for heavy work.
func (b *budget) spendBytes(bytes int) {
	b.spend(bytes / bytesPerStep)
	b.take(bytes)
}

// take says that bytes of memory are about to be taken.
func (b *budget) take(bytes int) {
	if b.memory += bytes; b.memory > heavyMemory {
		b.heed(b.parent.Heavy())
	}
}

// writer takes what a template prints, up to the limit of the output.
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

// weight is how large a value is when everything in it is written out. It stops counting above a bound, as a
// map may hold another many times over.
func weight(value any, bound int) int { return weightAt(value, bound, 0) }

func weightAt(value any, bound, level int) int {
	if level > maxLevels {
		panic(&refusal{fmt.Sprintf("maps and lists are more than %d within each other", maxLevels)})
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
