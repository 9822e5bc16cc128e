package main

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// selector selects the SecretSyncs of this shard by their labels. By default it selects all.
func (o *options) selector() (labels.Selector, error) { return labels.Parse(o.watchLabelSelector) }

// scope says in words which SecretSyncs this operator works on. All replicas of an operator have the same one.
func (o *options) scope() string {
	where, which := "all namespaces", "all labels"
	if namespaces := slices.Compact(slices.Sorted(slices.Values(o.namespaces()))); len(namespaces) > 0 {
		where = "namespaces " + strings.Join(namespaces, ",")
	}
	// A selector has a canonical text.
	if selector, err := o.selector(); err == nil && !selector.Empty() {
		which = "labels " + selector.String()
	}
	return fmt.Sprintf("%s, %s", where, which)
}
