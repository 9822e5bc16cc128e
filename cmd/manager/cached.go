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
	// maxWhole is the maximum size of a SecretSync, in bytes of memory, that is cached whole. A larger SecretSync is
	// abridged: the cache keeps what watches and change events need, and each reconcile reads it from the API server.
	maxWhole = 32 << 10
	// maxName is the maximum length of a name in Kubernetes, and how much of a request for a refresh is kept.
	maxName = 253
	// maxSecretID and maxFind are how much an abridged SecretSync keeps of a secret's id, and of a prefix or a
	// pattern of names. If a prefix is cut or a pattern left out, more events concern the SecretSync.
	maxSecretID, maxFind = 2048, 128
	// maxFinds and maxFollows bound what an older or less strict CRD has accepted.
	maxFinds, maxFollows = 32, 2048
)

// slim removes from a Secret's metadata what the controller does not read.
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
	metadata.Annotations = readAnnotations(metadata.Annotations)
	return metadata, nil
}

// readAnnotations are the annotations of a Secret that the controller reads; nil if there are none. Annotations may
// have 256 KiB: a value that is too long to be valid is cut to a length that is still too long.
func readAnnotations(annotations map[string]string) (kept map[string]string) {
	for name, most := range map[string]int{v1alpha1.AnnotationOwner: maxName, v1alpha1.AnnotationMergeFrom: target.AnnotationMost} {
		if value, present := annotations[name]; present {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[name] = cut(value, most+1)
		}
	}
	return kept
}

// abridge removes from a SecretSync's metadata what the controller does not read. Of a large SecretSync it keeps only
// what watches and change events need. Finalizers stay, because they are written back whole.
func abridge(object any) (any, error) {
	secretSync, ok := object.(*v1alpha1.SecretSync)
	if !ok {
		return object, nil
	}
	secretSync.ManagedFields, secretSync.Labels, secretSync.OwnerReferences = nil, nil, nil
	if refresh, requested := secretSync.Annotations[v1alpha1.AnnotationRefreshRequestedAt]; requested {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: cut(refresh, maxName)}
	} else {
		secretSync.Annotations = nil
	}
	if secretSync.Abridged != nil || sizeOf(reflect.ValueOf(secretSync)) <= maxWhole {
		return secretSync, nil
	}
	spec, status := &secretSync.Spec, &secretSync.Status
	kept := &v1alpha1.SecretSync{TypeMeta: secretSync.TypeMeta, ObjectMeta: secretSync.ObjectMeta, Unreadable: secretSync.Unreadable}
	kept.Finalizers = nil
	kept.Abridged = &v1alpha1.Abridged{Follows: notify.Digests(spec, maxFollows)}
	kept.Spec.Suspend, kept.Spec.Mode, kept.Spec.Target = spec.Suspend, spec.Mode, spec.Target
	kept.Spec.Target.Labels, kept.Spec.Target.Annotations = nil, nil
	kept.Spec.Target.Name, kept.Spec.Target.Type = cut(spec.Target.Name, maxName+1), cut(spec.Target.Type, maxName+1)
	kept.Spec.Source.SecretID, kept.Spec.Source.Region = cut(spec.Source.SecretID, maxSecretID), cut(spec.Source.Region, maxFind)
	kept.Spec.DataFrom = findsOf(spec)
	kept.Status.ObservedGeneration = status.ObservedGeneration
	if written := status.Secret; written != nil {
		kept.Status.Secret = &v1alpha1.SecretStatus{
			Name: cut(written.Name, maxName+1), Generation: written.Generation, CreationPolicy: written.CreationPolicy,
		}
	}
	for _, condition := range status.Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			kept.Status.Conditions = []metav1.Condition{{Type: condition.Type, Status: condition.Status, Reason: cut(condition.Reason, maxName)}}
		}
	}
	return kept, nil
}

// findsOf are the entries with a find, with what change events need of them.
func findsOf(spec *v1alpha1.SecretSyncSpec) (kept []v1alpha1.DataFrom) {
	for i := range spec.DataFrom {
		find := spec.DataFrom[i].Find
		if find == nil || len(kept) == maxFinds {
			continue
		}
		abridged := &v1alpha1.Find{NamePrefix: cut(find.NamePrefix, maxFind), Region: cut(find.Region, maxFind)}
		if len(find.NamePattern) <= maxFind {
			abridged.NamePattern = find.NamePattern
		}
		kept = append(kept, v1alpha1.DataFrom{Find: abridged})
	}
	return kept
}

// cut shortens a text. It copies the part, which would keep the whole text in memory otherwise.
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
			return 0 // The time zone is shared.
		}
		for _, field := range value.Fields() {
			size += sizeOf(field)
		}
	default:
	}
	return size
}
