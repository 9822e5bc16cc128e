package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// large is a text of 1.2 MB, which is near the maximum size of an object in etcd.
func large() string { return strings.Repeat("x", 1_200_000) }

// many returns different texts of a size.
func many(count, size int) []string {
	var all []string
	for n := range count {
		all = append(all, fmt.Sprintf("%0*d", size, n))
	}
	return all
}

func pairs(count, size int) map[string]string {
	all := map[string]string{}
	for _, text := range many(count, size) {
		all[text] = text
	}
	return all
}

// The memory of a cached SecretSync is bounded, whichever of its fields is large, even if a less strict CRD has
// accepted it.
func TestWhatTheCacheHoldsOfAnObjectIsBounded(t *testing.T) {
	for name, grow := range map[string]func(*v1alpha1.SecretSync){
		"labels":      func(s *v1alpha1.SecretSync) { s.Labels = pairs(9000, 63) },
		"annotations": func(s *v1alpha1.SecretSync) { s.Annotations = map[string]string{"a/last-applied": large()} },
		"a refresh": func(s *v1alpha1.SecretSync) {
			s.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: large()}
		},
		"finalizers":    func(s *v1alpha1.SecretSync) { s.Finalizers = many(9000, 120) },
		"owners":        func(s *v1alpha1.SecretSync) { s.OwnerReferences = []metav1.OwnerReference{{Name: large()}} },
		"managedFields": func(s *v1alpha1.SecretSync) { s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: large()}} },
		"a template": func(s *v1alpha1.SecretSync) {
			s.Spec.Template = &v1alpha1.Template{Data: map[string]string{"a": large()}}
		},
		"templates": func(s *v1alpha1.SecretSync) { s.Spec.Template = &v1alpha1.Template{Data: pairs(5000, 120)} },
		"the Secret's annotations": func(s *v1alpha1.SecretSync) {
			s.Spec.Target.Annotations = map[string]v1alpha1.AnnotationValue{"a": v1alpha1.AnnotationValue(large())}
		},
		"the Secret's name": func(s *v1alpha1.SecretSync) { s.Spec.Target.Name = large() },
		"the Secret's type": func(s *v1alpha1.SecretSync) { s.Spec.Target.Type = large() },
		"the secret's id":   func(s *v1alpha1.SecretSync) { s.Spec.Source.SecretID = large() },
		"the region":        func(s *v1alpha1.SecretSync) { s.Spec.Source.Region = large() },
		"keys": func(s *v1alpha1.SecretSync) {
			for _, text := range many(5000, 120) {
				s.Spec.Data = append(s.Spec.Data, v1alpha1.DataKey{Key: text, Source: &v1alpha1.EntrySource{SecretID: text}})
			}
		},
		"finds": func(s *v1alpha1.SecretSync) {
			for _, text := range many(2000, 200) {
				s.Spec.DataFrom = append(s.Spec.DataFrom, v1alpha1.DataFrom{Find: &v1alpha1.Find{NamePrefix: text, NamePattern: text, Region: text, Tags: pairs(5, 10)}})
			}
		},
		"patterns": func(s *v1alpha1.SecretSync) { s.Spec.DataFrom = []v1alpha1.DataFrom{{Include: many(9000, 120)}} },
		"status": func(s *v1alpha1.SecretSync) {
			for _, text := range many(2000, 500) {
				s.Status.Sources = append(s.Status.Sources, v1alpha1.SourceStatus{SecretID: text})
			}
		},
		"the Secret's keys in status": func(s *v1alpha1.SecretSync) {
			s.Status.Secret = &v1alpha1.SecretStatus{Name: large(), Keys: many(9000, 120)}
		},
	} {
		object := &v1alpha1.SecretSync{}
		object.Namespace, object.Name = "mallory", "m"
		grow(object)
		before := sizeOf(reflect.ValueOf(object))
		kept, err := abridge(object)
		if err != nil {
			t.Fatal(err)
		}
		if after := sizeOf(reflect.ValueOf(kept)); before < 500_000 || after > maxWhole {
			t.Errorf("%s: the cache holds %d bytes of %d, more than %d", name, after, before, maxWhole)
		}
		if again, _ := abridge(kept); again != kept {
			t.Errorf("%s: what is abridged is abridged once more", name)
		}
	}
}

