// Package v1alpha1 is the contract between SecretSync and its users: the kind SecretSync, its validation, its condition
// types and their reasons. It holds types and accessors, no logic, and imports only the k8s.io API modules, so that
// other programs can import it cheaply.
//
// Each field documents its default, but the operator applies it and never writes it into spec: a GitOps tool that
// compares the stored object with its manifest sees no difference.
//
// +kubebuilder:object:generate=true
// +groupName=secretsync.dev
package v1alpha1
