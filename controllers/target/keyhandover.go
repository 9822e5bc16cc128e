package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// keysHandedOver are the keys that the writer of a Secret hands over to a SecretSync, by the Secret's annotation: entries
// <SecretSync>/<key>, separated by commas or blanks. An annotation that is too long hands over nothing.
func keysHandedOver(annotations map[string]string, owner string) (keys []string) {
	annotation := annotations[v1alpha1.AnnotationHandOver]
	if len(annotation) > AnnotationMost {
		return nil
	}
	for _, entry := range strings.FieldsFunc(annotation, func(r rune) bool { return r == ',' || r == ' ' }) {
		if to, key, named := strings.Cut(entry, "/"); named && to == owner && key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// handOverRemedy is the command that hands a key over.
func handOverRemedy(desired Desired, key string) string {
	return "kubectl annotate secret " + desired.Name + " -n " + desired.Namespace + " " + v1alpha1.AnnotationHandOver + "=" + desired.Owner + "/" + key
}

// handBack gives up keys that were handed over, without removing them: the record of the SecretSync's field manager loses
// them. They stay with the other field managers that hold them, or with none. It updates found, whose resourceVersion is a
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

// withoutKeys are the records of field managers, without some keys of data in those of one manager.
func withoutKeys(records []metav1.ManagedFieldsEntry, manager string, keys []string) (left []metav1.ManagedFieldsEntry, changed bool) {
	given := fieldpath.NewSet()
	for _, key := range keys {
		given.Insert(fieldpath.MakePathOrDie("data", key))
	}
	left = slices.Clone(records)
	for i, record := range left {
		var held fieldpath.Set
		if record.Manager != manager || record.FieldsV1 == nil || held.FromJSON(bytes.NewReader(record.FieldsV1.GetRawBytes())) != nil {
			continue
		}
		kept := held.Difference(given)
		if kept.Equals(&held) {
			continue
		}
		if fields, err := kept.ToJSON(); err == nil {
			left[i].FieldsV1, changed = metav1.NewFieldsV1(string(fields)), true
		}
	}
	return left, changed
}

// dropped are the keys handed over that are no longer desired.
func dropped(keys []string, desired Desired) []string {
	return slices.DeleteFunc(keys, func(key string) bool {
		_, stays := desired.Data[key]
		return stays
	})
}
