package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// handedBack is the field manager that keys get which a SecretSync gives up without removing them. A key that no field
// manager holds goes with the last key that an apply removes (merge of structured-merge-diff).
const handedBack = "secretsync-handed-back"

// keyHandOver is what the annotation of a Secret hands over to a SecretSync.
type keyHandOver struct {
	keys []string
	// annotated says that the Secret has the annotation, for whatever SecretSync.
	annotated bool
}

// keysHandedOver reads the annotation: entries <SecretSync>/<key>, separated by commas or blanks. An annotation that is
// too long hands over nothing.
func keysHandedOver(annotations map[string]string, owner string) (handed keyHandOver) {
	annotation, annotated := annotations[v1alpha1.AnnotationHandOver]
	handed.annotated = annotated
	if len(annotation) > AnnotationMost {
		return handed
	}
	for _, entry := range strings.FieldsFunc(annotation, func(r rune) bool { return r == ',' || r == ' ' }) {
		if to, key, named := strings.Cut(entry, "/"); named && to == owner && key != "" {
			handed.keys = append(handed.keys, key)
		}
	}
	return handed
}

// remedy says how keys are handed over. The annotation is not quoted: it may be long, and belongs to the owner.
func (h keyHandOver) remedy(desired Desired, keys []string) string {
	entries := make([]string, len(keys))
	for i, key := range keys {
		entries[i] = desired.Owner + "/" + key
	}
	if h.annotated {
		return fmt.Sprintf("add %s to the Secret's annotation %s, after a comma, which hands over what it names", strings.Join(entries, ","), v1alpha1.AnnotationHandOver)
	}
	return fmt.Sprintf(`hand over by "kubectl annotate secret %s -n %s %s=%s"`, desired.Name, desired.Namespace, v1alpha1.AnnotationHandOver, strings.Join(entries, ","))
}

// dropped are the keys handed over that are not desired.
func (h keyHandOver) dropped(desired Desired) []string {
	return slices.DeleteFunc(slices.Clone(h.keys), func(key string) bool {
		_, stays := desired.Data[key]
		return stays
	})
}

// dropsHandedOver says whether the SecretSync still holds a key of the Secret that was handed over and is not desired: one
// that status does not have, if its write was lost.
func dropsHandedOver(desired Desired, handed keyHandOver, secret *corev1.Secret) bool {
	return slices.ContainsFunc(handed.dropped(desired), func(key string) bool {
		return slices.Contains(holdersOf(secret.ManagedFields, key), FieldOwner(desired.Owner))
	})
}

// handBack gives up keys that were handed over, without removing them. It updates found, whose resourceVersion is a
// precondition.
func (w *Writer) handBack(ctx context.Context, owner string, found *metav1.PartialObjectMetadata, keys []string) error {
	records, changed := withoutKeys(found.ManagedFields, FieldOwner(owner), keys)
	if !changed {
		return nil
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": records},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": found.ResourceVersion},
	})
	if err != nil {
		return errors.New("encoding field managers failed")
	}
	return w.Client.Patch(ctx, found, client.RawPatch(types.JSONPatchType, patch))
}

// withoutKeys are the records of field managers, in which some keys of data have moved from one manager to handedBack.
func withoutKeys(records []metav1.ManagedFieldsEntry, manager string, keys []string) (left []metav1.ManagedFieldsEntry, changed bool) {
	given := fieldpath.NewSet()
	for _, key := range keys {
		given.Insert(fieldpath.MakePathOrDie("data", key))
	}
	moved := fieldpath.NewSet()
	for _, record := range records {
		held, known := fieldsIn(record)
		if record.Manager != manager || !known || held.Intersection(given).Empty() {
			left = append(left, record)
			continue
		}
		moved = moved.Union(held.Intersection(given))
		left = append(left, withFields(record, held.Difference(given)))
	}
	if moved.Empty() {
		return records, false
	}
	for i, record := range left {
		if held, known := fieldsIn(record); known && record.Manager == handedBack {
			left[i] = withFields(record, held.Union(moved))
			return left, true
		}
	}
	now := metav1.Now()
	return append(left, withFields(metav1.ManagedFieldsEntry{
		Manager: handedBack, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: corev1.SchemeGroupVersion.String(), FieldsType: "FieldsV1", Time: &now,
	}, moved)), true
}

// fieldsIn are the fields that a record has.
func fieldsIn(record metav1.ManagedFieldsEntry) (fields *fieldpath.Set, known bool) {
	fields = fieldpath.NewSet()
	return fields, record.FieldsV1 != nil && fields.FromJSON(bytes.NewReader(record.FieldsV1.GetRawBytes())) == nil
}

// withFields is a record with other fields. Names of keys can always be encoded.
func withFields(record metav1.ManagedFieldsEntry, fields *fieldpath.Set) metav1.ManagedFieldsEntry {
	if encoded, err := fields.ToJSON(); err == nil {
		record.FieldsV1 = metav1.NewFieldsV1(string(encoded))
	}
	return record
}
