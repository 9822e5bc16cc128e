package main

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
)

// fieldManager is the name under which the plugin changes objects.
const fieldManager = "kubectl-secretsync"

// cluster is the API server of the user's context.
type cluster struct {
	client.WithWatch
	// namespace is that of the flags, or of the context.
	namespace string
}

// cluster connects to the API server. It sends no request.
func (c *cli) cluster() (*cluster, error) {
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, undetermined("%v", err)
	}
	namespace, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, undetermined("%v", err)
	}
	config.QPS = -1 // The API server bounds what one user may ask (API Priority and Fairness).
	config.UserAgent = fieldManager + "/" + version
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme), appsv1.AddToScheme(scheme), coordinationv1.AddToScheme(scheme),
		authenticationv1.AddToScheme(scheme), authorizationv1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	connected, err := client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: knownKinds()})
	return &cluster{WithWatch: connected, namespace: namespace}, err
}

// knownKinds are the kinds that the plugin reads, so that it does not ask the API server for all that there are.
func knownKinds() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for kind, scope := range map[schema.GroupVersionKind]meta.RESTScope{
		v1alpha1.GroupVersion.WithKind("SecretSync"):                       meta.RESTScopeNamespace,
		corev1.SchemeGroupVersion.WithKind("Secret"):                       meta.RESTScopeNamespace,
		corev1.SchemeGroupVersion.WithKind("Pod"):                          meta.RESTScopeNamespace,
		corev1.SchemeGroupVersion.WithKind("ServiceAccount"):               meta.RESTScopeNamespace,
		corev1.SchemeGroupVersion.WithKind("ResourceQuota"):                meta.RESTScopeNamespace,
		appsv1.SchemeGroupVersion.WithKind("Deployment"):                   meta.RESTScopeNamespace,
		coordinationv1.SchemeGroupVersion.WithKind("Lease"):                meta.RESTScopeNamespace,
		authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview"): meta.RESTScopeRoot,
		doctor.CRDKind(): meta.RESTScopeRoot,
		authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"): meta.RESTScopeRoot,
	} {
		mapper.Add(kind, scope)
	}
	return mapper
}

// user is the name by which the API server knows the user; empty if it does not say.
func (c *cluster) user(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return ""
	}
	return review.Status.UserInfo.Username
}

// secretSync reads a SecretSync of the namespace.
func (c *cluster) secretSync(ctx context.Context, name string) (*v1alpha1.SecretSync, error) {
	found := &v1alpha1.SecretSync{}
	err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, found)
	return found, refused(err)
}

// find connects to the cluster and reads a SecretSync of the namespace.
func (c *cli) find(ctx context.Context, name string) (*cluster, *v1alpha1.SecretSync, error) {
	k, err := c.cluster()
	if err != nil {
		return nil, nil, err
	}
	found, err := k.secretSync(ctx, name)
	return k, found, err
}
