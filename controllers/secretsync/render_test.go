package secretsync

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/secretsync/assemble"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

// rendering is a reconcile up to the content of the Secret.
type rendering struct {
	*environment
	attempt *attempt
}

// newRendering is one of a SecretSync with that spec, whose Secret has those versions, for an edit of the spec.
func newRendering(t *testing.T, aws source.Source, spec v1alpha1.SecretSyncSpec, synced ...v1alpha1.SourceStatus) *rendering {
	t.Helper()
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: here.Name, UID: "uid", Generation: 1}, Spec: spec}
	e := newEnvironment(t, secretSync.DeepCopy())
	e.use(aws)
	secretSync.Status.Sources = synced
	return &rendering{environment: e, attempt: &attempt{
		secretSync: secretSync, state: e.states.of(here, "uid"), began: e.clock.Now(), trigger: schedule.Spec,
	}}
}

// run reads the values and makes the keys of them.
func (r *rendering) run(ctx context.Context) (*resolve.Set, assemble.Content, error) {
	set, err := r.resolver.Versions(ctx, r.request(r.attempt))
	if err != nil {
		return set, assemble.Content{}, err
	}
	if err := r.resolver.Values(ctx, set); err != nil {
		return set, assemble.Content{}, err
	}
	made, err := r.render(ctx, r.attempt, set)
	return set, made, err
}

// reasonOf is the reason that status has for an error; empty for none.
func reasonOf(err error) string {
	if failed := failure.Explain(err); failed != nil {
		return failed.Reason
	}
	return ""
}

// wantKeys wants the keys of the Secret to be these, as texts.
func (r *rendering) wantKeys(t *testing.T, want map[string]string) (*resolve.Set, assemble.Content) {
	t.Helper()
	set, made, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, textsOf(made.Data)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	return set, made
}

// TestWhatMustBeSoOfTheKeys, or nothing is made of the values.
func TestWhatMustBeSoOfTheKeys(t *testing.T) {
	const object, text = `{"a":"1","b":"2"}`, "text"
	typed := v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Type: string(corev1.SecretTypeBasicAuth)}}
	merged := v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{
		Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge, Type: string(corev1.SecretTypeBasicAuth),
	}}
	property := v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "c", Property: "c"}}}
	guarded := v1alpha1.SecretSyncSpec{Guards: &v1alpha1.Guards{RequiredKeys: []string{"c"}}}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		value   string
		synced  []string
		written int64
		want    string
	}{
		"there is nothing to object to":            {v1alpha1.SecretSyncSpec{}, object, []string{"a"}, 1, ""},
		"a property that is not there":             {property, object, nil, 1, v1alpha1.ReasonPropertyNotFound},
		"a type that asks for other keys":          {typed, object, nil, 1, v1alpha1.ReasonInvalidValue},
		"that type, where keys are merged":         {merged, object, nil, 1, ""},
		"a key that is required":                   {guarded, object, nil, 1, v1alpha1.ReasonValueRejected},
		"too many bytes":                           {v1alpha1.SecretSyncSpec{}, strings.Repeat("x", corev1.MaxSecretSize+1), nil, 1, v1alpha1.ReasonTargetTooLarge},
		"no object any more":                       {v1alpha1.SecretSyncSpec{}, text, []string{"a", "b"}, 1, v1alpha1.ReasonValueRejected},
		"no object any more, after an edit":        {v1alpha1.SecretSyncSpec{}, text, []string{"a", "b"}, 0, ""},
		"no key of the former ones":                {v1alpha1.SecretSyncSpec{}, `{"c":"3"}`, []string{"a", "b"}, 1, v1alpha1.ReasonValueRejected},
		"no key of the former ones, after an edit": {v1alpha1.SecretSyncSpec{}, `{"c":"3"}`, []string{"a", "b"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.Source.SecretID = "db"
			r := newRendering(t, account{"db": at(test.value)}.source(), test.spec)
			r.attempt.secretSync.Status.Secret = &v1alpha1.SecretStatus{Generation: test.written, Keys: test.synced}
			_, made, err := r.run(t.Context())
			if reason := reasonOf(err); reason != test.want {
				t.Errorf("%q, want %q", reason, test.want)
			}
			if (made.Data == nil) != (err != nil) {
				t.Errorf("%d keys with the error %v", len(made.Data), err)
			}
			r.wantNoHeavyWork(t)
		})
	}
}

// wantNoHeavyWork wants heavy work of the namespace to begin at once.
func (r *rendering) wantNoHeavyWork(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	budget := pattern.NewBudget(ctx, pattern.PassSteps)
	defer r.heavy.Limit(budget, here.Namespace)()
	if err := budget.Spend("test", pattern.PassSteps/2); err != nil {
		t.Errorf("heavy work that has ended keeps others waiting: %v", err)
	}
}

func TestKeysComeFromWhatTheirEntriesRead(t *testing.T) {
	aws := account{"db": at(`{"a":"1"}`), "x": at("2"), "y": at(`{"b":"3"}`)}.source()
	_, made := newRendering(t, aws, v1alpha1.SecretSyncSpec{
		Source:   v1alpha1.SecretSource{SecretID: "db"},
		Data:     []v1alpha1.DataKey{{Key: "own", Property: "a"}, {Key: "x", Source: other("x", "")}, {Key: "none", Source: other("none", ""), Optional: true}},
		DataFrom: []v1alpha1.DataFrom{{Source: other("y", "")}, {Source: other("none", ""), Optional: true}},
	}).wantKeys(t, map[string]string{"own": "1", "x": "2", "b": "3"})
	if diff := cmp.Diff([]string{"b", "own", "x"}, made.Keys); diff != "" {
		t.Errorf("names of keys (-want +got):\n%s", diff)
	}
}

// TestTheLastThatGoesTakesNothingWithIt: AWS lists a secret for some minutes after its deletion.
func TestTheLastThatGoesTakesNothingWithIt(t *testing.T) {
	for name, test := range map[string]struct {
		secrets  account
		optional bool
		want     string
	}{
		"one of two":                        {account{"db": at("0"), "b": at("2")}, false, ""},
		"both":                              {account{"db": at("0")}, false, v1alpha1.ReasonSecretNotFound},
		"both, where the entry is optional": {account{"db": at("0")}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			aws := test.secrets.source()
			aws.find = func(source.FindQuery) ([]source.Found, error) {
				return []source.Found{{ARN: "arn:a", Name: "a"}, {ARN: "arn:b", Name: "b"}}, nil
			}
			_, made, err := newRendering(t, aws, v1alpha1.SecretSyncSpec{
				Source: v1alpha1.SecretSource{SecretID: "db"}, Data: []v1alpha1.DataKey{{Key: "own"}},
				DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "x"}, Optional: test.optional}},
			}).run(t.Context())
			if reason := reasonOf(err); reason != test.want {
				t.Errorf("the reason is %q, want %q: %v", reason, test.want, err)
			}
			if (made.Data == nil) != (err != nil) {
				t.Errorf("%d keys are made", len(made.Data))
			}
		})
	}
}
