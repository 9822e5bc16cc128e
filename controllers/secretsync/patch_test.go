package secretsync

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestAReportIsForOneObjectAlone: a SecretSync is deleted and recreated under its name while a reconcile of the
// former one is running. The new one's status stays its own.
func TestAReportIsForOneObjectAlone(t *testing.T) {
	recreated := inStatus("version-1")
	recreated.UID, recreated.Status.ObservedGeneration = "another", 7
	e := newEnvironment(t, recreated)
	former := inStatus("version-1")
	r := e.reportOf(former, "version-2")
	r.outcome.Write = writtenAs(target.Updated)
	_, err := e.publish(t.Context(), r)
	found := e.stored(t)
	if found.Status.Secret != nil && found.Status.Secret.ResourceVersion == "7" {
		t.Errorf("the other one's Secret is %+v (%v)", found.Status.Secret, err)
	}
	if found.Status.ObservedGeneration != 7 {
		t.Errorf("the other one's status is %+v (%v)", found.Status, err)
	}
	if r.state.cache.written != "" {
		t.Error("a status counts as written that was not")
	}
}

func TestARefusalOfAnotherObjectIsToldFromOthers(t *testing.T) {
	invalid := apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "test failed", 0, false)
	for name, test := range map[string]struct {
		err     error
		happens func(*environment)
		want    bool
	}{
		"another one has its name":                   {invalid, func(e *environment) { e.replace(t) }, true},
		"it is gone":                                 {invalid, func(e *environment) { _ = e.server.Delete(t.Context(), e.now(t)) }, true},
		"a status that is invalid":                   {invalid, func(*environment) {}, false},
		"invalid, and it can't be read":              {invalid, func(e *environment) { e.options.Live = e.mute() }, false},
		"a conflict, and another one has its name":   {apierrors.NewConflict(schema.GroupResource{}, "db", nil), func(e *environment) { e.replace(t) }, false},
		"the end of the process, and another has it": {context.Canceled, func(e *environment) { e.replace(t) }, false},
		"no error, and another one has its name":     {nil, func(e *environment) { e.replace(t) }, false},
	} {
		e := newEnvironment(t, fresh())
		e.settle(t)
		secretSync := e.now(t)
		test.happens(e)
		if got := e.replaced(t.Context(), secretSync, test.err); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// meeting lets something happen before each write of status, which then fails with the error that it gives, if any.
func (e *environment) meeting(happens func() error) (writes *int) {
	writes = new(int)
	e.through(interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
		*writes++
		if err := happens(); err != nil {
			return err
		}
		return c.SubResource(part).Patch(ctx, object, patch, options...)
	}})
	return writes
}

// TestAReportMeetsChangesOfItsSecretSync: edits do not keep it back, what is gone needs none, and what can't be known is
// an error of its own kind, by which the reconcile is repeated.
func TestAReportMeetsChangesOfItsSecretSync(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, "db", errors.New("changed"))
	none := func(err error) bool { return err == nil }
	unknown := func(err error) bool { return errors.Is(err, errAway) && !apierrors.IsConflict(err) }
	for name, test := range map[string]struct {
		happens func(e *environment) error
		want    func(error) bool
		writes  int
	}{
		"nothing happens": {func(*environment) error { return nil }, none, 1},
		"it is gone":      {func(e *environment) error { return e.server.Delete(t.Context(), e.now(t)) }, none, 1},
		"another one has its name": {func(e *environment) error {
			e.replace(t)
			return apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "test failed", 0, false)
		}, none, 1},
		"it is deleted after an edit": {func(e *environment) error {
			_ = e.server.Delete(t.Context(), e.now(t))
			return conflict
		}, apierrors.IsConflict, 1},
		"another one has got its name after an edit": {func(e *environment) error {
			e.replace(t)
			return conflict
		}, apierrors.IsConflict, 1},
		"the API server does not say how it is": {func(e *environment) error {
			e.options.Live = e.mute()
			return conflict
		}, unknown, 1},
		"edits without end": {func(*environment) error { return conflict }, apierrors.IsConflict, statusTries},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh())
			e.settle(t)
			r := e.reportOf(e.now(t), "version-1")
			after := r.secretSync.DeepCopy()
			after.Status.LastHandledRefresh = "now"
			writes := e.meeting(func() error { return test.happens(e) })
			if err := e.writeStatus(t.Context(), r, after); !test.want(err) {
				t.Errorf("%v", err)
			}
			if *writes != test.writes {
				t.Errorf("%d writes, want %d", *writes, test.writes)
			}
		})
	}
}

// TestAReportIsOfTheReconcileAlone: what others have changed of the SecretSync meanwhile is for the next reconcile, and
// texts that the API server would refuse are cut.
func TestAReportIsOfTheReconcileAlone(t *testing.T) {
	const maxText = 1024 // Package status.
	e := newEnvironment(t, fresh())
	e.settle(t)
	before := e.now(t)
	r := e.reportOf(before.DeepCopy(), "version-1")
	r.state.seen.Note(target.Result{UID: "another", ResourceVersion: "9"})
	r.outcome.Set.Inputs[0].Resolution.Hint = strings.Repeat("x", 2*maxText)
	edits := 0
	e.meeting(func() error {
		if edits++; edits == 1 {
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
		}
		return nil
	})
	after, err := e.publish(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if edits != 2 {
		t.Errorf("status was written %d times, want twice, as it was edited in between", edits)
	}
	for _, secretSync := range []*v1alpha1.SecretSync{r.secretSync, after} {
		if secretSync.Generation != before.Generation || secretSync.Spec.Target.Name != "" || secretSync.ResourceVersion != before.ResourceVersion {
			t.Errorf("the reconcile has taken over an edit in its midst: generation %d, resourceVersion %s", secretSync.Generation, secretSync.ResourceVersion)
		}
	}
	if hint := e.now(t).Status.Sources[0].Hint; hint == "" || len(hint) > maxText {
		t.Errorf("status has a text of %d bytes", len(hint))
	}
	if got := r.state.seen.Secret(); got.UID != "" {
		t.Errorf("what status has is remembered beside it: %+v", got)
	}
}
