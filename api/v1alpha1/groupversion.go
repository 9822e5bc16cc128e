package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "secretsync.dev", Version: "v1alpha1"} //nolint:gochecknoglobals // the name that every Kubernetes API has for it

// AddToScheme registers the kinds of this package with a scheme, so that clients can decode them.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &SecretSync{}, &SecretSyncList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
