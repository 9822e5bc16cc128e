package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// appearance is a state of a secret that the operator may have seen, and the moments of that state, oldest first.
// Without moments, it is not known when.
type appearance struct {
	state
	at []int
}

// awsView is what the operator may have seen of a spec's secrets, all in one reconcile.
type awsView struct {
	moment
	at map[*awsSecret][]int
}

// awsViews are all views that the operator may have had by a spec since the last settling. Without stale reads, all
// secrets are of the same moment. Otherwise each may be of a moment of its own.
func (r *run) awsViews(by *spec) (all []awsView) {
	if !r.stale.lately {
		for i, m := range r.moments {
			here := awsView{moment: m, at: map[*awsSecret][]int{}}
			for _, of := range by.secrets() {
				here.at[of] = []int{i}
			}
			all = append(all, here)
		}
		return all
	}
	all = []awsView{{moment: moment{}, at: map[*awsSecret][]int{}}}
	for _, of := range by.secrets() {
		var next []awsView
		for _, looks := range r.appearances(by, of) {
			for _, beside := range all {
				here := awsView{moment: maps.Clone(beside.moment), at: maps.Clone(beside.at)}
				here.moment[of], here.at[of] = looks.state, looks.at
				next = append(next, here)
			}
		}
		all = next
	}
	return all
}

// secrets are the secrets that a spec reads, each once.
func (s *spec) secrets() (all []*awsSecret) {
	for i := range 1 + len(s.more) {
		if of := s.readingAt(i).from; !slices.Contains(all, of) {
			all = append(all, of)
		}
	}
	return all
}

// readings are the spec's readings of one secret.
func (s *spec) readings(of *awsSecret) (all []reading) {
	for i := range 1 + len(s.more) {
		if found := s.readingAt(i); found.from == of {
			all = append(all, *found)
		}
	}
	if s.keepsFormer() && s.from == of {
		all = append(all, reading{from: of, id: s.id, life: s.life, label: previous})
	}
	return all
}

// appearances are the states of a secret since the last settling, as far as the spec distinguishes them.
func (r *run) appearances(by *spec, of *awsSecret) (all []appearance) {
	readings := by.readings(of)
	for i, m := range r.moments {
		same := slices.IndexFunc(all, func(other appearance) bool {
			return !slices.ContainsFunc(readings, func(by reading) bool { return !by.seesSame(other.state, m[of]) })
		})
		if same < 0 {
			all = append(all, appearance{state: m[of]})
			same = len(all) - 1
		}
		all[same].at = append(all[same].at, i)
	}
	if r.stale.undated[of] {
		return mixed(all, readings)
	}
	return all
}

// seesSame says whether a reading sees the same in two states of its secret.
func (r *reading) seesSame(a, b state) bool {
	v, reason := r.points(moment{r.from: a})
	otherV, otherReason := r.points(moment{r.from: b})
	return v == otherV && reason == otherReason
}

// mixed are all appearances that can result from reading labels one by one, each at some moment.
func mixed(all []appearance, readings []reading) []appearance {
	var mixes []appearance
	for _, looks := range all {
		mixes = append(mixes, appearance{state: looks.state})
	}
	for _, by := range readings {
		for _, mix := range slices.Clone(mixes) {
			for _, other := range all {
				if other.life != mix.life || other.labels[by.label] == mix.labels[by.label] {
					continue
				}
				is := mix.state
				is.labels = maps.Clone(is.labels)
				delete(is.labels, by.label)
				if v := other.labels[by.label]; v != nil {
					is.labels[by.label] = v
				}
				if !slices.ContainsFunc(mixes, func(known appearance) bool {
					return known.life == is.life && known.is == is.is && maps.Equal(known.labels, is.labels)
				}) {
					mixes = append(mixes, appearance{state: is})
				}
			}
		}
	}
	return mixes
}

