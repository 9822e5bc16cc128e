package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// selector selects the SecretSyncs of this shard by their labels. By default it selects all.
func (o *options) selector() (labels.Selector, error) { return labels.Parse(o.watchLabelSelector) }

// operator is the name of this operator in status: the namespace and the name of its Lease. All replicas have the same one.
func (o *options) operator() string {
	if namespace := cmp.Or(o.leaderElectionNamespace, o.podNamespace); namespace != "" {
		return namespace + "/" + o.leaderElectionID
	}
	return o.leaderElectionID
}

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
