package main

import (
	"context"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// annotationScope is an annotation of the Lease. It says which SecretSyncs the holder works on.
const annotationScope = "secretsync.dev/scope"

// owners returns the owner of the Lease: the pod of this operator. When the pod is gone, Kubernetes deletes the Lease,
// unless another pod holds it by then. An uninstalled operator can't release it, because its role was deleted before its
// pod ended. Kubernetes takes an owner in another namespace for deleted.
func (o *options) owners(namespace string) []metav1.OwnerReference {
	if o.podName == "" || o.podUID == "" || o.podNamespace != namespace {
		return nil
	}
	return []metav1.OwnerReference{{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Pod", Name: o.podName, UID: types.UID(o.podUID)}}
}

// markedLeases writes to each Lease who owns it and which SecretSyncs its holder works on. client-go writes neither.
type markedLeases struct {
	coordinationclient.LeasesGetter
	owners []metav1.OwnerReference
	scope  string
	log    logr.Logger
	// other is the scope of another holder that was logged last. client-go calls a lock from one goroutine.
	other string
}

func (m *markedLeases) Leases(namespace string) coordinationclient.LeaseInterface {
	return markedLease{LeaseInterface: m.LeasesGetter.Leases(namespace), leases: m}
}

type markedLease struct {
	coordinationclient.LeaseInterface
	leases *markedLeases
}

func (l markedLease) Create(ctx context.Context, lease *coordinationv1.Lease, with metav1.CreateOptions) (*coordinationv1.Lease, error) {
	l.leases.mark(lease)
	return l.LeaseInterface.Create(ctx, lease, with)
}

func (l markedLease) Update(ctx context.Context, lease *coordinationv1.Lease, with metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	l.leases.mark(lease)
	return l.LeaseInterface.Update(ctx, lease, with)
}

func (l markedLease) Get(ctx context.Context, name string, with metav1.GetOptions) (*coordinationv1.Lease, error) {
	lease, err := l.LeaseInterface.Get(ctx, name, with)
	if err == nil {
		l.leases.compare(lease)
	}
	return lease, err
}

func (m *markedLeases) mark(lease *coordinationv1.Lease) {
	lease.OwnerReferences = m.owners
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, annotationScope, m.scope)
}

// compare logs that the holder of the Lease works on other SecretSyncs than this operator, which would wait for ever.
func (m *markedLeases) compare(lease *coordinationv1.Lease) {
	held := lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != ""
	scope := lease.Annotations[annotationScope]
	if !held || scope == "" || scope == m.scope || scope == m.other {
		return
	}
	m.other = scope
	m.log.Info("waiting for a Lease whose holder works on other SecretSyncs; unless this is an update of that operator, "+
		"give each operator a Lease of its own by --leader-election-id",
		"lease", lease.Namespace+"/"+lease.Name, "holder", *lease.Spec.HolderIdentity, "itsScope", scope, "scope", m.scope)
}
