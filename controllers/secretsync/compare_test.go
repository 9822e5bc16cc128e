package secretsync

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// TestWhatAnUpdateChanges: by what this process remembers of the last write; else by the Secret itself, of which the keys
// that others have put in are not the operator's to take out.
func TestWhatAnUpdateChanges(t *testing.T) {
	for name, test := range map[string]struct {
		change func(a *attempt, e *environment)
		want   string
		reread bool
	}{
		"a process that has just started": {func(*attempt, *environment) {}, "changed value; added more; removed gone", true},
		"one that remembers": {func(a *attempt, e *environment) {
			a.state.content.Wrote(e.digester.Of(map[string][]byte{"value": []byte("remembered")}))
		}, "changed value; added more", false},
		"the first write":           {func(a *attempt, _ *environment) { a.secretSync.Status.Secret = nil }, "no key changed", false},
		"the first of another name": {func(a *attempt, _ *environment) { a.secretSync.Status.Secret.Name = "former" }, "no key changed", false},
	} {
		inPlace := ownSecret()
		inPlace.Data["gone"], inPlace.Data["of another"], inPlace.Data["same"] = []byte("x"), []byte("y"), []byte("z")
		e := newEnvironment(t, fresh(), inPlace)
		secretSync := fresh()
		secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Keys: []string{"gone", "value"}}
		a := e.attempt(secretSync, schedule.Poll)
		test.change(a, e)
		got, err := e.compare(t.Context(), a, e.digester.Of(map[string][]byte{"value": []byte("of version-1"), "more": []byte("x")}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.String() != test.want || got.Reread != test.reread {
			t.Errorf("%s: %q, read again %t", name, got, got.Reread)
		}
	}
}

// TestASecretThatCannotBeReadIsNotWrittenOver: it would not be known what changes, and whether that calls for a restart.
func TestASecretThatCannotBeReadIsNotWrittenOver(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.state().content.Forget()
	e.secrets.Live = interceptor.NewClient(e.server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if _, whole := object.(*corev1.Secret); whole {
				return forbidden("db")
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	e.aws.version = "version-2"
	e.poll(t)
	if got := e.now(t).FailureReason(); got == "" {
		t.Error("status has no failure")
	}
	if held := e.value(t); held != "of version-1" {
		t.Errorf("the Secret holds %q", held)
	}
}