// An abridged SecretSync has what watches and change events need.
func TestAnAbridgedSecretSyncHasWhatWatchesNeed(t *testing.T) {
	object := &v1alpha1.SecretSync{}
	object.Name, object.UID, object.ResourceVersion, object.Generation = "db", "uid", "7", 3
	object.DeletionTimestamp = &metav1.Time{}
	object.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now", "other": "x"}
	object.Spec.Suspend, object.Spec.Mode = true, v1alpha1.SyncModeObserve
	object.Spec.Target = v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge, Type: "Opaque", Labels: map[string]v1alpha1.LabelValue{"a": "b"}}
	object.Spec.Source = v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1", VersionStage: "blue"}
	object.Spec.DataFrom = []v1alpha1.DataFrom{
		{Include: many(600, 120)},
		{Find: &v1alpha1.Find{NamePrefix: "/prod/", NamePattern: ".*", Region: "eu-west-1", Tags: map[string]string{"a": "b"}}},
		{Find: &v1alpha1.Find{NamePrefix: "/" + strings.Repeat("p", 500), NamePattern: strings.Repeat(".", 500)}},
	}
	object.Status.ObservedGeneration = 3
	object.Status.Secret = &v1alpha1.SecretStatus{Name: "former", Generation: 2, Keys: []string{"a"}}
	object.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "Suspended", Message: "m"}, {Type: "Stalled"}}
	want := &v1alpha1.SecretSync{}
	want.Name, want.UID, want.ResourceVersion, want.Generation, want.DeletionTimestamp = "db", "uid", "7", 3, &metav1.Time{}
	want.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
	want.Spec.Suspend, want.Spec.Mode = true, v1alpha1.SyncModeObserve
	want.Spec.Target = v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge, Type: "Opaque"}
	want.Spec.Source = v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1"}
	want.Spec.DataFrom = []v1alpha1.DataFrom{
		{Find: &v1alpha1.Find{NamePrefix: "/prod/", NamePattern: ".*", Region: "eu-west-1"}},
		{Find: &v1alpha1.Find{NamePrefix: "/" + strings.Repeat("p", maxFind-1)}},
	}
	want.Status.ObservedGeneration = 3
	want.Status.Secret = &v1alpha1.SecretStatus{Name: "former", Generation: 2}
	want.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "Suspended"}}
	kept, err := abridge(object)
	if err != nil {
		t.Fatal(err)
	}
	got := kept.(*v1alpha1.SecretSync)
	if got.Abridged == nil || len(got.Abridged.Follows) != 1 {
		t.Fatalf("it follows %v", got.Abridged)
	}
	want.Abridged = got.Abridged
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// An ordinary SecretSync is cached with all that a reconcile needs, which then reads nothing from the API server.
func TestOrdinarySecretSyncsAreKeptWhole(t *testing.T) {
	object := &v1alpha1.SecretSync{}
	object.Name, object.Labels, object.Finalizers = "db", map[string]string{"a": "b"}, []string{v1alpha1.FinalizerMerge, "other"}
	object.Spec.Source.SecretID = "db"
	for _, text := range many(50, 20) {
		object.Spec.Data = append(object.Spec.Data, v1alpha1.DataKey{Key: text, Source: &v1alpha1.EntrySource{SecretID: text}})
		object.Status.Sources = append(object.Status.Sources, v1alpha1.SourceStatus{SecretID: text})
	}
	object.Spec.Template = &v1alpha1.Template{Data: map[string]string{"a": strings.Repeat("x", 4000)}}
	want := object.DeepCopy()
	want.Labels = nil
	if _, err := abridge(object); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, object); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestALongOwnerAnnotationIsCut(t *testing.T) {
	metadata := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationOwner: large()}}}
	if _, err := slim(metadata); err != nil {
		t.Fatal(err)
	}
	if got := len(metadata.Annotations[v1alpha1.AnnotationOwner]); got != maxName+1 {
		t.Errorf("%d bytes of the name of an owner are kept", got)
	}
}
