// Package v1alpha1 is the contract between SecretSync and its users: the SecretSync kind, its
// validation, its condition types and the reasons they carry. It holds types and accessors, no
// logic, and imports the k8s.io API modules alone, so that other programs can use it cheaply.
//
// Defaults are documented on each field but applied by the controller, never written into spec:
// a GitOps tool that compares the stored object with its manifest sees no difference.
//
// +kubebuilder:object:generate=true
// +groupName=secretsync.dev
package v1alpha1
