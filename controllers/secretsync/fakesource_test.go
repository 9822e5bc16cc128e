package secretsync

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// fakeSource is a source that answers by functions, and records what it is asked.
type fakeSource struct {
	mutex sync.Mutex // Several inputs are asked for at once.
	// before is called before a query is answered, several at once; its error is the answer. Nil does nothing.
	before func(ctx context.Context, query source.VersionQuery) error
	// resolve answers a query.
	resolve func(query source.VersionQuery) (source.Resolution, error)
	// fetch answers a read. Where it is nil, the version is the resolved one, and the value its ID.
	fetch func(ref source.Ref, resolved source.Version) (source.Fetched, error)
	// find answers a search. Where it is nil, nothing is found.
	find func(query source.FindQuery) ([]source.Found, error)
	// onFetch is called before a value is read; nil does nothing.
	onFetch func()

	queries  []source.VersionQuery
	fetches  []source.Ref
	searches []source.FindQuery
}

func (f *fakeSource) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	if f.before != nil {
		if err := f.before(ctx, query); err != nil {
			return source.Resolution{}, err
		}
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.queries = append(f.queries, query)
	return f.resolve(query)
}

func (f *fakeSource) Fetch(_ context.Context, ref source.Ref, resolved source.Version) (source.Fetched, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.onFetch != nil {
		f.onFetch()
	}
	f.fetches = append(f.fetches, ref)
	if f.fetch != nil {
		return f.fetch(ref, resolved)
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

// forget has the source record from now on.
func (f *fakeSource) forget() { f.queries, f.fetches, f.searches = nil, nil, nil }

// then has a function change each resolution.
func (f *fakeSource) then(change func(source.VersionQuery, *source.Resolution)) {
	resolve := f.resolve
	f.resolve = func(query source.VersionQuery) (source.Resolution, error) {
		resolution, err := resolve(query)
		change(query, &resolution)
		return resolution, err
	}
}

// interrupted is a source that asks another one, after a function was called.
func interrupted(by func(ctx context.Context, query source.VersionQuery) error, next source.Source) *fakeSource {
	return &fakeSource{
		before: by,
		resolve: func(query source.VersionQuery) (source.Resolution, error) {
			return next.Resolve(context.Background(), query)
		},
		fetch: func(ref source.Ref, resolved source.Version) (source.Fetched, error) {
			return next.Fetch(context.Background(), ref, resolved)
		},
	}
}

// interrupt has something happen each time before AWS names a version. The call ends with the reconcile.
func (e *environment) interrupt(meanwhile func(ctx context.Context)) {
	e.use(interrupted(func(ctx context.Context, _ source.VersionQuery) error {
		meanwhile(ctx)
		return ctx.Err()
	}, e.aws))
}

// account has secrets: by their names, which version each staging label is on. The value of a version is its ID.
type account map[string]map[string]string

// version is the one that a ref points at.
func (a account) version(ref source.Ref) (source.Version, error) {
	name := strings.TrimPrefix(ref.SecretID, "arn:")
	labels, exists := a[name]
	if !exists {
		return source.Version{}, &source.Error{Kind: source.SecretNotFound}
	}
	id := labels[ref.VersionStage]
	if id == "" {
		return source.Version{}, &source.Error{Kind: source.VersionNotFound}
	}
	return source.Version{ARN: "arn:" + name, ID: id}, nil
}

// source reads the secrets as they are when it is asked.
func (a account) source() *fakeSource {
	return &fakeSource{
		resolve: func(query source.VersionQuery) (source.Resolution, error) {
			version, err := a.version(query.Ref)
			return source.Resolution{Version: version}, err
		},
		fetch: func(ref source.Ref, _ source.Version) (source.Fetched, error) {
			version, err := a.version(ref)
			return source.Fetched{Version: version, Value: source.TextValue(version.ID)}, err
		},
	}
}

// stages are the staging labels of a secret.
func stages(current, previous string) map[string]string {
	return map[string]string{"AWSCURRENT": current, "AWSPREVIOUS": previous}
}

// at is a secret without a previous version.
func at(version string) map[string]string { return stages(version, "") }

func other(secretID, stage string) *v1alpha1.EntrySource {
	return &v1alpha1.EntrySource{SecretID: secretID, VersionStage: stage}
}

// syncedAt is a version of a secret in status.
func syncedAt(secretID, stage, version string) v1alpha1.SourceStatus {
	return v1alpha1.SourceStatus{SecretID: secretID, VersionStage: stage, ARN: "arn:" + secretID, VersionID: version}
}

func twoSecrets() v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a", Source: other("a", "")}, {Key: "b", Source: other("b", "")}}}
}

// anHour keeps former values.
func anHour() *v1alpha1.KeepPrevious {
	return &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}
}

func keepingPrevious() v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, KeepPrevious: anHour()}
}

// laggingSource is a source that says of versions one thing, and of values another.
type laggingSource struct {
	*fakeSource
	says, gives map[string]string // by staging label
	// changed is the date of what it says of versions.
	changed time.Time
	// outdated says that its answers are.
	outdated bool
	// missing and unread are its errors.
	missing, unread error
}

func newLaggingSource() *laggingSource {
	lags := &laggingSource{fakeSource: &fakeSource{}, says: at("v1"), gives: at("v1"), changed: noon.Add(1234567 * time.Microsecond)}
	lags.resolve = func(query source.VersionQuery) (source.Resolution, error) {
		version := source.Version{ARN: "arn", ID: lags.says[query.VersionStage], Region: "eu-west-1", Changed: lags.changed}
		return source.Resolution{Version: version, Outdated: lags.outdated}, lags.missing
	}
	lags.fetch = func(ref source.Ref, _ source.Version) (source.Fetched, error) {
		id := lags.gives[ref.VersionStage]
		version := source.Version{ARN: "arn", ID: id, Region: "eu-west-1", Created: noon}
		return source.Fetched{Version: version, Value: source.TextValue("of " + id)}, lags.unread
	}
	return lags
}

// withLaggingAWS is an environment whose AWS may lag, with a Secret that is in sync with v1.
func withLaggingAWS(t *testing.T, edit func(*v1alpha1.SecretSync)) (*environment, *laggingSource) {
	t.Helper()
	secretSync := fresh()
	if edit != nil {
		edit(secretSync)
	}
	e, aws := newEnvironment(t, secretSync), newLaggingSource()
	e.use(aws)
	e.settle(t)
	e.sent()
	aws.forget()
	return e, aws
}

// wantUnreported wants neither events nor status to report a failure.
func (e *environment) wantUnreported(t *testing.T) {
	t.Helper()
	if sent := e.sent(); len(sent) > 0 {
		t.Errorf("events report what may be over soon: %q", sent)
	}
	if reason := e.now(t).FailureReason(); reason != "" {
		t.Errorf("status reports what may be over soon: %s", reason)
	}
}
