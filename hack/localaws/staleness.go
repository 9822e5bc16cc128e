package localaws

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Staleness makes reads answer with an older state of a secret, like a service whose replicas lag. A read sees a secret
// as it was at one moment: dates, labels, tags and versions together. It may also see it as not created yet, or not
// deleted yet.
//
// All reads see changes from before staleness was set. Access rules, policies, quotas, events and counts of calls use
// only the latest state.
type Staleness struct {
	// Operation, Principal and Region are patterns; empty matches all. Operation matches those of
	// DescribeSecret, GetSecretValue, BatchGetSecretValue, ListSecrets and ListSecretVersionIds; no other
	// operation is ever stale.
	Operation, Principal, Region string
	// Lag is the age of the state that a read sees, by the server's clock.
	Lag time.Duration
	// Random is how long after a change, in addition to Lag, each read sees the state before it or after it, at
	// random. After several changes in that time, it sees any of the states.
	Random time.Duration
	// Seed of what is random. The same reads in the same order see the same.
	Seed uint64
}

// staleOperations are the operations whose answers may be stale.
func staleOperations() []string {
	return []string{"DescribeSecret", "GetSecretValue", "BatchGetSecretValue", "ListSecrets", "ListSecretVersionIds"}
}

func (o *Staleness) check() error {
	switch {
	case o.Lag < 0 || o.Random < 0 || o.Lag+o.Random == 0:
		return fmt.Errorf("it has a lag of %s and random answers for %s; set one of them, and none below zero", o.Lag, o.Random)
	case !slices.ContainsFunc(staleOperations(), func(name string) bool { return like(o.Operation, name) }):
		return fmt.Errorf("%q matches none of the operations that can be stale: %v", o.Operation, staleOperations())
	}
	return nil
}

// SetStaleness replaces the rules that make reads stale. The first rule that matches a read applies. Without rules
// every read sees the latest state again.
func (s *Server) SetStaleness(all ...Staleness) error {
	for i := range all {
		if err := all[i].check(); err != nil {
			return fmt.Errorf("setting staleness: number %d: %w", i+1, err)
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.past.want(all, s.secrets)
	return nil
}

// StaleReads is how many reads have seen an outdated state of a secret.
func (s *Server) StaleReads() int {
	s.past.mutex.Lock()
	defer s.past.mutex.Unlock()
	return s.past.stale
}

// noted keeps the state of a secret after a change, if reads may be stale. The mutex must be held.
func (s *Server) noted(at place, name string) {
	s.past.add(secretName{at, name}, s.secrets[at][name], s.now())
}

// look gives the view of a call on the secrets; nil means their latest state. The mutex must be held.
func (s *Server) look(call *request) *view {
	rule := s.past.rule(call)
	if rule == nil {
		return nil
	}
	return &view{past: &s.past, by: rule, now: s.now(), seen: map[secretName]*secret{}}
}

// mostStates is the maximum number of states of a secret that are kept.
const mostStates = 256

// past keeps former states of secrets for as long as a read may see them.
type past struct {
	mutex sync.Mutex
	rules []*staleRule
	// keeps is how long after its end a state can be seen.
	keeps  time.Duration
	states map[secretName][]pastState
	// stale counts the reads of each secret that saw a former state.
	stale int
}

// staleRule is a Staleness with its source of random numbers.
type staleRule struct {
	Staleness
	random *rand.Rand
}

// pastState is the state of a secret from a moment until the next state.
type pastState struct {
	since time.Time
	// is a copy of the secret; nil if there was none.
	is *secret
}

// want replaces the rules. States are kept from the first rule on, beginning with the present ones.
func (p *past) want(all []Staleness, there map[place]map[string]*secret) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	begins := len(p.rules) == 0
	p.rules, p.keeps = nil, 0
	for _, rule := range all {
		random := rand.New(rand.NewPCG(rule.Seed, 0))
		p.rules = append(p.rules, &staleRule{Staleness: rule, random: random})
		p.keeps = max(p.keeps, rule.Lag+rule.Random)
	}
	if len(all) == 0 {
		p.states = nil
	}
	if len(all) == 0 || !begins {
		return
	}
	p.states = map[secretName][]pastState{}
	for at, here := range there {
		for name, is := range here {
			p.states[secretName{at, name}] = []pastState{{is: is.copied()}}
		}
	}
}

// rule finds the rule that makes a call stale; nil if there is none.
func (p *past) rule(call *request) *staleRule {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.rules) == 0 || !slices.Contains(staleOperations(), call.operation) {
		return nil
	}
	for _, r := range p.rules {
		if like(r.Operation, call.operation) && like(r.Principal, call.caller.ARN) && like(r.Region, call.at.region) {
			return r
		}
	}
	return nil
}

// add appends a state, and drops those that no read can see any more.
func (p *past) add(of secretName, is *secret, since time.Time) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.rules) == 0 {
		return
	}
	states := p.states[of]
	if len(states) == 0 {
		states = []pastState{{}} // Without a state, it did not exist.
	}
	states = append(states, pastState{since: since, is: is.copied()})
	first := max(stateAt(states, since.Add(-p.keeps)), len(states)-mostStates)
	p.states[of] = slices.Delete(states, 0, first)
}

// stateAt finds the state of a secret at a moment: the last state that had begun, or the first one that is kept.
func stateAt(states []pastState, moment time.Time) int {
	for i := len(states) - 1; i > 0; i-- {
		if !states[i].since.After(moment) {
			return i
		}
	}
	return 0
}

// copied is a copy that later changes do not reach.
func (s *secret) copied() *secret {
	if s == nil {
		return nil
	}
	twin := *s
	twin.versions, twin.tags, twin.replicas = twins(s.versions), maps.Clone(s.tags), nil
	for _, status := range s.replicas {
		own := *status
		twin.replicas = append(twin.replicas, &own)
	}
	return &twin
}

// view is what a call sees of the secrets: always the same state of each, however often the call reads it.
type view struct {
	past *past
	by   *staleRule
	now  time.Time
	seen map[secretName]*secret
}

// get gives the state that the call sees; nil means that the secret does not exist.
func (v *view) get(of secretName) *secret {
	if is, drawn := v.seen[of]; drawn {
		return is
	}
	v.past.mutex.Lock()
	defer v.past.mutex.Unlock()
	states := v.past.states[of]
	if len(states) == 0 {
		return nil
	}
	newest := v.now.Add(-v.by.Lag)
	from, to := stateAt(states, newest.Add(-v.by.Random)), stateAt(states, newest)
	if from < to {
		from += v.by.random.IntN(to - from + 1)
	}
	if from < len(states)-1 {
		v.past.stale++
	}
	v.seen[of] = states[from].is
	return states[from].is
}

// all gives what the call sees at a place, by name.
func (v *view) all(at place) map[string]*secret {
	v.past.mutex.Lock()
	names := slices.SortedFunc(maps.Keys(v.past.states), func(a, b secretName) int { return strings.Compare(a.name, b.name) })
	v.past.mutex.Unlock()
	all := map[string]*secret{}
	for _, of := range names { // Sorted, so that the random choices are repeatable.
		if of.at != at {
			continue
		}
		if is := v.get(of); is != nil {
			all[of.name] = is
		}
	}
	return all
}