// progress gives, for some secrets, a moment since the last settling. Later writes cannot be of an earlier moment, as
// the operator never goes back to an older state of a secret.
type progress map[*awsSecret]int

// carried is the progress of a spec as far as it applies to the next spec. A spec that creates the SecretSync, or reads
// a secret in another way, may begin with an old state.
func (p progress) carried(from, to *spec) progress {
	kept := progress{}
	for of, at := range p {
		if !to.first && slices.Equal(from.readings(of), to.readings(of)) {
			kept[of] = at
		}
	}
	return kept
}

// earlier gives the earlier moment of each secret; nil counts as later than any.
func (p progress) earlier(other progress) progress {
	switch {
	case p == nil:
		return other
	case other == nil:
		return p
	}
	least := progress{}
	for of, at := range p {
		if too, known := other[of]; known {
			least[of] = min(at, too)
		}
	}
	return least
}

// trace compares keys that the operator has written with all that the slot's specs may lead to, and records the
// progress.
func (r *run) trace(s *slot, keys, former map[string]string) (problem string) {
	wanted, possible := false, false
	next, came := make([]progress, len(s.lately)), progress(nil)
	if s.reached == nil {
		came = progress{}
	}
	for i := range s.lately {
		by := &s.lately[i]
		if i > 0 && came != nil {
			came = came.carried(&s.lately[i-1], by)
		}
		if i < len(s.reached) {
			came = came.earlier(s.reached[i])
		}
		if by.observes {
			continue // This spec writes nothing.
		}
		for _, here := range r.awsViews(by) {
			if !slices.ContainsFunc(by.past([]moment{here.moment}, former), func(wanted map[string]string) bool { return holds(keys, wanted) }) {
				continue
			}
			wanted = true
			if came != nil {
				next[i] = next[i].earlier(r.after(here, came))
			}
		}
		possible = possible || next[i] != nil
	}
	switch {
	case !wanted:
		return fmt.Sprintf("%s has not wanted that lately: it has %s, after %s", s, r.originsOf(keys), r.originsOf(former))
	case !possible:
		return fmt.Sprintf("%s went back to what it had wanted before: it has %s, after %s", s, r.originsOf(keys), r.originsOf(former))
	}
	s.reached = next
	return ""
}

// after gives the progress after a write of a view, given the progress before; nil if the write is impossible.
func (r *run) after(here awsView, came progress) progress {
	reached := progress{}
	for of, moments := range here.at {
		if r.stale.undated[of] {
			continue // The operator cannot know.
		}
		next := slices.IndexFunc(moments, func(at int) bool { return at >= came[of] })
		if next < 0 {
			return nil
		}
		reached[of] = moments[next]
	}
	return reached
}

// past gives all keys that the slot may have had to write since the last settling. A reconcile by a spec may read a
// version that is newer than the next spec, so every spec is combined with every moment. Specs in mode Observe write
// nothing.
func (r *run) past(s *slot) (all []map[string]string) {
	for i := range s.lately {
		by := &s.lately[i]
		if by.observes {
			continue
		}
		for _, here := range r.awsViews(by) {
			all = append(all, by.past([]moment{here.moment}, nil)...)
		}
	}
	return all
}

// holds says whether keys are exactly the wanted ones, apart from keys of the foreign hand.
func holds(keys, wanted map[string]string) bool {
	return contains(keys, wanted) && len(withoutForeign(without(keys, wanted))) == 0
}

