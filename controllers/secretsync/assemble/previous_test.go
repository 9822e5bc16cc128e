package assemble

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

// rotated is AWS with a secret that has rotated: its values by staging label. Those of other secrets have the secret's
// name before the label.
type rotated map[string]string

// value is that of a reference, or the error that AWS does not have it.
func (r rotated) value(ref source.Ref) (string, error) {
	key := ref.VersionStage
	if ref.SecretID != "db" {
		key = ref.SecretID + " " + key
	}
	value, there := r[key]
	if !there {
		return "", &source.Error{Kind: source.VersionNotFound}
	}
	return value, nil
}

func (r rotated) version(stage string) source.Version {
	return source.Version{ARN: "arn", ID: "of-" + stage}
}

func (r rotated) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	if _, err := r.value(query.Ref); err != nil {
		return source.Resolution{}, err
	}
	return source.Resolution{Version: r.version(query.VersionStage)}, nil
}

func (r rotated) Fetch(_ context.Context, ref source.Ref, _ source.Version) (source.Fetched, error) {
	value, err := r.value(ref)
	return source.Fetched{Version: r.version(ref.VersionStage), Value: source.TextValue(value)}, err
}

func (r rotated) Find(context.Context, source.FindQuery) ([]source.Found, error) { return nil, nil }

// read reads the values of a SecretSync.
func (r rotated) read(t *testing.T, secretSync *v1alpha1.SecretSync) *resolve.Set {
	t.Helper()
	now := testclock.NewFakePassiveClock(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	resolver := resolve.Resolver{Source: r, Clock: now}
	set, err := resolver.Versions(t.Context(), resolve.Request{SecretSync: secretSync, Consistency: &resolve.Consistency{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := resolver.Values(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	return set
}

// keeping is a SecretSync that keeps former values, and whose Secret has another version than AWSCURRENT.
func keeping() *v1alpha1.SecretSync {
	return &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", Generation: 1},
		Spec: v1alpha1.SecretSyncSpec{
			Source: v1alpha1.SecretSource{SecretID: "db"}, KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}},
		},
		Status: v1alpha1.SecretSyncStatus{Sources: []v1alpha1.SourceStatus{{SecretID: "db", VersionStage: "AWSCURRENT", ARN: "arn", VersionID: "before"}}},
	}
}

func within(ctx context.Context, steps int64) render.Work {
	return render.Work{Budget: pattern.NewBudget(ctx, steps), Patterns: pattern.NewCache()}
}

// TestWhatLeavesFormerValuesOut checks that it is an error of the values alone, and none of the reconcile, by which they would be taken out
// of the Secret.
func TestWhatLeavesFormerValuesOut(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"none":                     {nil, false},
		"an error of a value":      {&render.Error{Reason: v1alpha1.ReasonInvalidValue}, true},
		"the end of the reconcile": {context.DeadlineExceeded, false},
		"the end of the budget":    {&pattern.Exceeded{}, false},
		"both":                     {errors.Join(&render.Error{}, &pattern.Exceeded{}), false},
	} {
		out, err := leftOut(test.err)
		if out != test.want || (err == nil) != (test.err == nil || test.want) {
			t.Errorf("%s: left out %v, %v", name, out, err)
		}
	}
}

// TestFormerValuesAreNotLeftOutForWantOfTime: whichever step of their making the budget of the reconcile ends before.
func TestFormerValuesAreNotLeftOutForWantOfTime(t *testing.T) {
	secretSync := keeping()
	set := rotated{"AWSCURRENT": `{"a":"2"}`, "AWSPREVIOUS": `{"a":"1"}`}.read(t, secretSync)
	made, err := Make(within(t.Context(), pattern.PassSteps), secretSync, set)
	if err != nil || len(made.Data) != 2 {
		t.Fatalf("%d keys, %v", len(made.Data), err)
	}
	least := int64(1)
	guards := &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", MinBytes: &least}}}
	spec, present := &secretSync.Spec, map[string][]byte{"a": made.Data["a"]}
	spec.Guards = guards
	enough := within(t.Context(), pattern.PassSteps)
	if _, err := renderFormer(enough, spec, set); err != nil {
		t.Fatal(err)
	}
	former := enough.Budget.Spent()
	for name, test := range map[string]struct {
		steps  int64
		guards *v1alpha1.Guards
	}{
		"reading them":       {0, nil},
		"their guards":       {former - 1, guards},
		"the guards of both": {former, guards},
	} {
		spec.Guards = test.guards
		_, _, err := withPrevious(within(t.Context(), test.steps), spec, set, present)
		if _, exceeded := errors.AsType[*pattern.Exceeded](err); !exceeded {
			t.Errorf("%s: %v", name, err)
		}
	}
}
