// Package controlplane runs a real Kubernetes control plane on this machine: etcd, kube-apiserver
// and kube-controller-manager, with kubectl beside them. There are no nodes: pods are made, and stay
// pending; everything else is as in a cluster, garbage collection and RBAC among it.
//
// The programs come once for each version into a cache outside the checkout: downloaded as Kubernetes
// releases them where that can be reached, else built from the Go modules of Kubernetes and etcd, which
// needs Go alone and takes some minutes. The modules kubernetes-1.37 and kubernetes-1.35 beside this
// file pin the versions. A directory with all four programs in KUBEBUILDER_ASSETS is taken instead, as it
// is; envtest's own archives lack kube-controller-manager, and are not.
//
// Stop leaves no process and no file behind, nor does a parent that is killed or interrupted before it
// gets there.
//
// It is for tests and the demo, and may import controller-runtime's envtest.
package controlplane