// TestTheModelSeesAStepBack tests the model itself: which writes it allows after which.
func TestTheModelSeesAStepBack(t *testing.T) {
	for name, test := range map[string]struct {
		stale, undated bool
		// again says that the SecretSync was recreated before the last write, otherwise that it reads b in another way.
		again, otherwise bool
		// writes are the contents of the Secret, in order.
		writes []map[string]string
		wrong  string
	}{
		"forward":                              {writes: []map[string]string{{"a": "a1", "b": "b1"}, {"a": "a2", "b": "b1"}, {"a": "a2", "b": "b2"}}},
		"back":                                 {writes: []map[string]string{{"a": "a2", "b": "b1"}, {"a": "a1", "b": "b1"}}, wrong: "went back"},
		"back, with stale reads":               {stale: true, writes: []map[string]string{{"a": "a2", "b": "b2"}, {"a": "a2", "b": "b1"}}, wrong: "went back"},
		"a rollback":                           {writes: []map[string]string{{"a": "a2", "b": "b2"}, {"a": "a1", "b": "b2"}}},
		"back behind a rollback":               {stale: true, writes: []map[string]string{{"a": "a1", "b": "b2"}, {"a": "a2", "b": "b2"}, {"a": "a1", "b": "b2"}, {"a": "a2", "b": "b2"}}, wrong: "went back"},
		"what never stood side by side":        {writes: []map[string]string{{"a": "a1", "b": "b2", "x": "y"}}, wrong: "has not wanted that"},
		"two moments":                          {writes: []map[string]string{{"a": "a2", "b": "b1"}, {"a": "a2", "b": "b0"}}, wrong: "has not wanted that"},
		"two moments, with stale reads":        {stale: true, writes: []map[string]string{{"a": "a2", "b": "b1"}, {"a": "a1", "b": "b2"}}},
		"undated":                              {stale: true, undated: true, writes: []map[string]string{{"a": "a2", "b": "b2"}, {"a": "a1", "b": "b1"}}},
		"made again":                           {stale: true, again: true, writes: []map[string]string{{"a": "a2", "b": "b2"}, {"a": "a2", "b": "b1"}}},
		"read otherwise":                       {stale: true, otherwise: true, writes: []map[string]string{{"a": "a2", "b": "b2"}, {"a": "a2", "b": "b1"}}},
		"back where another is read otherwise": {stale: true, otherwise: true, writes: []map[string]string{{"a": "a1", "b": "b2"}, {"a": "a2", "b": "b2"}, {"a": "a1", "b": "b2"}, {"a": "a2", "b": "b2"}}, wrong: "went back"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &run{T: t, origins: map[string]string{}, stale: staleness{lately: test.stale, undated: map[*awsSecret]bool{}}}
			versionsOf := func(name string) (*awsSecret, []*version) {
				of := &awsSecret{name: name}
				of.begin(name)
				var all []*version
				for n := range 2 {
					value := fmt.Sprint(name, n+1)
					all = append(all, &version{number: n + 1, life: 1, id: value, content: content{text: value}})
				}
				of.put(all[0], current)
				r.secrets, r.stale.undated[of] = append(r.secrets, of), test.undated
				return of, all
			}
			a, as := versionsOf("a")
			b, bs := versionsOf("b")
			for _, change := range []func(){func() {}, func() { a.move(current, as[1]) }, func() { b.move(current, bs[1]) }, func() { a.move(current, as[0]) }} {
				change()
				r.moments = append(r.moments, r.now())
			}
			s := &slot{name: "o"}
			s.setSpec(spec{
				reading: reading{from: a, id: "a", label: current}, data: []v1alpha1.DataKey{{Key: "a"}},
				more: []specEntry{{reading: reading{from: b, id: "b", label: current}, key: "b"}},
			})
			problem, former := "", map[string]string{}
			for i, keys := range test.writes {
				if last := i == len(test.writes)-1; last && (test.again || test.otherwise) {
					next := s.spec
					s.exists = !test.again
					if test.otherwise {
						next.more = slices.Clone(next.more)
						next.more[0].id = "another name of b"
					}
					s.setSpec(next)
				}
				if problem == "" {
					problem = r.trace(s, keys, former)
				}
				former = keys
			}
			if (problem == "") != (test.wrong == "") || !strings.Contains(problem, test.wrong) {
				t.Errorf("it says %q, want it to say %q", problem, test.wrong)
			}
		})
	}
}
