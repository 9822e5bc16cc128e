package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watcher records every state of the Secrets.
type watcher struct {
	mutex  sync.Mutex
	events []sighting
	ended  bool
	// last is the last judged state of every Secret.
	last map[place]sighting
	// judged counts the sightings that were judged.
	judged int
}

// sighting is one state of a Secret, or its end.
type sighting struct {
	at      place
	uid     types.UID
	version string
	keys    map[string]string
	gone    bool
}

// watchSecrets watches the Secrets of the run's namespaces until the run ends.
func watchSecrets(r *run) *watcher {
	r.Helper()
	w := &watcher{last: map[place]sighting{}}
	all, err := client.NewWithWatch(r.env.Plane.Config(), client.Options{Scheme: r.env.Client.Scheme()})
	if err != nil {
		r.Fatal(err)
	}
	stream, err := all.Watch(r.Context(), &corev1.SecretList{})
	if err != nil {
		r.Fatal(err)
	}
	go w.see(stream, r.namespaces)
	return w
}

func (w *watcher) see(stream watch.Interface, namespaces []string) {
	for event := range stream.ResultChan() {
		secret, ok := event.Object.(*corev1.Secret)
		if !ok || !slices.Contains(namespaces, secret.Namespace) {
			continue
		}
		w.add(sighting{at: place{secret.Namespace, secret.Name}, uid: secret.UID, version: secret.ResourceVersion,
			keys: keysOf(secret), gone: event.Type == watch.Deleted})
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.ended = true
}

func (w *watcher) add(seen sighting) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.events = append(w.events, seen)
}

// take gives the sightings that were not judged yet.
func (w *watcher) take() (events []sighting, ended bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	events, w.events = w.events, nil
	return events, w.ended
}

// judge checks all sightings: a Secret may only vanish if the test deleted it or the model allows it, and every write
// must be complete, with values that the secret has had at the label that the SecretSync follows.
func (r *run) judge() {
	r.Helper()
	events, ended := r.seen.take()
	if ended && r.Context().Err() == nil {
		r.Fatal("the watch of Secrets ended: states may have been missed")
	}
	r.seen.judged += len(events)
	for _, now := range events {
		before := r.seen.last[now.at]
		if now.gone {
			delete(r.seen.last, now.at)
			if !r.foreign.deleted[now.uid] && !r.mayGo(now.at) {
				r.Errorf("Secret %s was deleted, which no SecretSync asked for", now.at)
			}
			continue
		}
		r.seen.last[now.at] = now
		if !r.foreign.writes[now.version] {
			for _, problem := range r.judgeWrite(before, now) {
				r.Errorf("Secret %s at resourceVersion %s: %s", now.at, now.version, problem)
			}
		}
	}
}

// mayGo says whether a Secret may vanish: with its SecretSync, or because that now writes another Secret, or recreates
// it.
func (r *run) mayGo(at place) bool {
	return slices.ContainsFunc(r.writersOf(at), func(s *slot) bool { return !s.merge && (s.moved && s.deletes() || s.replaces() || r.frozen[at]) })
}

// writersOf are the slots that may write a Secret.
func (r *run) writersOf(at place) (all []*slot) {
	for _, s := range r.slots {
		if s.namespace == at.namespace && slices.Contains(s.names(), at.name) {
			all = append(all, s)
		}
	}
	return all
}

// judgeWrite judges a write of the operator.
func (r *run) judgeWrite(before, now sighting) (problems []string) {
	for key := range before.keys {
		if _, stays := now.keys[key]; !stays && strings.HasPrefix(key, foreignKey) && before.uid == now.uid {
			problems = append(problems, fmt.Sprintf("key %s of a foreign hand was taken out", key))
		}
	}
	for _, s := range r.writersOf(now.at) {
		former, part := s.part(before.keys), s.part(now.keys)
		if maps.Equal(former, part) {
			continue
		}
		if taken := len(withoutForeign(part)) == 0; taken && s.merge && s.moved {
			continue // The keys of a deleted SecretSync are removed.
		}
		if problem := r.trace(s, part, former); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// contains says whether all the keys of part are in whole, with the same values.
func contains(whole, part map[string]string) bool {
	for key, value := range part {
		if found, there := whole[key]; !there || found != value {
			return false
		}
	}
	return true
}

func without(whole, part map[string]string) map[string]string {
	rest := maps.Clone(whole)
	maps.DeleteFunc(rest, func(key, _ string) bool { _, there := part[key]; return there })
	return rest
}

// originsOf says where the values of keys come from, without the values.
func (r *run) originsOf(keys map[string]string) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		origin, known := r.origins[keys[key]]
		switch value := keys[key]; {
		case strings.HasPrefix(value, foreignValue):
			origin = "the foreign hand's"
		case value == "":
			origin = "empty"
		case !known:
			origin = fmt.Sprintf("an unknown value of %d bytes", len(value))
		}
		lines = append(lines, key+": "+origin)
	}
	return "{" + strings.Join(lines, "; ") + "}"
}
