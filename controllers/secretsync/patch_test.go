package secretsync

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestAReportIsForOneObjectAlone: a SecretSync is deleted and made anew under its name while a pass over the
// former one is under way. The new one's status stays its own.
func TestAReportIsForOneObjectAlone(t *testing.T) {
	p := written("version-1", "version-2")
	p.applied = &target.Result{Outcome: target.Updated, UID: "secret", ResourceVersion: "7"}
	anew := p.before.DeepCopy()
	anew.UID, anew.Status.ObservedGeneration = "another", 7
	d := newDesk(t, anew)
	err := d.write(t.Context(), p)
	found := &v1alpha1.SecretSync{}
	if err := d.Client.Get(t.Context(), client.ObjectKeyFromObject(anew), found); err != nil {
		t.Fatal(err)
	}
	if found.Status.Secret != nil && found.Status.Secret.ResourceVersion == "7" || found.Status.ObservedGeneration != 7 {
		t.Errorf("the other one's status is %+v (%v)", found.Status, err)
	}
	if p.memory.statusWritten != "" {
		t.Error("a status counts as written that was not")
	}
}

func TestARefusalOfAnotherObjectIsToldFromOthers(t *testing.T) {
	kind := schema.GroupKind{Kind: "SecretSync"}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"a test of the patch that failed": {apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "test failed", 0, false), true},
		"one without details":             {&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid, Code: 422}}, true},
		"a status that is invalid":        {apierrors.NewInvalid(kind, "db", field.ErrorList{field.Required(field.NewPath("status"), "")}), false},
		"a conflict":                      {apierrors.NewConflict(schema.GroupResource{}, "db", nil), false},
		"the end of the process":          {context.Canceled, false},
		"none":                            {nil, false},
	} {
		if got := isAnother(test.err); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// meeting lets something happen before each write of status, which then fails with the error that it gives, if any.
func (w *world) meeting(happens func() error) (writes *int) {
	writes = new(int)
	w.through(interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
		*writes++
		if err := happens(); err != nil {
			return err
		}
		return c.SubResource(part).Patch(ctx, object, patch, options...)
	}})
	return writes
}

// TestAReportMeetsChangesOfItsSecretSync: edits do not keep it back, what is gone needs none, and what can't be known is
// an error of its own kind, by which the pass is repeated.
func TestAReportMeetsChangesOfItsSecretSync(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, "db", errors.New("changed"))
	none := func(err error) bool { return err == nil }
	unknown := func(err error) bool { return errors.Is(err, errSilent) && !apierrors.IsConflict(err) }
	for name, test := range map[string]struct {
		happens func(w *world) error
		want    func(error) bool
		writes  int
	}{
		"nothing happens": {func(*world) error { return nil }, none, 1},
		"it is gone":      {func(w *world) error { return w.server.Delete(t.Context(), w.now(t)) }, none, 1},
		"another one has its name": {func(*world) error {
			return apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "test failed", 0, false)
		}, none, 1},
		"it goes after an edit": {func(w *world) error {
			_ = w.server.Delete(t.Context(), w.now(t))
			return conflict
		}, apierrors.IsConflict, 1},
		"another one has got its name after an edit": {func(w *world) error {
			w.replace(t, "another")
			return conflict
		}, apierrors.IsConflict, 1},
		"the API server does not say how it is": {func(w *world) error {
			w.Live = interceptor.NewClient(w.server, silent())
			return conflict
		}, unknown, 1},
		"edits without end": {func(*world) error { return conflict }, apierrors.IsConflict, statusTries},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh())
			w.settle(t)
			p := w.begin(w.now(t), &memory{})
			p.sync.Status.LastHandledRefresh = "now"
			writes := w.meeting(func() error { return test.happens(w) })
			if err := w.write(t.Context(), p); !test.want(err) || *writes != test.writes {
				t.Errorf("after %d writes: %v", *writes, err)
			}
		})
	}
}

// TestAReportIsOfThePassAlone: what others have made of the SecretSync meanwhile is for the next pass, and texts that
// the API server would refuse are cut.
func TestAReportIsOfThePassAlone(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	p := w.begin(w.now(t), &memory{})
	p.memory.seen.Store(&target.Result{UID: "another"})
	p.sync.Status.Sources[0].Hint = strings.Repeat("x", 2*textMost)
	edits := 0
	w.meeting(func() error {
		if edits++; edits == 1 {
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
		}
		return nil
	})
	if err := w.write(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if p.sync.Generation != p.before.Generation || p.sync.Spec.Target.Name != "" || p.sync.ResourceVersion != p.before.ResourceVersion {
		t.Error("the pass has taken an edit over in its midst")
	}
	if hint := w.now(t).Status.Sources[0].Hint; len(hint) > textMost {
		t.Errorf("status has a text of %d bytes", len(hint))
	}
	if p.memory.seen.Load() != nil {
		t.Error("what status has is remembered beside it")
	}
}
