package resolve

import (
	"context"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeSource is a source that answers by functions, and records what it is asked.
type fakeSource struct {
	mutex sync.Mutex
	// resolve answers the n-th query for a ref, counted from zero.
	resolve func(n int, query source.VersionQuery) (source.Resolution, error)
	// fetch answers the n-th read of a ref, counted from zero. Where it is nil, the version is the resolved one, and the
	// value its ID.
	fetch func(n int, ref source.Ref, resolved source.Version) (source.Fetched, error)
	// find answers a search. Where it is nil, nothing is found.
	find func(query source.FindQuery) ([]source.Found, error)
	// onFetch is called before a value is read; nil does nothing.
	onFetch func()

	queries  []source.VersionQuery
	fetches  []source.Ref
	searches []source.FindQuery
}

func (f *fakeSource) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	n := 0
	for _, earlier := range f.queries {
		if earlier.Ref == query.Ref {
			n++
		}
	}
	f.queries = append(f.queries, query)
	return f.resolve(n, query)
}

func (f *fakeSource) Fetch(_ context.Context, ref source.Ref, resolved source.Version) (source.Fetched, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.onFetch != nil {
		f.onFetch()
	}
	n := 0
	for _, earlier := range f.fetches {
		if earlier == ref {
			n++
		}
	}
	f.fetches = append(f.fetches, ref)
	if f.fetch != nil {
		return f.fetch(n, ref, resolved)
	}
	return source.Fetched{Version: resolved, Value: source.TextValue(resolved.ID)}, nil
}

func (f *fakeSource) Find(_ context.Context, query source.FindQuery) ([]source.Found, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.searches = append(f.searches, query)
	if f.find == nil {
		return nil, nil
	}
	return f.find(query)
}

// finding is a source that finds those secrets, or fails.
func finding(found []source.Found, err error) *fakeSource {
	return &fakeSource{find: func(source.FindQuery) ([]source.Found, error) { return found, err }}
}

// account has secrets: by their names, which version each staging label is on.
type account map[string]map[string]string

// version is the one that a ref points at.
func (a account) version(ref source.Ref) (source.Version, error) {
	name := strings.TrimPrefix(ref.SecretID, "arn:")
	labels, exists := a[name]
	if !exists {
		return source.Version{}, &source.Error{Kind: source.SecretNotFound}
	}
	id := ref.VersionID
	if id == "" {
		id = labels[ref.VersionStage]
	}
	if id == "" {
		return source.Version{}, &source.Error{Kind: source.VersionNotFound}
	}
	return source.Version{ARN: "arn:" + name, ID: id}, nil
}

// source reads the secrets as they are when it is asked.
func (a account) source() *fakeSource {
	return &fakeSource{
		resolve: func(_ int, query source.VersionQuery) (source.Resolution, error) {
			version, err := a.version(query.Ref)
			return source.Resolution{Version: version}, err
		},
		fetch: func(_ int, ref source.Ref, _ source.Version) (source.Fetched, error) {
			version, err := a.version(ref)
			return source.Fetched{Version: version, Value: source.TextValue(version.ID)}, err
		},
	}
}

// stages are the staging labels of a secret.
func stages(current, previous string) map[string]string {
	return map[string]string{"AWSCURRENT": current, "AWSPREVIOUS": previous}
}

func other(secretID, stage string) *v1alpha1.EntrySource {
	return &v1alpha1.EntrySource{SecretID: secretID, VersionStage: stage}
}

// resolution is a version of a secret.
func resolution(secretID, version string) source.Resolution {
	return source.Resolution{Version: source.Version{ARN: "arn:" + secretID, ID: version}}
}

// syncedAt is a version of a secret in status.
func syncedAt(secretID, stage, version string) v1alpha1.SourceStatus {
	return v1alpha1.SourceStatus{SecretID: secretID, VersionStage: stage, ARN: "arn:" + secretID, VersionID: version}
}

func twoSecrets() v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a", Source: other("a", "")}, {Key: "b", Source: other("b", "")}}}
}

func keepingPrevious() v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}}
}

// requestFor is a request for a SecretSync with that spec, whose Secret has those versions.
func requestFor(spec v1alpha1.SecretSyncSpec, synced ...v1alpha1.SourceStatus) Request {
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", Generation: 1}, Spec: spec}
	secretSync.Status.Sources = synced
	return Request{SecretSync: secretSync, Began: noon, Consistency: &Consistency{}}
}

// setOf is a set of such a SecretSync, of which nothing is resolved yet.
func setOf(spec v1alpha1.SecretSyncSpec, synced ...v1alpha1.SourceStatus) *Set {
	return NewSet(requestFor(spec, synced...))
}

// resolverOf asks a source, at noon.
func resolverOf(aws source.Source) *Resolver {
	return &Resolver{Source: aws, Clock: clocktesting.NewFakePassiveClock(noon)}
}

// read resolves versions and reads values, as a reconcile does that finds something to write.
func read(ctx context.Context, r *Resolver, request Request) (*Set, error) {
	set, err := r.Versions(ctx, request)
	if err != nil {
		return set, err
	}
	return set, r.Values(ctx, set)
}

// texts are the values of a set, by secret and staging label.
func texts(set *Set) map[string]string {
	all := map[string]string{}
	for _, input := range set.All() {
		if !input.Absent {
			all[input.Ref.SecretID+" "+input.Ref.VersionStage] = string(input.Fetched.Value.Bytes())
		}
	}
	return all
}
