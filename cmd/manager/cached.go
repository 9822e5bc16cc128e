package main

import (
	"reflect"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/notify"
	"github.com/secretsync/secretsync/controllers/target"
)

const (
	// keptMost is how large a SecretSync may be, in bytes of memory, to be kept as it is. Of a larger one the cache keeps
	// what watches and change events need, and each pass reads it from the API server.
	keptMost = 32 << 10
	// nameMost is how long a name may be in Kubernetes, and how much counts of a request for a refresh.
	nameMost = 253
	// secretIDMost and findMost are how much of the id of a secret, and of a prefix or a pattern of names, is kept of a
	// SecretSync that is not kept whole. A prefix that is cut and a pattern that is left out let more events concern it.
	secretIDMost, findMost = 2048, 128
	// findsMost and followsMost bound what an older or weaker CRD has let pass.
	findsMost, followsMost = 32, 2048
)

// slim leaves of a Secret's metadata what the controller asks for.
func slim(object any) (any, error) {
	metadata, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil
	}
	controller := metav1.GetControllerOfNoCopy(metadata)
	metadata.ManagedFields, metadata.Labels, metadata.OwnerReferences = nil, nil, nil
	if controller != nil {
		metadata.OwnerReferences = []metav1.OwnerReference{{UID: controller.UID, Controller: controller.Controller}}
	}
	metadata.Annotations = asked(metadata.Annotations)
	return metadata, nil
}

// asked are those of a Secret's annotations that the controller asks for; nil where there are none. What is too long to
// mean anything is cut to what shows that: annotations may have 256 KiB.
func asked(annotations map[string]string) (kept map[string]string) {
	for name, most := range map[string]int{v1alpha1.AnnotationOwner: nameMost, v1alpha1.AnnotationMergeFrom: target.AnnotationMost} {
		if value, marked := annotations[name]; marked {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[name] = cut(value, most+1)
		}
	}
	return kept
}

// abridge leaves of a SecretSync's metadata what the controller asks for, and of one that is large what watches and change
// events need. Finalizers stay: they are written back whole.
func abridge(object any) (any, error) {
	secretSync, ok := object.(*v1alpha1.SecretSync)
	if !ok {
		return object, nil
	}
	secretSync.ManagedFields, secretSync.Labels, secretSync.OwnerReferences = nil, nil, nil
	if refresh, asked := secretSync.Annotations[v1alpha1.AnnotationRefreshRequestedAt]; asked {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: cut(refresh, nameMost)}
	} else {
		secretSync.Annotations = nil
	}
	if secretSync.Abridged != nil || sizeOf(reflect.ValueOf(secretSync)) <= keptMost {
		return secretSync, nil
	}
	spec, status := &secretSync.Spec, &secretSync.Status
	kept := &v1alpha1.SecretSync{TypeMeta: secretSync.TypeMeta, ObjectMeta: secretSync.ObjectMeta, Unreadable: secretSync.Unreadable}
	kept.Finalizers = nil
	kept.Abridged = &v1alpha1.Abridged{Follows: notify.Digests(spec, followsMost)}
	kept.Spec.Suspend, kept.Spec.Mode, kept.Spec.Target = spec.Suspend, spec.Mode, spec.Target
	kept.Spec.Target.Labels, kept.Spec.Target.Annotations = nil, nil
	kept.Spec.Target.Name, kept.Spec.Target.Type = cut(spec.Target.Name, nameMost+1), cut(spec.Target.Type, nameMost+1)
	kept.Spec.Source.SecretID, kept.Spec.Source.Region = cut(spec.Source.SecretID, secretIDMost), cut(spec.Source.Region, findMost)
	kept.Spec.DataFrom = findsOf(spec)
	kept.Status.ObservedGeneration = status.ObservedGeneration
	if written := status.Secret; written != nil {
		kept.Status.Secret = &v1alpha1.SecretStatus{
			Name: cut(written.Name, nameMost+1), Generation: written.Generation, CreationPolicy: written.CreationPolicy,
		}
	}
	for _, condition := range status.Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			kept.Status.Conditions = []metav1.Condition{{Type: condition.Type, Status: condition.Status, Reason: cut(condition.Reason, nameMost)}}
		}
	}
	return kept, nil
}

// findsOf are the entries that look for secrets, as far as change events need them.
func findsOf(spec *v1alpha1.SecretSyncSpec) (kept []v1alpha1.DataFrom) {
	for i := range spec.DataFrom {
		find := spec.DataFrom[i].Find
		if find == nil || len(kept) == findsMost {
			continue
		}
		one := &v1alpha1.Find{NamePrefix: cut(find.NamePrefix, findMost), Region: cut(find.Region, findMost)}
		if len(find.NamePattern) <= findMost {
			one.NamePattern = find.NamePattern
		}
		kept = append(kept, v1alpha1.DataFrom{Find: one})
	}
	return kept
}

// cut shortens a text, which it copies then: a part of it would keep all of it in memory.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.Clone(text[:most])
}

// sizeOf is how much memory a value refers to, in bytes.
func sizeOf(value reflect.Value) (size int) {
	switch value.Kind() {
	case reflect.String:
		return value.Len()
	case reflect.Pointer:
		if !value.IsNil() {
			return int(value.Type().Elem().Size()) + sizeOf(value.Elem())
		}
	case reflect.Slice:
		size = value.Len() * int(value.Type().Elem().Size())
		for i := range value.Len() {
			size += sizeOf(value.Index(i))
		}
	case reflect.Map:
		for each := value.MapRange(); each.Next(); {
			size += int(each.Key().Type().Size()+each.Value().Type().Size()) + sizeOf(each.Key()) + sizeOf(each.Value())
		}
	case reflect.Struct:
		if value.Type() == reflect.TypeFor[time.Time]() {
			return 0 // Its zone is shared by all.
		}
		for _, field := range value.Fields() {
			size += sizeOf(field)
		}
	default:
	}
	return size
}
