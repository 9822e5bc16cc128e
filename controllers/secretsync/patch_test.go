package secretsync

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
