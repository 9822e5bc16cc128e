package witness

import (
	"fmt"
	"regexp"
)

// judgement says of differences of one kind who is right.
type judgement struct {
	// calls are the calls "scene/what" that it is about, or operations; paths are where the answers differ. Both are
	// expressions that must match to the end.
	calls, paths string
	// local and moto are what the two answer there: expressions too, and "-" where the field is not there.
	local, moto string
	// right says who is, and source why: a page of AWS, a part of its service model, or an answer that the real service
	// was seen to give.
	right  verdict
	source string
}

type verdict string

const (
	// localRight: AWS does as the local AWS does.
	localRight verdict = "local"
	// either: AWS does not say, or both are as good.
	either verdict = "either"
)

func (j judgement) String() string {
	return fmt.Sprintf("%q of %q (%s, not %s)", j.paths, j.calls, j.local, j.moto)
}

type judge struct {
	entries     []judgement
	used        []bool
	differences int
}

func newJudge() *judge {
	all := judgements()
	return &judge{entries: all, used: make([]bool, len(all))}
}

// knows finds the first judgement that a difference falls under.
func (j *judge) knows(d difference) bool {
	j.differences++
	for i, entry := range j.entries {
		about := matches(entry.calls, d.call.String()) || matches(entry.calls, d.call.operation)
		if about && matches(entry.paths, d.path) && matches(entry.local, d.local) && matches(entry.moto, d.other) {
			j.used[i] = true
			return true
		}
	}
	return false
}

func (j *judge) unused() (all []judgement) {
	for i, entry := range j.entries {
		if !j.used[i] {
			all = append(all, entry)
		}
	}
	return all
}

func matches(expression, text string) bool {
	return regexp.MustCompile(`^(?:` + expression + `)$`).MatchString(text)
}
