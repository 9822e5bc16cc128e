package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// changeKind is the kind of a difference.
type changeKind string

// Kinds of differences.
const (
	changeAdded       changeKind = "+"
	changeRemoved     changeKind = "-"
	changeValue       changeKind = "~"
	changeType        changeKind = "type"
	changeOwner       changeKind = "owner"
	changeImmutable   changeKind = "immutable"
	changeRefused     changeKind = "refused"
	changeNotCompared changeKind = "?"
)

// notCompared are keys of which it is not known whether they would change.
func notCompared(item diffItem, keys []string) (items []diffItem) {
	if len(keys) == 0 {
		keys = []string{""}
	}
	for _, key := range keys {
		items = append(items, item.of(changeNotCompared, key, "not compared"))
	}
	return items
}

// differences are those between what a sync would write and the Secret; nil means that there is no Secret. Values are
// compared, and not given.
func differences(item diffItem, secretSync *v1alpha1.SecretSync, wanted target.Desired, live *corev1.Secret) (items []diffItem) {
	if live == nil {
		if live = (&corev1.Secret{Type: wanted.Type}); wanted.Merge {
			return []diffItem{item.of(changeRefused, "", "the Secret to merge into does not exist")}
		}
	} else if !wanted.Merge {
		items = objectDifferences(item, wanted, live)
	}
	changes := keyDifferences(item, wanted, live)
	if written := secretSync.Status.Secret; written != nil && written.Name == live.Name {
		for _, key := range slices.Sorted(slices.Values(written.Keys)) {
			_, stays := wanted.Data[key]
			if _, there := live.Data[key]; there && !stays {
				changes = append(changes, item.of(changeRemoved, key, ""))
			}
		}
	}
	if live.Immutable != nil && *live.Immutable && len(changes) > 0 {
		changes = append(changes, item.of(changeImmutable, "", "the Secret is immutable ("+replacing(wanted)+")"))
	}
	return append(items, changes...)
}

// of is a difference of the same Secret.
func (i diffItem) of(change changeKind, key, detail string) diffItem {
	i.Change, i.Key, i.Detail = change, key, detail
	return i
}

// objectDifferences are those of the owner and the type.
func objectDifferences(item diffItem, wanted target.Desired, live *corev1.Secret) (items []diffItem) {
	if owner := live.Annotations[v1alpha1.AnnotationOwner]; owner != wanted.Owner {
		belongs := "it is not managed by a SecretSync"
		if owner != "" {
			belongs = "it belongs to the SecretSync " + owner
		}
		items = append(items, item.of(changeOwner, "", belongs+", and is not written"))
	}
	if live.Type != wanted.Type {
		items = append(items, item.of(changeType, "", fmt.Sprintf("%s → %s (%s)", live.Type, wanted.Type, replacing(wanted))))
	}
	return items
}

// keyDifferences are keys that would be added or get another value.
func keyDifferences(item diffItem, wanted target.Desired, live *corev1.Secret) (items []diffItem) {
	for _, key := range slices.Sorted(maps.Keys(wanted.Data)) {
		present, there := live.Data[key]
		switch {
		case !there:
			items = append(items, item.of(changeAdded, key, ""))
		case !bytes.Equal(present, wanted.Data[key]):
			items = append(items, item.of(changeValue, key, ""))
		}
	}
	return items
}

// replacing says what happens where Kubernetes does not let a Secret change.
func replacing(wanted target.Desired) string {
	if wanted.Recreate {
		return "recreate"
	}
	return "refused: Kubernetes does not change it; set spec.target.replacePolicy: Recreate"
}

func diffTable(items []diffItem) table {
	shown := table{header: []string{"SECRET", "CHANGE", "KEY", "DETAIL"}}
	for _, item := range items {
		shown.rows = append(shown.rows, []string{item.Secret, string(item.Change), item.Key, item.Detail})
	}
	return shown
}
